//! What the broker answers: one line and one file per API.
//!
//! The list is the dispatcher and the source of ApiVersions at once: what is not here is not advertised and closes the
//! connection. Produce claims to begin at 0 (see [`api_versions`]) but is served from 3.

use crate::Broker;

network::apis! {
    Broker;
    Produce, 3..=13 => raw produce;
    Fetch, 4..=18 => raw fetch;
    ListOffsets, 1..=11 => list_offsets;
    Metadata, 0..=13 => metadata;
    FindCoordinator, 0..=6 => find_coordinator;
    ApiVersions, 0..=4 => raw api_versions;
    CreateTopics, 2..=7 => raw create_topics;
    DeleteTopics, 1..=6 => raw delete_topics;
    DeleteRecords, 0..=2 => delete_records;
    InitProducerId, 0..=5 => init_producer_id;
    OffsetForLeaderEpoch, 2..=4 => offset_for_leader_epoch;
    AlterConfigs, 0..=2 => raw alter_configs;
    DescribeLogDirs, 1..=5 => describe_log_dirs;
    CreatePartitions, 0..=3 => raw create_partitions;
    ElectLeaders, 0..=2 => raw elect_leaders;
    IncrementalAlterConfigs, 0..=1 => raw incremental_alter_configs;
    AlterClientQuotas, 0..=1 => raw alter_client_quotas;
    DescribeQuorum, 0..=2 => raw describe_quorum;
    UpdateFeatures, 0..=2 => raw update_features;
    DescribeCluster, 0..=2 => describe_cluster;
    DescribeProducers, 0..=0 => describe_producers;
    DescribeTopicPartitions, 0..=0 => describe_topic_partitions;
}
