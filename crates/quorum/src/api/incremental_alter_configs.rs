//! IncrementalAlterConfigs (key 44): changes single keys of the dynamic configuration of resources.
//!
//! Errors are the controller's (`controller::op::incremental_alter_configs`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use crate::operation::Refused;
use controller::op::incremental_alter_configs::incremental_alter_configs;
use network::RequestContext;
use protocol::messages::incremental_alter_configs_request::IncrementalAlterConfigsRequest;
use protocol::messages::incremental_alter_configs_response::{AlterConfigsResourceResponse, IncrementalAlterConfigsResponse};
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: IncrementalAlterConfigsRequest) -> IncrementalAlterConfigsResponse {
    let request = Arc::new(request);
    let asked = Arc::clone(&request);
    let decided = entrance.operate(move |state, cx| incremental_alter_configs(state, cx, &asked)).await;
    decided.unwrap_or_else(|why| refused(&request, why))
}

/// The same error for everything asked for.
fn refused(request: &IncrementalAlterConfigsRequest, refused: Refused) -> IncrementalAlterConfigsResponse {
    let results = request.resources.iter().map(|resource| AlterConfigsResourceResponse {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            error_code: refused.code(),
            error_message: Some(refused.to_string()),
        });
    IncrementalAlterConfigsResponse { responses: results.collect(), ..Default::default() }
}
