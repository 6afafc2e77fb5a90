//! CreatePartitions (key 37): adds partitions to topics.
//!
//! Errors are the controller's (`controller::op::create_partitions`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use crate::mutation;
use crate::operation::Refused;
use controller::op::create_partitions::create_partitions;
use network::RequestContext;
use protocol::messages::create_partitions_request::CreatePartitionsRequest;
use protocol::messages::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};
use std::sync::Arc;

/// The first version whose clients know THROTTLING_QUOTA_EXCEEDED.
const STRICT_FROM: i16 = 3;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, context: &RequestContext, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let request = Arc::new(request);
    let asked = Arc::clone(&request);
    let decided = mutation::operate(entrance, context, STRICT_FROM, move |state, cx| create_partitions(state, cx, &asked)).await;
    match decided {
        Ok((response, throttle_time_ms)) => CreatePartitionsResponse { throttle_time_ms, ..response },
        Err(why) => refused(&request, why),
    }
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
