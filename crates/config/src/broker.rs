//! A node's own settings, checked as a whole.

use crate::error::ConfigError;
use crate::layer::Layered;
use crate::listener::{Endpoint, ListenerName};
use crate::quorum::{BootstrapServer, Voter};
use crate::settings::{Originals, Settings, settings};
use crate::synonym::{broker_synonyms, listener_key};
use crate::table::BROKER;
use crate::topic::TopicConfig;
use base::{NodeId, Windows};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

mod check;
mod dynamic;
mod endpoints;

pub use dynamic::DynamicConfigs;

/// Names the log directories that get no new partitions.
const CORDONED: &str = "cordoned.log.dirs";
/// Stands for every log directory in it.
const ALL_LOG_DIRS: &str = "*";

/// What a node does (`process.roles`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// It serves clients.
    pub broker: bool,
    /// It votes in the metadata quorum.
    pub controller: bool,
}

/// Who chooses the replica that a consumer reads from (`replica.selector.class`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaSelector {
    /// Nobody: it reads from the leader, or wherever it likes.
    None,
    /// The leader sends it to a replica in its own rack (KIP-392).
    RackAware,
}

impl ReplicaSelector {
    /// Kafka's name of the one that is built.
    const RACK_AWARE: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

    /// The one with that class name; none of those that are not built.
    fn of(class: Option<&str>) -> Option<Self> {
        match class.map(str::trim) {
            None | Some("") => Some(Self::None),
            Some(Self::RACK_AWARE) => Some(Self::RackAware),
            Some(_) => None,
        }
    }
}

settings! {
    /// Limits and timeouts of sockets.
    pub struct SocketSettings {
        connections_max_idle_ms: i64 = "connections.max.idle.ms",
        max_connections: i32 = "max.connections",
        max_connections_per_ip: i32 = "max.connections.per.ip",
        max_connection_creation_rate: i32 = "max.connection.creation.rate",
        queued_max_request_bytes: i64 = "queued.max.request.bytes",
        queued_max_requests: i32 = "queued.max.requests",
        socket_listen_backlog_size: i32 = "socket.listen.backlog.size",
        socket_receive_buffer_bytes: i32 = "socket.receive.buffer.bytes",
        socket_request_max_bytes: i32 = "socket.request.max.bytes",
        socket_send_buffer_bytes: i32 = "socket.send.buffer.bytes",
    }
}

settings! {
    /// What the broker's request handlers go by.
    pub struct RequestSettings {
        auto_create_topics_enable: bool = "auto.create.topics.enable",
        default_replication_factor: i32 = "default.replication.factor",
        delete_topic_enable: bool = "delete.topic.enable",
        fetch_max_bytes: i32 = "fetch.max.bytes",
        max_incremental_fetch_session_cache_slots: i32 = "max.incremental.fetch.session.cache.slots",
        max_request_partition_size_limit: i32 = "max.request.partition.size.limit",
        num_partitions: i32 = "num.partitions",
        quota_window_num: i32 = "quota.window.num",
        quota_window_size_seconds: i32 = "quota.window.size.seconds",
        request_timeout: Duration = "request.timeout.ms",
    }
}

impl RequestSettings {
    /// What the rates of clients are measured over.
    pub fn quota_windows(&self) -> Windows {
        let natural = |number: i32| u32::try_from(number).unwrap_or(1);
        let each = Duration::from_secs(u64::from(natural(self.quota_window_size_seconds)));
        Windows::new(natural(self.quota_window_num), each)
    }
}

settings! {
    /// The log engine's own timers.
    pub struct LogSettings {
        log_flush_offset_checkpoint_interval: Duration = "log.flush.offset.checkpoint.interval.ms",
        log_flush_scheduler_interval_ms: i64 = "log.flush.scheduler.interval.ms",
        log_flush_start_offset_checkpoint_interval: Duration = "log.flush.start.offset.checkpoint.interval.ms",
        log_initial_task_delay: Duration = "log.initial.task.delay.ms",
        log_retention_check_interval: Duration = "log.retention.check.interval.ms",
        riverrun_log_dir_reserve_bytes: i64 = "riverrun.log.dir.reserve.bytes",
        num_recovery_threads_per_data_dir: i32 = "num.recovery.threads.per.data.dir",
        producer_id_expiration: Duration = "producer.id.expiration.ms",
        producer_id_expiration_check_interval: Duration = "producer.id.expiration.check.interval.ms",
        replica_high_watermark_checkpoint_interval: Duration = "replica.high.watermark.checkpoint.interval.ms",
    }
}

settings! {
    /// Fetching from leaders, and what a leader expects of its followers.
    pub struct ReplicationSettings {
        num_replica_alter_log_dirs_threads: Option<i32> = "num.replica.alter.log.dirs.threads",
        num_replica_fetchers: i32 = "num.replica.fetchers",
        replica_fetch_backoff: Duration = "replica.fetch.backoff.ms",
        replica_fetch_max_bytes: i32 = "replica.fetch.max.bytes",
        replica_fetch_min_bytes: i32 = "replica.fetch.min.bytes",
        replica_fetch_response_max_bytes: i32 = "replica.fetch.response.max.bytes",
        replica_fetch_wait_max_ms: i32 = "replica.fetch.wait.max.ms",
        replica_lag_time_max: Duration = "replica.lag.time.max.ms",
        replica_socket_receive_buffer_bytes: i32 = "replica.socket.receive.buffer.bytes",
        replica_socket_timeout: Duration = "replica.socket.timeout.ms",
        alter_log_dirs_replication_quota_window_num: i32 = "alter.log.dirs.replication.quota.window.num",
        alter_log_dirs_replication_quota_window_size_seconds: i32 = "alter.log.dirs.replication.quota.window.size.seconds",
        replication_quota_window_num: i32 = "replication.quota.window.num",
        replication_quota_window_size_seconds: i32 = "replication.quota.window.size.seconds",
    }
}

settings! {
    /// The scrub of the log directories.
    pub struct ScrubSettings {
        riverrun_scrub_interval_ms: i64 = "riverrun.scrub.interval.ms",
        riverrun_scrub_io_max_bytes_per_second: f64 = "riverrun.scrub.io.max.bytes.per.second",
    }
}

settings! {
    /// The log cleaner.
    pub struct LogCleanerSettings {
        log_cleaner_backoff: Duration = "log.cleaner.backoff.ms",
        log_cleaner_dedupe_buffer_size: i64 = "log.cleaner.dedupe.buffer.size",
        log_cleaner_enable: bool = "log.cleaner.enable",
        log_cleaner_io_buffer_load_factor: f64 = "log.cleaner.io.buffer.load.factor",
        log_cleaner_io_buffer_size: i32 = "log.cleaner.io.buffer.size",
        log_cleaner_io_max_bytes_per_second: f64 = "log.cleaner.io.max.bytes.per.second",
        log_cleaner_threads: i32 = "log.cleaner.threads",
    }
}

settings! {
    /// The metadata log and its snapshots.
    pub struct MetadataLogSettings {
        metadata_log_max_record_bytes_between_snapshots: i64 = "metadata.log.max.record.bytes.between.snapshots",
        metadata_log_max_snapshot_interval: Duration = "metadata.log.max.snapshot.interval.ms",
        metadata_log_segment_bytes: i32 = "metadata.log.segment.bytes",
        metadata_log_segment_ms: i64 = "metadata.log.segment.ms",
        metadata_max_idle_interval: Duration = "metadata.max.idle.interval.ms",
        metadata_max_retention_bytes: i64 = "metadata.max.retention.bytes",
        metadata_max_retention_ms: i64 = "metadata.max.retention.ms",
        internal_metadata_log_segment_bytes: Option<i32> = "internal.metadata.log.segment.bytes",
        internal_metadata_max_batch_size_in_bytes: i32 = "internal.metadata.max.batch.size.in.bytes",
    }
}

settings! {
    /// Timers of the quorum and of a broker's registration with it.
    pub struct QuorumSettings {
        broker_heartbeat_interval: Duration = "broker.heartbeat.interval.ms",
        broker_session_timeout: Duration = "broker.session.timeout.ms",
        controlled_shutdown_enable: bool = "controlled.shutdown.enable",
        controller_socket_timeout: Duration = "controller.socket.timeout.ms",
        initial_broker_registration_timeout: Duration = "initial.broker.registration.timeout.ms",
        log_dir_failure_timeout: Duration = "log.dir.failure.timeout.ms",
        controller_quorum_append_linger: Duration = "controller.quorum.append.linger.ms",
        controller_quorum_auto_join_enable: bool = "controller.quorum.auto.join.enable",
        controller_quorum_election_backoff_max: Duration = "controller.quorum.election.backoff.max.ms",
        controller_quorum_election_timeout: Duration = "controller.quorum.election.timeout.ms",
        controller_quorum_fetch_max_bytes: i32 = "controller.quorum.fetch.max.bytes",
        controller_quorum_fetch_snapshot_max_bytes: i32 = "controller.quorum.fetch.snapshot.max.bytes",
        controller_quorum_fetch_timeout: Duration = "controller.quorum.fetch.timeout.ms",
        controller_quorum_request_timeout: Duration = "controller.quorum.request.timeout.ms",
        controller_quorum_retry_backoff: Duration = "controller.quorum.retry.backoff.ms",
        riverrun_broker_probe_enable: bool = "riverrun.broker.probe.enable",
        riverrun_broker_silence_timeout: Duration = "riverrun.broker.silence.timeout.ms",
        riverrun_controller_silence_timeout: Duration = "riverrun.controller.silence.timeout.ms",
    }
}

settings! {
    /// The internal topics that a broker asks for on their first use.
    pub struct InternalTopicSettings {
        offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions",
        offsets_topic_replication_factor: i16 = "offsets.topic.replication.factor",
        offsets_topic_segment_bytes: i32 = "offsets.topic.segment.bytes",
        transaction_state_log_min_isr: i32 = "transaction.state.log.min.isr",
        transaction_state_log_num_partitions: i32 = "transaction.state.log.num.partitions",
        transaction_state_log_replication_factor: i16 = "transaction.state.log.replication.factor",
        transaction_state_log_segment_bytes: i32 = "transaction.state.log.segment.bytes",
        share_coordinator_state_topic_min_isr: i16 = "share.coordinator.state.topic.min.isr",
        share_coordinator_state_topic_num_partitions: i32 = "share.coordinator.state.topic.num.partitions",
        share_coordinator_state_topic_replication_factor: i16 = "share.coordinator.state.topic.replication.factor",
        share_coordinator_state_topic_segment_bytes: i32 = "share.coordinator.state.topic.segment.bytes",
    }
}

settings! {
    /// The coordinators of groups.
    pub struct GroupSettings {
        group_initial_rebalance_delay: Duration = "group.initial.rebalance.delay.ms",
        group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms",
        group_max_size: i32 = "group.max.size",
        group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms",
        offset_metadata_max_bytes: i32 = "offset.metadata.max.bytes",
        offsets_commit_timeout: Duration = "offsets.commit.timeout.ms",
        offsets_load_buffer_size: i32 = "offsets.load.buffer.size",
        offsets_retention_check_interval: Duration = "offsets.retention.check.interval.ms",
        offsets_retention_minutes: i32 = "offsets.retention.minutes",
        offsets_topic_compression_codec: i32 = "offsets.topic.compression.codec",
    }
}

settings! {
    /// The coordinators of transactions, and what partitions ask them.
    pub struct TransactionSettings {
        add_partitions_to_txn_retry_backoff: Duration = "add.partitions.to.txn.retry.backoff.ms",
        add_partitions_to_txn_retry_backoff_max: Duration = "add.partitions.to.txn.retry.backoff.max.ms",
        transaction_abort_timed_out_transaction_cleanup_interval: Duration = "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        transaction_max_timeout_ms: i32 = "transaction.max.timeout.ms",
        transaction_partition_verification_enable: bool = "transaction.partition.verification.enable",
        transaction_remove_expired_transaction_cleanup_interval: Duration = "transaction.remove.expired.transaction.cleanup.interval.ms",
        transaction_state_log_load_buffer_size: i32 = "transaction.state.log.load.buffer.size",
        transactional_id_expiration: Duration = "transactional.id.expiration.ms",
    }
}

settings! {
    /// The coordinators of consumer groups (KIP-848).
    pub struct ConsumerGroupSettings {
        group_consumer_assignment_interval: Duration = "group.consumer.assignment.interval.ms",
        group_consumer_assignors: Vec<String> = "group.consumer.assignors",
        group_consumer_heartbeat_interval_ms: i32 = "group.consumer.heartbeat.interval.ms",
        group_consumer_max_assignment_interval_ms: i32 = "group.consumer.max.assignment.interval.ms",
        group_consumer_max_heartbeat_interval_ms: i32 = "group.consumer.max.heartbeat.interval.ms",
        group_consumer_max_session_timeout_ms: i32 = "group.consumer.max.session.timeout.ms",
        group_consumer_max_size: i32 = "group.consumer.max.size",
        group_consumer_migration_policy: String = "group.consumer.migration.policy",
        group_consumer_min_assignment_interval_ms: i32 = "group.consumer.min.assignment.interval.ms",
        group_consumer_min_heartbeat_interval_ms: i32 = "group.consumer.min.heartbeat.interval.ms",
        group_consumer_min_session_timeout_ms: i32 = "group.consumer.min.session.timeout.ms",
        group_consumer_regex_refresh_interval: Duration = "group.consumer.regex.refresh.interval.ms",
        group_consumer_session_timeout: Duration = "group.consumer.session.timeout.ms",
        group_coordinator_append_linger_ms: i32 = "group.coordinator.append.linger.ms",
        group_coordinator_rebalance_protocols: Vec<String> = "group.coordinator.rebalance.protocols",
    }
}

/// A node's settings: immutable, and replaced whole when a dynamic config changes.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// `node.id`
    pub node_id: NodeId,
    /// `process.roles`
    pub roles: Roles,
    /// `broker.rack`
    pub rack: Option<String>,
    /// Where clients and brokers are served (`listeners` without the controllers').
    pub listeners: Vec<Endpoint>,
    /// What clients are told to connect to, port 0 standing for "as bound".
    pub advertised_listeners: Vec<Endpoint>,
    /// Where controllers are served.
    pub controller_listeners: Vec<Endpoint>,
    /// What other nodes are told to reach this controller at.
    pub advertised_controller_listeners: Vec<Endpoint>,
    /// `controller.listener.names`
    pub controller_listener_names: Vec<ListenerName>,
    /// The listener that brokers use among themselves.
    pub inter_broker_listener: ListenerName,
    /// `log.dirs`, or `log.dir`
    pub log_dirs: Vec<String>,
    /// Those of the log dirs that `cordoned.log.dirs` names; all of them where it is `*`.
    pub cordoned_log_dirs: Vec<String>,
    /// `metadata.log.dir`, or the first of the log dirs
    pub metadata_log_dir: String,
    /// `controller.quorum.voters`; empty where the voters are kept in the log (KIP-853)
    pub voters: Vec<Voter>,
    /// `controller.quorum.bootstrap.servers`
    pub bootstrap_servers: Vec<BootstrapServer>,
    /// `riverrun.metrics.listeners`: where metrics are served over HTTP, each `host:port`.
    pub metrics_listeners: Vec<String>,
    /// `max.connections.per.ip.overrides`
    pub max_connections_per_ip_overrides: BTreeMap<String, i32>,
    /// Sockets.
    pub sockets: SocketSettings,
    /// Request handlers.
    pub requests: RequestSettings,
    /// The log engine.
    pub log: LogSettings,
    /// Replication.
    pub replication: ReplicationSettings,
    /// `replica.selector.class`
    pub replica_selector: ReplicaSelector,
    /// The log cleaner.
    pub cleaner: LogCleanerSettings,
    /// The scrub.
    pub scrub: ScrubSettings,
    /// The metadata log.
    pub metadata_log: MetadataLogSettings,
    /// The quorum.
    pub quorum: QuorumSettings,
    /// Internal topics.
    pub internal_topics: InternalTopicSettings,
    /// Groups.
    pub groups: GroupSettings,
    /// Transactions.
    pub transactions: TransactionSettings,
    /// The coordinators of consumer groups.
    pub consumer_groups: ConsumerGroupSettings,
    /// What a topic gets that sets nothing itself.
    pub topic_defaults: Arc<TopicConfig>,
    /// All values, for DescribeConfigs and for [`TopicConfig::resolve`].
    pub settings: Settings,
    /// What was set statically.
    pub originals: Originals,
    /// What is set dynamically.
    pub dynamic: DynamicConfigs,
}

impl BrokerConfig {
    /// The settings that `layered` gives, refused if they contradict each other or ask for what is not built yet.
    pub fn from_layers(layered: &Layered) -> Result<Self, ConfigError> {
        let config = Self::as_kafka_reads(layered)?;
        check::built(&config)?;
        Ok(config)
    }

    /// The settings that `layered` gives, refused only where Kafka refuses them: for tools that prepare a directory,
    /// perhaps for another node than this program can be yet.
    pub fn as_kafka_reads(layered: &Layered) -> Result<Self, ConfigError> {
        let mut originals = layered.originals();
        populate_synonyms(&mut originals);
        Self::new(originals, DynamicConfigs::default())
    }

    /// This node's settings with other dynamic configs.
    pub fn with_dynamic(&self, dynamic: DynamicConfigs) -> Result<Self, ConfigError> {
        Self::new(self.originals.clone(), dynamic)
    }

    fn new(originals: Originals, dynamic: DynamicConfigs) -> Result<Self, ConfigError> {
        let effective = effective(&originals, &dynamic);
        let settings = Settings::resolve(&BROKER, &effective)?;
        let voters = list(&settings, "controller.quorum.voters", Voter::parse)?;
        let bootstrap_servers = list(&settings, "controller.quorum.bootstrap.servers", BootstrapServer::parse)?;
        let endpoints = endpoints::resolve(&settings, &effective)?;
        let log_dirs = settings.read::<Option<Vec<String>>>("log.dirs");
        let log_dirs = log_dirs.unwrap_or_else(|| settings.read("log.dir"));
        let cordoned: Vec<String> = settings.read(CORDONED);
        let cordons_all = cordoned.iter().any(|dir| dir == ALL_LOG_DIRS);
        let metadata_log_dir = settings.read::<Option<String>>("metadata.log.dir");
        let config = Self {
            node_id: NodeId(settings.read("node.id")),
            roles: roles(&settings),
            rack: settings.read("broker.rack"),
            listeners: endpoints.listeners,
            advertised_listeners: endpoints.advertised_listeners,
            controller_listeners: endpoints.controller_listeners,
            advertised_controller_listeners: endpoints.advertised_controller_listeners,
            controller_listener_names: endpoints.controller_listener_names,
            inter_broker_listener: endpoints.inter_broker_listener,
            metadata_log_dir: metadata_log_dir
                .or_else(|| log_dirs.first().cloned())
                .unwrap_or_default(),
            metrics_listeners: settings.read("riverrun.metrics.listeners"),
            cordoned_log_dirs: if cordons_all { log_dirs.clone() } else { cordoned },
            log_dirs,
            voters,
            bootstrap_servers,
            max_connections_per_ip_overrides: overrides(&settings)?,
            sockets: SocketSettings::read(&settings),
            requests: RequestSettings::read(&settings),
            log: LogSettings::read(&settings),
            replication: ReplicationSettings::read(&settings),
            replica_selector: ReplicaSelector::of(settings.read::<Option<String>>("replica.selector.class").as_deref())
                .unwrap_or(ReplicaSelector::None),
            cleaner: LogCleanerSettings::read(&settings),
            scrub: ScrubSettings::read(&settings),
            metadata_log: MetadataLogSettings::read(&settings),
            quorum: QuorumSettings::read(&settings),
            internal_topics: InternalTopicSettings::read(&settings),
            groups: GroupSettings::read(&settings),
            transactions: TransactionSettings::read(&settings),
            consumer_groups: ConsumerGroupSettings::read(&settings),
            topic_defaults: Arc::new(TopicConfig::resolve(&settings, &Originals::new())?),
            settings,
            originals,
            dynamic,
        };
        check::consistent(&config)?;
        Ok(config)
    }

    /// What is set, statically or dynamically, the strongest value of each key.
    pub(crate) fn effective_originals(&self) -> Originals {
        effective(&self.originals, &self.dynamic)
    }

    /// The value of a key that is set only dynamically, for this broker or for all; `None` where it is not set or not a
    /// number.
    pub fn dynamic_number(&self, name: &str) -> Option<i64> {
        let set = self.dynamic.broker.get(name).or_else(|| self.dynamic.cluster.get(name));
        set.and_then(|text| text.trim().parse().ok())
    }

    /// The settings of a topic that sets `overrides`.
    pub fn topic(&self, overrides: &Originals) -> Result<TopicConfig, ConfigError> {
        TopicConfig::resolve(&self.settings, overrides)
    }
}

/// Static under dynamic values. A dynamic value also hides what is set under the key's other names: a dynamic
/// `log.retention.ms` is not shortened by a static `log.retention.hours`.
fn effective(originals: &Originals, dynamic: &DynamicConfigs) -> Originals {
    let mut effective = originals.clone();
    for layer in [&dynamic.cluster, &dynamic.broker] {
        for (name, value) in layer {
            for synonym in broker_synonyms(name) {
                if synonym == name || listener_key(name).is_none() {
                    effective.remove(synonym);
                }
            }
            effective.insert(name.clone(), value.clone());
        }
    }
    effective
}

/// `broker.id` and `node.id` stand for each other.
fn populate_synonyms(originals: &mut Originals) {
    for (from, to) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
        if let (Some(value), None) = (originals.get(from).cloned(), originals.get(to)) {
            originals.insert(to.to_owned(), value);
        }
    }
}

fn roles(settings: &Settings) -> Roles {
    let roles: Vec<String> = settings.read("process.roles");
    let has = |name: &str| roles.iter().any(|role| role == name);
    Roles {
        broker: has("broker"),
        controller: has("controller"),
    }
}

fn list<T>(settings: &Settings, key: &str, parse: fn(&str) -> Result<T, ConfigError>) -> Result<Vec<T>, ConfigError> {
    let entries: Vec<String> = settings.read(key);
    entries.iter().map(|entry| parse(entry)).collect()
}

fn overrides(settings: &Settings) -> Result<BTreeMap<String, i32>, ConfigError> {
    const KEY: &str = "max.connections.per.ip.overrides";
    let text: String = settings.read(KEY);
    let mut overrides = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let parsed = entry
            .rsplit_once(':')
            .and_then(|(host, limit)| Some((host, limit.trim().parse().ok()?)));
        let (host, limit) =
            parsed.ok_or_else(|| ConfigError::value(KEY, text.clone(), format!("`{entry}` is not host:limit")))?;
        overrides.insert(host.trim().to_owned(), limit);
    }
    Ok(overrides)
}

#[cfg(test)]
mod tests;
