//! DeleteTopics (key 20): deletes topics by name or id.
//!
//! Where `delete.topic.enable` is off, versions before 3 know no better answer than INVALID_REQUEST. Up to version 5
//! topics are a list of names, from 6 on names or ids. Errors are the controller's (`controller::op::delete_topics`), and
//! NOT_CONTROLLER.

use crate::handle::Entrance;
use crate::mutation;
use crate::operation::Refused;
use controller::op::delete_topics::{DisabledAnswer, delete_topics};
use network::RequestContext;
use protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use protocol::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use std::sync::Arc;

/// The first version whose clients know TOPIC_DELETION_DISABLED.
const DISABLED_FROM: i16 = 3;

/// The first version whose clients know THROTTLING_QUOTA_EXCEEDED.
const STRICT_FROM: i16 = 5;

/// Deletes, and answers once that is committed.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    mut request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let disabled = if context.api_version >= DISABLED_FROM {
        DisabledAnswer::TopicDeletionDisabled
    } else {
        DisabledAnswer::InvalidRequest
    };
    let named = request.topic_names.drain(..);
    request.topics.extend(named.map(|name| DeleteTopicState { name: Some(name), ..Default::default() }));
    let request = Arc::new(request);
    let asked = Arc::clone(&request);
    let decided = mutation::operate(entrance, context, STRICT_FROM, move |state, cx| {
        delete_topics(state, cx, &asked, disabled)
    });
    match decided.await {
        Ok((response, throttle_time_ms)) => DeleteTopicsResponse { throttle_time_ms, ..response },
        Err(why) => refused(&request, why),
    }
}

/// The same error for every topic.
fn refused(request: &DeleteTopicsRequest, refused: Refused) -> DeleteTopicsResponse {
    let results = request.topics.iter().map(|topic| DeletableTopicResult {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        error_code: refused.code(),
        error_message: Some(refused.to_string()),
    });
    DeleteTopicsResponse { responses: results.collect(), ..Default::default() }
}
