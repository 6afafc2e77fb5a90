//! A group coordinator as the host sees it.

use crate::Broker;
use crate::coordinators::OFFSETS_TOPIC;
use crate::coordinators::hosting::internal_topic::describe;
use crate::coordinators::hosting::linger::Linger;
use crate::coordinators::hosting::tenant::{Place, Tenant};
use crate::coordinators::hosting::{Shards, compression};
use arc_swap::ArcSwap;
use base::{Instant, ProducerId, Rng};
use bytes::Bytes;
use config::BrokerConfig;
use coordinator_runtime::{Lost, Moment, Token};
use group_coordinator::assignor::PartitionAssignor;
use group_coordinator::record::TransactionEnd;
use group_coordinator::settings::{ConsumerSettings, MigrationPolicy};
use group_coordinator::{
    Answer, Completion, GroupCoordinator, GroupRecord, GroupSettings, GroupState, Outcome, Picture,
};
use metadata::MetadataImage;
use protocol::messages::create_topics_request::CreatableTopic;
use protocol::wire::{DecodeError, EncodeError};
use records::compression::Codec;
use records::control::TransactionOutcome;
use std::sync::Arc;
use std::time::Duration;

/// What a group coordinator goes by.
#[derive(Debug)]
pub(crate) struct Surroundings {
    settings: GroupSettings,
    picture: Arc<ArcSwap<Picture>>,
}

#[cfg(test)]
impl Surroundings {
    /// Those of a cluster without topics.
    pub(crate) fn empty(config: &BrokerConfig) -> Self {
        Self {
            settings: settings(config),
            picture: Arc::default(),
        }
    }
}

/// The settings of the coordinators of groups.
pub(super) fn settings(config: &BrokerConfig) -> GroupSettings {
    let groups = &config.groups;
    GroupSettings {
        min_session_timeout_ms: groups.group_min_session_timeout_ms,
        max_session_timeout_ms: groups.group_max_session_timeout_ms,
        max_size: usize::try_from(groups.group_max_size).unwrap_or(usize::MAX),
        initial_rebalance_delay: groups.group_initial_rebalance_delay,
        offset_metadata_max_bytes: usize::try_from(groups.offset_metadata_max_bytes).unwrap_or(0),
        offsets_retention: Duration::from_secs(60 * u64::try_from(groups.offsets_retention_minutes).unwrap_or(0)),
        offsets_retention_check_interval: groups.offsets_retention_check_interval,
        consumer: consumer_settings(&config.consumer_groups),
    }
}

fn consumer_settings(groups: &config::broker::ConsumerGroupSettings) -> ConsumerSettings {
    ConsumerSettings {
        session_timeout: groups.group_consumer_session_timeout,
        heartbeat_interval_ms: groups.group_consumer_heartbeat_interval_ms,
        assignment_interval: groups.group_consumer_assignment_interval,
        regex_refresh_interval: groups.group_consumer_regex_refresh_interval,
        max_size: usize::try_from(groups.group_consumer_max_size).unwrap_or(usize::MAX),
        assignors: assignors(&groups.group_consumer_assignors),
        migration: migration(&groups.group_consumer_migration_policy),
    }
}

/// The assignors by the names that `group.consumer.assignors` allows.
pub(crate) fn assignors(names: &[String]) -> Vec<PartitionAssignor> {
    let known = names.iter().filter_map(|name| PartitionAssignor::named(name));
    known.collect()
}

fn migration(policy: &str) -> MigrationPolicy {
    match policy.to_ascii_lowercase().as_str() {
        "disabled" => MigrationPolicy::Disabled,
        "upgrade" => MigrationPolicy::Upgrade,
        "downgrade" => MigrationPolicy::Downgrade,
        _ => MigrationPolicy::Bidirectional,
    }
}

impl Tenant for GroupCoordinator {
    type Record = GroupRecord;
    type State = GroupState;
    type Completion = Completion;
    type Answer = Answer;
    type Settings = Surroundings;
    type Outbox = ();
    type Unreadable = DecodeError;

    const NAME: &'static str = "group coordinator";
    const TOPIC: &'static str = OFFSETS_TOPIC;

    fn shards(broker: &Broker) -> &Shards<Self> {
        &broker.groups
    }

    fn settings(broker: &Broker, config: &BrokerConfig, _image: &MetadataImage) -> Surroundings {
        Surroundings {
            settings: settings(config),
            picture: Arc::clone(&broker.group_picture),
        }
    }

    fn outbox(_broker: &Broker) {}

    fn load_buffer(config: &BrokerConfig) -> i32 {
        config.groups.offsets_load_buffer_size
    }

    fn internal_topic(config: &BrokerConfig) -> CreatableTopic {
        let topics = &config.internal_topics;
        let configs = [
            ("cleanup.policy", "compact"),
            ("compression.type", "producer"),
            ("segment.bytes", &topics.offsets_topic_segment_bytes.to_string()),
        ];
        let partitions = topics.offsets_topic_num_partitions;
        describe(
            OFFSETS_TOPIC,
            partitions,
            topics.offsets_topic_replication_factor,
            &configs,
        )
    }

    fn linger(config: &BrokerConfig) -> Linger {
        Linger::from_millis(config.consumer_groups.group_coordinator_append_linger_ms)
    }

    fn codec(config: &BrokerConfig) -> Codec {
        compression::codec(config.groups.offsets_topic_compression_codec)
    }

    fn encode(record: &GroupRecord) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        record.encode()
    }

    fn decode(key: &Bytes, value: Option<&Bytes>, producer: ProducerId) -> Result<Option<GroupRecord>, DecodeError> {
        GroupRecord::decode(key, value, producer)
    }

    fn marker(producer: ProducerId, outcome: TransactionOutcome) -> Option<GroupRecord> {
        let end = match outcome {
            TransactionOutcome::Commit => TransactionEnd::Committed,
            TransactionOutcome::Abort => TransactionEnd::Aborted,
        };
        Some(GroupRecord::TransactionEnd { producer, end })
    }

    fn take_over(state: &GroupState, around: Surroundings, rng: Rng, moment: Moment) -> Self {
        let picture = Picture::clone(&around.picture.load());
        Self::take_over(state, around.settings, picture, rng, moment)
    }

    fn size(state: &GroupState) -> usize {
        state.groups().count()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline()
    }

    fn on_timeout(&mut self, state: &GroupState, moment: Moment) -> Option<Outcome> {
        self.on_timeout(state, moment)
    }

    fn is_nothing(completion: &Completion) -> bool {
        *completion == Completion::Nothing
    }

    fn committed(&mut self, completion: Completion, moment: Moment) {
        self.committed(completion, moment);
    }

    fn lost(&mut self, completion: Completion, lost: Lost, moment: Moment) -> Outcome {
        self.lost(completion, lost, moment)
    }

    fn take_replies(&mut self) -> Vec<(Token, Answer)> {
        let replies = self.take_replies().into_iter();
        replies.map(|reply| (reply.to, reply.answer)).collect()
    }

    fn hand_over(&mut self, _place: Place, (): &()) {}
}
