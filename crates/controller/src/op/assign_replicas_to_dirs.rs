//! AssignReplicasToDirs (73): a broker says in which log directory its replicas are (KIP-858).
//! Errors: STALE_BROKER_EPOCH, UNSUPPORTED_VERSION below metadata.version 3.7-IV2; per partition UNKNOWN_TOPIC_ID,
//! UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER.

use super::{Outcome, check_broker_epoch};
use crate::partition::{Election, ElectionRules, PartitionChange};
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use base::{NodeId, Uuid};
use metadata::image::BrokerImage;
use protocol::ErrorCode;
use protocol::messages::assign_replicas_to_dirs_request as asked;
use protocol::messages::assign_replicas_to_dirs_response as answered;
use protocol::metadata_records::MetadataRecord;

/// Records directories. A replica in a directory that is not online any more loses its leadership and its place among
/// the in-sync replicas.
pub fn assign_replicas_to_dirs(
    state: &ControllerState,
    settings: &ControllerSettings,
    request: &asked::AssignReplicasToDirsRequest,
) -> Outcome<answered::AssignReplicasToDirsResponse> {
    let refused = |code: ErrorCode| {
        Outcome::unchanged(answered::AssignReplicasToDirsResponse {
            error_code: code.code(),
            ..Default::default()
        })
    };
    if !state.metadata_version().supports_directory_assignment() {
        return refused(ErrorCode::UnsupportedVersion);
    }
    let broker = match check_broker_epoch(state, request.broker_id, request.broker_epoch) {
        Ok(broker) => broker,
        Err(error) => return refused(error.code),
    };
    let assigner = Assigner {
        state,
        settings,
        broker,
    };
    let mut records = Vec::new();
    let mut departures = Vec::new();
    let mut directories = Vec::with_capacity(request.directories.len());
    for directory in &request.directories {
        let mut topics = Vec::with_capacity(directory.topics.len());
        for topic in &directory.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for wanted in &topic.partitions {
                let partition_index = wanted.partition_index;
                let assigned = assigner.assign(topic.topic_id, partition_index, directory.id);
                let code = assigned.as_ref().err().copied().unwrap_or(ErrorCode::None);
                partitions.push(answered::PartitionData {
                    partition_index,
                    error_code: code.code(),
                });
                let (assignment, departure) = assigned.unwrap_or_default();
                records.extend(assignment);
                departures.extend(departure);
            }
            topics.push(answered::TopicData {
                topic_id: topic.topic_id,
                partitions,
            });
        }
        directories.push(answered::DirectoryData {
            id: directory.id,
            topics,
        });
    }
    records.extend(departures);
    Outcome::splittable(
        records,
        answered::AssignReplicasToDirsResponse {
            directories,
            ..Default::default()
        },
    )
}

struct Assigner<'a> {
    state: &'a ControllerState,
    settings: &'a ControllerSettings,
    broker: &'a BrokerImage,
}

/// The record that notes the directory, and the one that takes the replica out if the directory is offline.
type Assignment = (Option<MetadataRecord>, Option<MetadataRecord>);

impl Assigner<'_> {
    fn assign(&self, topic_id: Uuid, index: i32, directory: Uuid) -> Result<Assignment, ErrorCode> {
        let broker: NodeId = self.broker.id;
        let topic = self
            .state
            .image()
            .topics
            .get_by_id(topic_id)
            .ok_or(ErrorCode::UnknownTopicId)?;
        let partition = topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if !partition.replicas.contains(&broker) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let mut rules = ElectionRules::new(
            self.state,
            self.settings.effective_min_insync_replicas(self.state, topic),
        );
        let mut change = PartitionChange::new(partition, topic_id, index, rules);
        change.set_directory(broker, directory);
        let assignment = change.build().map(MetadataRecord::PartitionChange);
        if self.broker.has_online_dir(directory) {
            return Ok((assignment, None));
        }
        rules.leaving = Some(broker);
        let mut departure = PartitionChange::new(partition, topic_id, index, rules);
        departure.set_directory(broker, directory);
        if self.settings.allows_unclean_election(self.state, &topic.name) {
            departure.election = Election::Unclean;
        }
        departure.isr.retain(|node| *node != broker);
        Ok((assignment, departure.build().map(MetadataRecord::PartitionChange)))
    }
}
