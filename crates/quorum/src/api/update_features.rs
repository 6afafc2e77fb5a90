//! UpdateFeatures (key 57): raises and lowers the cluster's feature levels.
//!
//! Versions 0 and 1 list every feature on success, version 2 only says that all went well. Raising `kraft.version` makes
//! the voters records of the log (KIP-853). Errors are the controller's (`controller::op::update_features`), and
//! NOT_CONTROLLER.

use crate::handle::Entrance;
use crate::operation::Decision;
use controller::op::update_features::{Results, update_features};
use network::RequestContext;
use protocol::messages::update_features_request::UpdateFeaturesRequest;
use protocol::messages::update_features_response::UpdateFeaturesResponse;
use std::sync::Arc;

/// The first version without a list of results on success.
const OVERALL_FROM: i16 = 2;

/// Decides, and answers once that is committed.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: UpdateFeaturesRequest,
) -> UpdateFeaturesResponse {
    let results = if context.api_version >= OVERALL_FROM { Results::Overall } else { Results::PerFeature };
    let decided = entrance.operate(move |state, cx| {
        let outcome = update_features(state, cx, &request, results);
        let kraft_version = outcome.response.kraft_version;
        Decision { outcome: outcome.map(|update| update.response), kraft_version }
    });
    decided.await.unwrap_or_else(|refused| UpdateFeaturesResponse {
        error_code: refused.code(),
        error_message: Some(refused.to_string()),
        ..Default::default()
    })
}
