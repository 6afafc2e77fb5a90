//! CreatePartitions (key 37): adds partitions to topics.
//!
//! Errors are the controller's (`controller::op::create_partitions`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use crate::operation::Refused;
use controller::op::create_partitions::create_partitions;
use network::RequestContext;
use protocol::messages::create_partitions_request::CreatePartitionsRequest;
use protocol::messages::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};
use std::sync::Arc;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, _context: &RequestContext, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let request = Arc::new(request);
    let asked = Arc::clone(&request);
    let decided = entrance.operate(move |state, cx| create_partitions(state, cx, &asked)).await;
    decided.unwrap_or_else(|why| refused(&request, why))
}

/// The same error for everything asked for.
fn refused(request: &CreatePartitionsRequest, refused: Refused) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|topic| CreatePartitionsTopicResult {
            name: topic.name.clone(),
            error_code: refused.code(),
            error_message: Some(refused.to_string()),
        });
    CreatePartitionsResponse { results: results.collect(), ..Default::default() }
}
