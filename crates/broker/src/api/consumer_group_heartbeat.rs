//! ConsumerGroupHeartbeat (key 68): a member of a consumer group joins, is alive, says what it has, and leaves (KIP-848).
//!
//! Errors: UNSUPPORTED_VERSION (the cluster's `group.version` is 0, or `group.coordinator.rebalance.protocols` lacks
//! `consumer`), INVALID_REQUEST, UNSUPPORTED_ASSIGNOR, GROUP_ID_NOT_FOUND, GROUP_MAX_SIZE_REACHED, UNKNOWN_MEMBER_ID,
//! FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID, INVALID_REGULAR_EXPRESSION,
//! COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE. From version 1 members make their ids
//! themselves (KIP-1082) and may subscribe by regular expression.

use crate::Broker;
use crate::coordinators::ask::{Patience, ask};
use crate::coordinators::groups::{assignors, serves_consumer_groups};
use crate::coordinators::groups::search::begin;
use group_coordinator::{Answer, GroupCoordinator};
use group_coordinator::consumer::heartbeat::Heartbeat;
use group_coordinator::op::consumer_group_heartbeat::{MemberIds, check, consumer_group_heartbeat, refused};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
use protocol::messages::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
use std::sync::Arc;

const IDS_FROM_CLIENT_FROM: i16 = 1;

/// Takes it.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    if !serves_consumer_groups(broker) {
        return failed(ErrorCode::UnsupportedVersion);
    }
    let ids = if context.api_version < IDS_FROM_CLIENT_FROM { MemberIds::FromCoordinator } else { MemberIds::FromClient };
    let assignors = assignors(&broker.config.load().consumer_groups.group_consumer_assignors);
    if let Err(refusal) = check(&request, ids, &assignors) {
        return refused(&refusal);
    }
    let heartbeat = Heartbeat {
        request,
        client_id: Arc::clone(&context.client_id),
        client_host: format!("/{}", context.connection.peer.ip()).into(),
    };
    let group = &heartbeat.request.group_id;
    let operate = |coordinator: &mut GroupCoordinator, state: &_, moment, token| {
        let outcome = consumer_group_heartbeat(coordinator, state, moment, &heartbeat, token);
        coordinator.take_searches().into_iter().for_each(|search| begin(broker, search));
        outcome
    };
    match ask(broker, group, Patience::ForCommit, operate).await {
        Ok(Answer::ConsumerGroupHeartbeat(response)) => response,
        Ok(_) => failed(ErrorCode::UnknownServerError),
        Err(error) => failed(error),
    }
}

fn failed(error: ErrorCode) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse { error_code: error.code(), ..Default::default() }
}
