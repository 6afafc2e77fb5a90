//! AlterPartitionReassignments (45): moves partitions to other brokers, or takes a move back (KIP-455).
//! Errors: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR, NO_REASSIGNMENT_IN_PROGRESS.

use super::create_topics::check_manual_assignment;
use super::{Outcome, check_size};
use crate::api_error::ApiError;
use crate::partition::{Election, ElectionRules, PartitionChange, Reassignment, Revert};
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use base::NodeId;
use metadata::image::{PartitionImage, TopicImage};
use protocol::ErrorCode;
use protocol::messages::alter_partition_reassignments_request as asked;
use protocol::messages::alter_partition_reassignments_response as answered;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::partition_change_record::PartitionChangeRecord;
use std::collections::BTreeSet;

/// Begins, changes or cancels moves.
pub fn alter_partition_reassignments(
    state: &ControllerState,
    settings: &ControllerSettings,
    request: &asked::AlterPartitionReassignmentsRequest,
) -> Outcome<answered::AlterPartitionReassignmentsResponse> {
    let allow_replication_factor_change = request.allow_replication_factor_change;
    let mut records = Vec::new();
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let altered = alter(state, settings, &topic.name, wanted, allow_replication_factor_change);
            let (error_code, error_message) = ApiError::parts(&altered);
            records.extend(altered.ok().flatten().map(MetadataRecord::PartitionChange));
            let partition_index = wanted.partition_index;
            partitions.push(answered::ReassignablePartitionResponse {
                partition_index,
                error_code,
                error_message,
            });
        }
        responses.push(answered::ReassignableTopicResponse {
            name: topic.name.clone(),
            partitions,
        });
    }
    let response = answered::AlterPartitionReassignmentsResponse {
        allow_replication_factor_change,
        responses,
        ..Default::default()
    };
    match check_size(&records) {
        Ok(()) => Outcome::atomic(records, response),
        Err(error) => Outcome::unchanged(answered::AlterPartitionReassignmentsResponse {
            error_code: error.code.code(),
            error_message: error.message,
            responses: Vec::new(),
            ..response
        }),
    }
}

fn alter(
    state: &ControllerState,
    settings: &ControllerSettings,
    name: &str,
    wanted: &asked::ReassignablePartition,
    allow_replication_factor_change: bool,
) -> Result<Option<PartitionChangeRecord>, ApiError> {
    let unknown = |message: String| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
    let topic = state.image().topics.get(name);
    let topic = topic.ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
    let index = wanted.partition_index;
    let partition = topic.partition(index);
    let partition = partition.ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
    let rules = ElectionRules::new(state, settings.effective_min_insync_replicas(state, topic));
    let change = PartitionChange::new(partition, topic.id, index, rules);
    match &wanted.replicas {
        None => cancel(state, settings, topic, partition, index, change),
        Some(target) => {
            let target: Vec<NodeId> = target.iter().copied().map(NodeId).collect();
            check_manual_assignment(state, &target, None)?;
            if !allow_replication_factor_change {
                check_replication_factor(partition, target.len())?;
            }
            Ok(begin(partition, &target, change))
        }
    }
}

fn begin(
    partition: &PartitionImage,
    target: &[NodeId],
    mut change: PartitionChange<'_>,
) -> Option<PartitionChangeRecord> {
    let Reassignment {
        replicas,
        removing,
        adding,
    } = Reassignment::new(&partition.replicas, target);
    change.replicas = replicas;
    // Kafka leaves the old lists where the new ones are empty, and then waits for ever, or removes what shall stay. A
    // replica that came with a move under way and goes again is in both: taking the moves back finds it as one that came.
    change.removing = removing;
    change.adding.extend(adding);
    change.adding.sort_unstable();
    change.adding.dedup();
    change.build()
}

fn cancel(
    state: &ControllerState,
    settings: &ControllerSettings,
    topic: &TopicImage,
    partition: &PartitionImage,
    index: i32,
    mut change: PartitionChange<'_>,
) -> Result<Option<PartitionChangeRecord>, ApiError> {
    if !partition.is_reassigning() {
        return Err(ApiError::silent(ErrorCode::NoReassignmentInProgress));
    }
    let invalid = |message: String| ApiError::new(ErrorCode::InvalidReplicaAssignment, message);
    let nobody = || invalid("Invalid replica assignment: addingReplicas contains all replicas.".to_owned());
    let revert = Revert::of(partition).ok_or_else(nobody)?;
    let unclean_allowed = settings.allows_unclean_election(state, &topic.name);
    if revert.unclean && !unclean_allowed {
        return Err(invalid(format!(
            "Unable to revert partition assignment for {}:{index} because it would require an unclean leader election.",
            topic.name
        )));
    }
    if unclean_allowed {
        change.election = Election::Unclean;
    }
    change.isr = revert.isr;
    change.replicas = revert.replicas;
    change.removing.clear();
    change.adding.clear();
    Ok(change.build())
}

/// The number of replicas before the move, or that the move under way aims at, must stay.
fn check_replication_factor(partition: &PartitionImage, target: usize) -> Result<(), ApiError> {
    let mut aimed_at: BTreeSet<NodeId> = partition
        .replicas
        .iter()
        .chain(&partition.adding_replicas)
        .copied()
        .collect();
    partition.removing_replicas.iter().for_each(|node| {
        aimed_at.remove(node);
    });
    let current = if partition.is_reassigning() {
        aimed_at.len()
    } else {
        partition.replicas.len()
    };
    if current == target {
        return Ok(());
    }
    let message = format!("The replication factor is changed from {current} to {target}");
    Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message))
}
