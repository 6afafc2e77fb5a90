//! DescribeConfigs (key 32): configuration with where each value comes from (KIP-133, KIP-226, KIP-569).
//!
//! Synonyms from version 1 on, types and documentation from version 3 on, if asked for. What is said and refused:
//! [`metadata::describe_configs`].

use crate::Broker;
use metadata::describe_configs::describe_configs;
use network::RequestContext;
use protocol::messages::describe_configs_request::DescribeConfigsRequest;
use protocol::messages::describe_configs_response::DescribeConfigsResponse;
use std::sync::Arc;

/// Answers from the image and from the settings in force.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let image = broker.image.borrow().image.clone();
    describe_configs(&image, &broker.config.load(), &request)
}
