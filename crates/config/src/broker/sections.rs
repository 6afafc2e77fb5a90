//! The settings of a node that its parts go by, each part's together.

use crate::settings::settings;
use base::Windows;
use std::time::Duration;

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
