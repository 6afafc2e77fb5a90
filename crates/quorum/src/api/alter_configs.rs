//! AlterConfigs (key 33): replaces the whole dynamic configuration of resources (the older way).
//!
//! Errors are the controller's (`controller::op::alter_configs`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use crate::operation::Refused;
use controller::op::alter_configs::alter_configs;
use network::RequestContext;
use protocol::messages::alter_configs_request::AlterConfigsRequest;
use protocol::messages::alter_configs_response::{AlterConfigsResourceResponse, AlterConfigsResponse};
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let request = Arc::new(request);
    let asked = Arc::clone(&request);
    let decided = entrance.operate(move |state, cx| alter_configs(state, cx, &asked)).await;
    decided.unwrap_or_else(|why| refused(&request, why))
}

/// The same error for everything asked for.
fn refused(request: &AlterConfigsRequest, refused: Refused) -> AlterConfigsResponse {
    let results = request.resources.iter().map(|resource| AlterConfigsResourceResponse {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            error_code: refused.code(),
            error_message: Some(refused.to_string()),
        });
    AlterConfigsResponse { responses: results.collect(), ..Default::default() }
}
