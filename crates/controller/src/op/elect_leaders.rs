//! ElectLeaders (43): moves leaderships to the preferred leaders, or elects a leader at any price (KIP-183, KIP-460).
//! Errors: UNKNOWN_TOPIC_OR_PARTITION, ELECTION_NOT_NEEDED, PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE,
//! INVALID_REQUEST.

use super::{Outcome, check_size};
use crate::api_error::ApiError;
use crate::partition::{Election, ElectionRules, PartitionChange};
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use protocol::ErrorCode;
use protocol::messages::elect_leaders_request::ElectLeadersRequest;
use protocol::messages::elect_leaders_response::{ElectLeadersResponse, PartitionResult, ReplicaElectionResult};
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::partition_change_record::PartitionChangeRecord;

/// What kind of election is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElectionType {
    /// The first replica shall lead.
    Preferred,
    /// Anybody shall lead what nobody leads.
    Unclean,
}

/// Holds elections.
pub fn elect_leaders(
    state: &ControllerState,
    settings: &ControllerSettings,
    request: &ElectLeadersRequest,
) -> Outcome<ElectLeadersResponse> {
    let election = match request.election_type {
        0 => ElectionType::Preferred,
        1 => ElectionType::Unclean,
        code => {
            let message = format!("Unknown election type {code}");
            return refused(request, &ApiError::new(ErrorCode::InvalidRequest, message));
        }
    };
    let mut records = Vec::new();
    let mut elect = |topic: &str, partition: i32| {
        let elected = elect_leader(state, settings, topic, partition, election);
        let (error_code, error_message) = ApiError::parts(&elected);
        records.extend(elected.map(MetadataRecord::PartitionChange));
        PartitionResult {
            partition_id: partition,
            error_code,
            error_message,
        }
    };
    let results: Vec<ReplicaElectionResult> = match &request.topic_partitions {
        Some(topics) => topics
            .iter()
            .map(|topic| ReplicaElectionResult {
                topic: topic.topic.clone(),
                partition_result: topic
                    .partitions
                    .iter()
                    .map(|partition| elect(&topic.topic, *partition))
                    .collect(),
            })
            .collect(),
        None => state
            .image()
            .topics
            .iter()
            .map(|topic| ReplicaElectionResult {
                topic: topic.name.to_string(),
                partition_result: (0..topic.partitions.len())
                    .filter_map(|index| i32::try_from(index).ok())
                    .map(|partition| elect(&topic.name, partition))
                    .filter(|result| result.error_code != ErrorCode::ElectionNotNeeded.code())
                    .collect(),
            })
            .collect(),
    };
    if let Err(error) = check_size(&records) {
        return refused(request, &error);
    }
    let response = ElectLeadersResponse {
        replica_election_results: results,
        ..Default::default()
    };
    Outcome::splittable(records, response)
}

/// The same refusal for everything that was named.
fn refused(request: &ElectLeadersRequest, error: &ApiError) -> Outcome<ElectLeadersResponse> {
    let error_code = error.code.code();
    let partition = |partition_id: &i32| PartitionResult {
        partition_id: *partition_id,
        error_code,
        error_message: error.message.clone(),
    };
    let topics = request
        .topic_partitions
        .iter()
        .flatten()
        .map(|topic| ReplicaElectionResult {
            topic: topic.topic.clone(),
            partition_result: topic.partitions.iter().map(partition).collect(),
        });
    let replica_election_results = topics.collect();
    Outcome::unchanged(ElectLeadersResponse {
        error_code,
        replica_election_results,
        ..Default::default()
    })
}

/// Holds one election.
///
/// # Errors
/// If there is no such partition, nothing to elect, or nobody to be elected.
pub fn elect_leader(
    state: &ControllerState,
    settings: &ControllerSettings,
    topic_name: &str,
    index: i32,
    election: ElectionType,
) -> Result<PartitionChangeRecord, ApiError> {
    let unknown = |message: String| ApiError::new(ErrorCode::UnknownTopicOrPartition, message);
    let topic = state.image().topics.get(topic_name);
    let topic = topic.ok_or_else(|| unknown(format!("No such topic as {topic_name}")))?;
    let partition = topic.partition(index);
    let partition = partition.ok_or_else(|| unknown(format!("No such partition as {topic_name}-{index}")))?;
    let (needless, unavailable, how) = match election {
        ElectionType::Preferred => {
            let needless = partition.has_preferred_leader();
            (needless, ErrorCode::PreferredLeaderNotAvailable, Election::Preferred)
        }
        ElectionType::Unclean => (
            partition.has_leader(),
            ErrorCode::EligibleLeadersNotAvailable,
            Election::Unclean,
        ),
    };
    if needless {
        return Err(ApiError::with_default_message(ErrorCode::ElectionNotNeeded));
    }
    let rules = ElectionRules::new(state, settings.effective_min_insync_replicas(state, topic));
    let mut change = PartitionChange::new(partition, topic.id, index, rules);
    change.election = how;
    change
        .build()
        .ok_or_else(|| ApiError::with_default_message(unavailable))
}
