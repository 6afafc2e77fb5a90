//! Which brokers hold a new topic's partitions.

use crate::api_error::ApiError;
use crate::context::OpContext;
use crate::partition::default_directory;
use crate::placement::{self, PlacementError, UsableBroker};
use crate::state::ControllerState;
use base::{LeaderEpoch, NodeId};
use metadata::image::{BrokerImage, LeaderRecoveryState, PartitionEpoch, PartitionImage};
use protocol::ErrorCode;
use protocol::messages::create_topics_request::CreatableTopic;
use std::collections::BTreeMap;

/// The partitions of a new topic, in order.
pub(super) fn new_partitions(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    topic: &CreatableTopic,
) -> Result<Vec<PartitionImage>, ApiError> {
    if topic.assignments.is_empty() {
        placed(state, cx, topic)
    } else {
        assigned(state, topic)
    }
}

/// Partitions where the request says.
fn assigned(state: &ControllerState, topic: &CreatableTopic) -> Result<Vec<PartitionImage>, ApiError> {
    let refused = |code, message: String| Err(ApiError::new(code, message));
    let manual = "A manual partition assignment was specified, but";
    if topic.replication_factor != -1 {
        return refused(
            ErrorCode::InvalidRequest,
            format!("{manual} replication factor was not set to -1."),
        );
    }
    if topic.num_partitions != -1 {
        return refused(
            ErrorCode::InvalidRequest,
            format!("{manual} numPartitions was not set to -1."),
        );
    }
    let mut partitions = BTreeMap::new();
    let mut replication_factor = None;
    for assignment in &topic.assignments {
        let index = assignment.partition_index;
        if partitions.contains_key(&index) {
            let message = format!("Found multiple manual partition assignments for partition {index}");
            return refused(ErrorCode::InvalidReplicaAssignment, message);
        }
        let replicas: Vec<NodeId> = assignment.broker_ids.iter().copied().map(NodeId).collect();
        check_manual_assignment(state, &replicas, replication_factor)?;
        replication_factor = Some(replicas.len());
        let Some(partition) = new_partition(state, replicas) else {
            let message = format!(
                "All brokers specified in the manual partition assignment for partition {index} are fenced or in \
                 controlled shutdown."
            );
            return refused(ErrorCode::InvalidReplicaAssignment, message);
        };
        partitions.insert(index, partition);
    }
    if !partitions.keys().copied().eq((0..).take(partitions.len())) {
        let message = "partitions should be a consecutive 0-based integer sequence".to_owned();
        return refused(ErrorCode::InvalidReplicaAssignment, message);
    }
    Ok(partitions.into_values().collect())
}

/// Partitions where the controller thinks best.
fn placed(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    topic: &CreatableTopic,
) -> Result<Vec<PartitionImage>, ApiError> {
    let replication_factor = match topic.replication_factor {
        -1 => cx.settings.default_replication_factor(),
        ..=0 => {
            let message = "Replication factor must be larger than 0, or -1 to use the default value.";
            return Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message));
        }
        given => given,
    };
    let partitions = match topic.num_partitions {
        -1 => cx.settings.default_partitions(),
        ..=0 => {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err(ApiError::new(ErrorCode::InvalidPartitions, message));
        }
        given => given,
    };
    let refused = |reason: &dyn std::fmt::Display| {
        let message = format!("Unable to replicate the partition {replication_factor} time(s): {reason}");
        ApiError::new(ErrorCode::InvalidReplicationFactor, message)
    };
    let assignments = place(state, cx, partitions, replication_factor).map_err(|error| refused(&error))?;
    let gone = || refused(&"All brokers are currently fenced or in controlled shutdown.");
    assignments
        .into_iter()
        .map(|replicas| new_partition(state, replicas).ok_or_else(gone))
        .collect()
}

/// Places new partitions over the brokers that may get replicas.
///
/// # Errors
/// If that many replicas cannot be placed.
pub fn place(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    partitions: i32,
    replication_factor: i16,
) -> Result<Vec<Vec<NodeId>>, PlacementError> {
    let usable = |broker: &&BrokerImage| !cx.sessions.is_shutting_down(broker.id) && has_uncordoned_dirs(broker);
    let brokers: Vec<UsableBroker> = state
        .image()
        .brokers
        .iter()
        .map(|broker| broker.as_ref())
        .filter(usable)
        .map(|broker| UsableBroker {
            id: broker.id,
            rack: broker.rack.clone(),
            fenced: broker.fenced,
        })
        .collect();
    placement::place(partitions, replication_factor, &brokers, cx.rng)
}

/// Whether the broker has a directory that takes new replicas (KIP-1066).
fn has_uncordoned_dirs(broker: &BrokerImage) -> bool {
    let cordoned = broker.cordoned_directories.as_deref().unwrap_or_default();
    broker.directories.is_empty() || broker.directories.iter().any(|directory| !cordoned.contains(directory))
}

/// Refuses replicas that no partition can have: none, unregistered ones, one twice, or not as many as the others have.
///
/// # Errors
/// INVALID_REPLICA_ASSIGNMENT.
pub fn check_manual_assignment(
    state: &ControllerState,
    replicas: &[NodeId],
    replication_factor: Option<usize>,
) -> Result<(), ApiError> {
    let refused = |message: String| Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
    if replicas.is_empty() {
        return refused("The manual partition assignment includes an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for broker in sorted {
        if state.broker(broker).is_none() {
            let message =
                format!("The manual partition assignment includes broker {broker}, but no such broker is registered.");
            return refused(message);
        }
        if previous == Some(broker) {
            return refused(format!(
                "The manual partition assignment includes the broker {broker} more than once."
            ));
        }
        previous = Some(broker);
    }
    match replication_factor {
        Some(expected) if expected != replicas.len() => refused(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with \
             previous partitions, which have {expected} replica(s).",
            replicas.len()
        )),
        _ => Ok(()),
    }
}

/// A partition as it begins: every replica that is at work is in sync, the first of them leads; `None` if none is.
pub fn new_partition(state: &ControllerState, replicas: Vec<NodeId>) -> Option<PartitionImage> {
    let active = |broker: &NodeId| state.image().brokers.is_active(*broker);
    let isr: Vec<NodeId> = replicas.iter().copied().filter(active).collect();
    let leader = *isr.first()?;
    Some(PartitionImage {
        directories: replicas
            .iter()
            .map(|broker| default_directory(state, *broker))
            .collect(),
        replicas,
        isr,
        removing_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        leader,
        leader_recovery_state: LeaderRecoveryState::Recovered,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: PartitionEpoch(0),
    })
}
