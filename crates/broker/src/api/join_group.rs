//! JoinGroup (key 11): a client becomes, or stays, a member of a group; answered when all members have joined.
//!
//! Errors: MEMBER_ID_REQUIRED (from version 4: come back with the id that the answer gives), UNKNOWN_MEMBER_ID,
//! FENCED_INSTANCE_ID, INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, INVALID_SESSION_TIMEOUT, INVALID_GROUP_ID,
//! COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR. Version 0 has no rebalance timeout: the session timeout stands for it.
//! Before version 7 a group without a protocol has the empty one. From 9 the leader of an unchanged static group may be
//! told to skip the assignment (KIP-814).

use crate::Broker;
use crate::coordinators::ask::{Patience, ask};
use group_coordinator::Answer;
use group_coordinator::classic::member::Protocol;
use group_coordinator::op::join_group::{JoinGroup, MemberIdPolicy, SkipAssignment, join_group};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::join_group_request::JoinGroupRequest;
use protocol::messages::join_group_response::JoinGroupResponse;
use std::sync::Arc;

const REBALANCE_TIMEOUT_FROM: i16 = 1;
const MEMBER_ID_REQUIRED_FROM: i16 = 4;
const NULL_PROTOCOL_FROM: i16 = 7;
const SKIP_ASSIGNMENT_FROM: i16 = 9;

/// Joins, and waits for the others.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, request: JoinGroupRequest) -> JoinGroupResponse {
    let group = request.group_id.clone();
    let member_id = request.member_id.clone();
    let join = translate(context, request);
    let operate = |coordinator: &mut _, state: &_, moment, token| join_group(coordinator, state, moment, join, token);
    let mut response = match ask(broker, &group, Patience::ForOthers, operate).await {
        Ok(Answer::Join(response)) => response,
        Ok(_) => refused(member_id, ErrorCode::UnknownServerError),
        Err(error) => refused(member_id, error),
    };
    if context.api_version < NULL_PROTOCOL_FROM {
        response.protocol_name.get_or_insert_default();
    }
    response
}

fn refused(member_id: String, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse { error_code: error.code(), generation_id: -1,
        protocol_name: None, member_id, ..Default::default() }
}

fn translate(context: &RequestContext, request: JoinGroupRequest) -> JoinGroup {
    let version = context.api_version;
    let protocols = request.protocols.into_iter().map(|protocol| Protocol {
        name: protocol.name.into(),
        metadata: protocol.metadata,
    });
    JoinGroup {
        group_id: request.group_id.into(),
        member_id: request.member_id.into(),
        instance_id: request.group_instance_id.map(Arc::from),
        client_id: Arc::clone(&context.client_id),
        client_host: format!("/{}", context.connection.peer.ip()).into(),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if version < REBALANCE_TIMEOUT_FROM {
            request.session_timeout_ms
        } else {
            request.rebalance_timeout_ms
        },
        protocol_type: request.protocol_type,
        protocols: protocols.collect(),
        member_id_policy: if version < MEMBER_ID_REQUIRED_FROM {
            MemberIdPolicy::Optional
        } else {
            MemberIdPolicy::Required
        },
        skip_assignment: if version < SKIP_ASSIGNMENT_FROM {
            SkipAssignment::Unknown
        } else {
            SkipAssignment::Known
        },
        reason: request.reason,
    }
}
