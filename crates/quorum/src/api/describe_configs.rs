//! DescribeConfigs (key 32) on a controller (KIP-919): as a broker answers it, of this node's own settings.
//!
//! What is said and refused: [`metadata::describe_configs`].

use crate::handle::Entrance;
use metadata::describe_configs::describe_configs;
use network::RequestContext;
use protocol::messages::describe_configs_request::DescribeConfigsRequest;
use protocol::messages::describe_configs_response::DescribeConfigsResponse;
use std::sync::Arc;

/// Answers from what is committed, whoever is the active controller.
pub async fn handle(
    entrance: &Arc<Entrance>,
    _context: &RequestContext,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let image = entrance.quorum.published.borrow().image.clone();
    let settings = entrance.quorum.settings.borrow().clone();
    describe_configs(&image, &settings, &request)
}
