//! ConsumerGroupHeartbeat (68): a member of a consumer group joins, is alive, says what it has, and leaves. KIP-848.
//! Errors: INVALID_REQUEST, UNSUPPORTED_ASSIGNOR, GROUP_ID_NOT_FOUND, GROUP_MAX_SIZE_REACHED, UNKNOWN_MEMBER_ID,
//! FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID, INVALID_REGULAR_EXPRESSION.

use super::{answer, answer_with};
use crate::assignor::PartitionAssignor;
use crate::classic::group::Phase;
use crate::completion::{Answer, Outcome};
use crate::consumer::draft::Draft;
use crate::consumer::heartbeat::{self, Heartbeat};
use crate::consumer::member::{AWAY, LEFT};
use crate::consumer::refusal::Refusal;
use crate::consumer::upgrade;
use crate::coordinator::GroupCoordinator;
use crate::record::GroupRecord;
use crate::state::GroupState;
use coordinator_runtime::Moment;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
use protocol::messages::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
use std::sync::Arc;

/// Who gives a new member its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberIds {
    /// The client: from version 1 (KIP-1082).
    FromClient,
    /// The coordinator, if the client has none.
    FromCoordinator,
}

/// What is wrong with a request whatever the group is like.
///
/// # Errors
/// INVALID_REQUEST, UNSUPPORTED_ASSIGNOR.
pub fn check(
    request: &ConsumerGroupHeartbeatRequest,
    ids: MemberIds,
    assignors: &[PartitionAssignor],
) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let is_blank = |text: Option<&String>| text.is_some_and(|text| text.trim().is_empty());
    let needs_id = ids == MemberIds::FromClient || request.member_epoch > 0 || request.member_epoch == LEFT;
    if needs_id && is_blank(Some(&request.member_id)) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(Some(&request.group_id)) {
        return invalid("GroupId can't be empty.");
    }
    if is_blank(request.instance_id.as_ref()) {
        return invalid("InstanceId can't be empty.");
    }
    if is_blank(request.rack_id.as_ref()) {
        return invalid("RackId can't be empty.");
    }
    match request.member_epoch {
        0 => check_join(request)?,
        AWAY if request.instance_id.is_none() => return invalid("InstanceId can't be null."),
        ..AWAY => return invalid("MemberEpoch is invalid."),
        _ => {}
    }
    check_assignor(request, assignors)
}

fn check_join(request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    if request.rebalance_timeout_ms == -1 {
        return invalid("RebalanceTimeoutMs must be provided in first request.");
    }
    if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
        return invalid("TopicPartitions must be empty when (re-)joining.");
    }
    if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
        return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
    }
    Ok(())
}

fn check_assignor(request: &ConsumerGroupHeartbeatRequest, assignors: &[PartitionAssignor]) -> Result<(), Refusal> {
    let Some(asked) = &request.server_assignor else {
        return Ok(());
    };
    if assignors.iter().any(|assignor| assignor.name() == asked) {
        return Ok(());
    }
    let names: Vec<&str> = assignors.iter().map(|assignor| assignor.name()).collect();
    Err(Refusal::new(
        ErrorCode::UnsupportedAssignor,
        format!(
            "ServerAssignor {asked} is not supported. Supported assignors: {}.",
            names.join(", ")
        ),
    ))
}

/// Takes a heartbeat that has passed [`check`].
pub fn consumer_group_heartbeat(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    moment: Moment,
    heartbeat: &Heartbeat,
    token: Token,
) -> Outcome {
    coordinator.desk.moment = moment;
    match take(coordinator, state, heartbeat) {
        Ok((records, response)) => answer_with(records, token, Answer::ConsumerGroupHeartbeat(response)),
        Err(refusal) => answer(token, Answer::ConsumerGroupHeartbeat(refused(&refusal))),
    }
}

/// The answer to a heartbeat that is refused.
pub fn refused(refusal: &Refusal) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error_code: refusal.code.code(),
        error_message: Some(refusal.message.clone()),
        ..Default::default()
    }
}

type Taken = (Vec<GroupRecord>, ConsumerGroupHeartbeatResponse);

fn take(coordinator: &mut GroupCoordinator, state: &GroupState, heartbeat: &Heartbeat) -> Result<Taken, Refusal> {
    let request = &heartbeat.request;
    let id: Arc<str> = request.group_id.as_str().into();
    if matches!(request.member_epoch, LEFT | AWAY) {
        let group = state.consumer(&id).ok_or_else(|| no_consumer_group(state, &id))?;
        let mut draft = Draft::of(id, group);
        let response = heartbeat::leave(&mut coordinator.desk, &mut draft, request)?;
        return Ok((coordinator.finish(draft), response));
    }
    let mut draft = begin(coordinator, state, id, request.member_epoch)?;
    let response = heartbeat::heartbeat(&mut coordinator.desk, &mut draft, heartbeat)?;
    Ok((coordinator.finish(draft), response))
}

/// The group that is there, or a new one for somebody who joins.
fn begin(
    coordinator: &mut GroupCoordinator,
    state: &GroupState,
    id: Arc<str>,
    member_epoch: i32,
) -> Result<Draft, Refusal> {
    if let Some(group) = state.consumer(&id) {
        return Ok(Draft::of(id, group));
    }
    let joins = member_epoch == 0;
    match coordinator.open(state, &id) {
        None if joins => Ok(Draft::new(id, Vec::new())),
        None => Err(Refusal::not_found(format!("Consumer group {id} not found."))),
        Some((group, _)) if joins && group.phase == Phase::Empty => {
            let end = GroupRecord::Group {
                group: Arc::clone(&id),
                value: None,
            };
            Ok(Draft::new(id, vec![end]))
        }
        Some((group, desk)) if joins => upgrade::upgrade(desk, group),
        Some(_) => Err(no_consumer_group(state, &id)),
    }
}

fn no_consumer_group(state: &GroupState, id: &str) -> Refusal {
    match state.group(id) {
        Some(_) => Refusal::not_found(format!("Group {id} is not a consumer group.")),
        None => Refusal::not_found(format!("Group {id} not found.")),
    }
}
