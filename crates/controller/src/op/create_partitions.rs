//! CreatePartitions (37): more partitions for topics that exist (KIP-195).
//! Errors: UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR,
//! INVALID_REQUEST, POLICY_VIOLATION, THROTTLING_QUOTA_EXCEEDED.

use super::create_topics::{check_manual_assignment, new_partition, place};
use super::{Outcome, check_size};
use crate::api_error::ApiError;
use crate::context::OpContext;
use crate::state::ControllerState;
use base::NodeId;
use metadata::image::TopicImage;
use protocol::ErrorCode;
use protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use protocol::messages::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};
use protocol::metadata_records::MetadataRecord;
use std::collections::BTreeSet;

/// Adds partitions, or says whether they could be added.
pub fn create_partitions(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    request: &CreatePartitionsRequest,
) -> Outcome<CreatePartitionsResponse> {
    let mut seen = BTreeSet::new();
    let duplicates: BTreeSet<&str> = request
        .topics
        .iter()
        .map(|topic| topic.name.as_str())
        .filter(|name| !seen.insert(*name))
        .collect();
    let refusal = ApiError::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
    let mut results: Vec<_> = duplicates
        .iter()
        .map(|name| result(name, &Err(refusal.clone())))
        .collect();
    let mut records = Vec::new();
    for topic in request
        .topics
        .iter()
        .filter(|topic| !duplicates.contains(topic.name.as_str()))
    {
        let added = add_partitions(state, cx, topic);
        results.push(result(&topic.name, &added));
        records.extend(added.into_iter().flatten());
    }
    if let Err(error) = check_size(&records) {
        let refused = Err(error);
        results = request
            .topics
            .iter()
            .map(|topic| result(&topic.name, &refused))
            .collect();
        records.clear();
    }
    let response = CreatePartitionsResponse {
        results,
        ..Default::default()
    };
    if request.validate_only {
        Outcome::unchanged(response)
    } else {
        Outcome::atomic(records, response)
    }
}

fn result(name: &str, result: &Result<Vec<MetadataRecord>, ApiError>) -> CreatePartitionsTopicResult {
    let (error_code, error_message) = ApiError::parts(result);
    CreatePartitionsTopicResult {
        name: name.to_owned(),
        error_code,
        error_message,
    }
}

fn add_partitions(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    request: &CreatePartitionsTopic,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let topic = state.image().topics.get(&request.name);
    let topic = topic.ok_or_else(|| ApiError::silent(ErrorCode::UnknownTopicOrPartition))?;
    let current = i32::try_from(topic.partitions.len()).expect("replay bounds partition indexes by i32");
    check_count(request, current)?;
    let additional = request.count - current;
    cx.mutations.charge(usize::try_from(additional).unwrap_or(0))?;
    let replicas = topic.partition(0).map_or(0, |first| first.replicas.len());
    let assignments = match &request.assignments {
        Some(assignments) => {
            if i32::try_from(assignments.len()) != Ok(additional) {
                let given = assignments.len();
                let message = format!(
                    "Attempted to add {additional} additional partition(s), but only {given} assignment(s) were specified."
                );
                return Err(ApiError::new(ErrorCode::InvalidReplicaAssignment, message));
            }
            let nodes = assignments
                .iter()
                .map(|it| it.broker_ids.iter().copied().map(NodeId).collect());
            nodes.collect()
        }
        None => {
            let factor = i16::try_from(replicas).unwrap_or(i16::MAX);
            let placed = place(state, cx, additional, factor);
            placed.map_err(|error| ApiError::new(ErrorCode::InvalidReplicationFactor, error))?
        }
    };
    records(
        state,
        topic,
        request.assignments.is_some(),
        current,
        replicas,
        assignments,
    )
}

fn check_count(request: &CreatePartitionsTopic, current: i32) -> Result<(), ApiError> {
    let (name, count) = (&request.name, request.count);
    let message = match count {
        _ if count == current => format!("Topic already has {current} partition(s)."),
        _ if count < current => {
            format!("The topic {name} currently has {current} partition(s); {count} would not be an increase.")
        }
        _ => return Ok(()),
    };
    Err(ApiError::new(ErrorCode::InvalidPartitions, message))
}

fn records(
    state: &ControllerState,
    topic: &TopicImage,
    manual: bool,
    first: i32,
    replication_factor: usize,
    assignments: Vec<Vec<NodeId>>,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let mut records = Vec::with_capacity(assignments.len());
    for (index, replicas) in (first..).zip(assignments) {
        if manual {
            check_manual_assignment(state, &replicas, Some(replication_factor))?;
        }
        let Some(partition) = new_partition(state, replicas) else {
            return Err(nobody_at_work(manual, index, replication_factor));
        };
        records.push(MetadataRecord::Partition(partition.to_record(
            topic.id,
            index,
            state.metadata_version(),
        )));
    }
    Ok(records)
}

fn nobody_at_work(manual: bool, index: i32, replication_factor: usize) -> ApiError {
    if manual {
        let message = format!(
            "All brokers specified in the manual partition assignment for partition {index} are fenced or in controlled \
             shutdown."
        );
        return ApiError::new(ErrorCode::InvalidReplicaAssignment, message);
    }
    let message = format!(
        "Unable to replicate the partition {replication_factor} time(s): All brokers are currently fenced or in \
         controlled shutdown."
    );
    ApiError::new(ErrorCode::InvalidReplicationFactor, message)
}
