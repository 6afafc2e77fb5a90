//! CreateTopics (key 19): creates topics.
//!
//! Errors are the controller's (`controller::op::create_topics`), and NOT_CONTROLLER.

use crate::handle::Entrance;
use crate::mutation;
use crate::operation::Refused;
use controller::op::create_topics::create_topics;
use network::RequestContext;
use protocol::messages::create_topics_request::CreateTopicsRequest;
use protocol::messages::create_topics_response::{CreatableTopicResult, CreateTopicsResponse};
use std::sync::Arc;

/// The first version whose clients know THROTTLING_QUOTA_EXCEEDED.
const STRICT_FROM: i16 = 6;

/// Decides, and answers once that is committed.
pub async fn handle(entrance: &Arc<Entrance>, context: &RequestContext, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let request = Arc::new(request);
    let asked = Arc::clone(&request);
    let decided = mutation::operate(entrance, context, STRICT_FROM, move |state, cx| create_topics(state, cx, &asked)).await;
    match decided {
        Ok((response, throttle_time_ms)) => CreateTopicsResponse { throttle_time_ms, ..response },
        Err(why) => refused(&request, why),
    }
}

/// The same error for everything asked for.
fn refused(request: &CreateTopicsRequest, refused: Refused) -> CreateTopicsResponse {
    let results = request.topics.iter().map(|topic| CreatableTopicResult {
            name: topic.name.clone(),
            error_code: refused.code(),
            error_message: Some(refused.to_string()),
            ..Default::default()
        });
    CreateTopicsResponse { topics: results.collect(), ..Default::default() }
}
