//! FindCoordinator (key 10): which broker coordinates a group, a transactional id or a share partition.
//!
//! The coordinator is the leader of the key's partition of `__consumer_offsets` or `__transaction_state`; the topic is
//! created when it is first looked for, with COORDINATOR_NOT_AVAILABLE meanwhile, which clients retry. Coordinators of
//! share partitions are not built yet: COORDINATOR_NOT_AVAILABLE; an unknown key type is INVALID_REQUEST. Several keys from
//! version 4 (KIP-699), share partitions from 6.

use crate::Broker;
use crate::coordinators::hosting::ask::partition_of;
use crate::coordinators::hosting::internal_topic;
use crate::coordinators::hosting::tenant::Tenant;
use group_coordinator::GroupCoordinator;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use std::sync::Arc;
use transaction_coordinator::TransactionCoordinator;

/// The first version with several keys.
const BATCHED_FROM: i16 = 4;
/// The first version with share partitions.
const SHARE_FROM: i16 = 6;
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// Answers for each key.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let kind = request.key_type;
    if context.api_version < BATCHED_FROM {
        let found = find(broker, context, kind, request.key);
        let error = ErrorCode::from(found.error_code);
        return FindCoordinatorResponse {
            error_code: found.error_code,
            error_message: Some(error.message().to_owned()),
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..Default::default()
        };
    }
    let keys = request.coordinator_keys.into_iter();
    FindCoordinatorResponse {
        coordinators: keys.map(|key| find(broker, context, kind, key)).collect(),
        ..Default::default()
    }
}

fn find(broker: &Arc<Broker>, context: &RequestContext, kind: i8, key: String) -> Coordinator {
    let found = match kind {
        GROUP => coordinator::<GroupCoordinator>(broker, context, &key),
        TRANSACTION => coordinator::<TransactionCoordinator>(broker, context, &key),
        SHARE if context.api_version >= SHARE_FROM => Err(ErrorCode::CoordinatorNotAvailable),
        _ => Err(ErrorCode::InvalidRequest),
    };
    match found {
        Ok(found) => Coordinator { key, ..found },
        Err(error) => Coordinator {
            key,
            node_id: -1,
            port: -1,
            error_code: error.code(),
            error_message: Some(error.message().to_owned()),
            ..Default::default()
        },
    }
}

fn coordinator<T: Tenant>(
    broker: &Arc<Broker>,
    context: &RequestContext,
    key: &str,
) -> Result<Coordinator, ErrorCode> {
    let Some(partition) = partition_of::<T>(broker, key) else {
        internal_topic::create::<T>(broker);
        return Err(ErrorCode::CoordinatorNotAvailable);
    };
    let published = broker.image.borrow();
    let image = &published.image;
    let leader = image.topics.partition(T::TOPIC, partition).map(|partition| partition.leader);
    let leader = leader.and_then(|leader| image.brokers.get(leader)).filter(|leader| !leader.fenced);
    let leader = leader.ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let endpoint = leader.listener(&context.connection.listener).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    Ok(Coordinator {
        node_id: leader.id.0,
        host: endpoint.host.clone(),
        port: i32::from(endpoint.port),
        ..Default::default()
    })
}
