//! What the broker answers: one line and one file per API.
//!
//! The list is the dispatcher and the source of ApiVersions at once: what is not here is not advertised and closes the
//! connection. Produce claims to begin at 0 (see [`api_versions`]) but is served from 3.

use crate::Broker;
use network::RequestContext;
use protocol::ErrorCode;

network::apis! {
    Broker;
    Produce, 3..=13 => raw produce;
    Fetch, 4..=18 => raw fetch;
    ListOffsets, 1..=11 => list_offsets;
    Metadata, 0..=13 => metadata;
    OffsetCommit, 2..=10 => offset_commit;
    OffsetFetch, 1..=10 => offset_fetch;
    FindCoordinator, 0..=6 => find_coordinator;
    JoinGroup, 0..=9 => join_group;
    Heartbeat, 0..=4 => heartbeat;
    LeaveGroup, 0..=5 => leave_group;
    SyncGroup, 0..=5 => sync_group;
    DescribeGroups, 0..=6 => describe_groups;
    ListGroups, 0..=5 => list_groups;
    ApiVersions, 0..=4 => raw api_versions;
    CreateTopics, 2..=7 => raw create_topics;
    DeleteTopics, 1..=6 => raw delete_topics;
    DeleteRecords, 0..=2 => delete_records;
    InitProducerId, 0..=5 => init_producer_id;
    OffsetForLeaderEpoch, 2..=4 => offset_for_leader_epoch;
    AddPartitionsToTxn, 0..=5 => add_partitions_to_txn;
    AddOffsetsToTxn, 0..=4 => add_offsets_to_txn;
    EndTxn, 0..=5 => end_txn;
    WriteTxnMarkers, 1..=2 => write_txn_markers;
    TxnOffsetCommit, 0..=5 => txn_offset_commit;
    DescribeConfigs, 1..=4 => describe_configs;
    AlterConfigs, 0..=2 => raw alter_configs;
    AlterReplicaLogDirs, 1..=2 => alter_replica_log_dirs;
    DescribeLogDirs, 1..=5 => describe_log_dirs;
    CreatePartitions, 0..=3 => raw create_partitions;
    ElectLeaders, 0..=2 => raw elect_leaders;
    DeleteGroups, 0..=2 => delete_groups;
    IncrementalAlterConfigs, 0..=1 => raw incremental_alter_configs;
    AlterPartitionReassignments, 0..=1 => raw alter_partition_reassignments;
    ListPartitionReassignments, 0..=0 => raw list_partition_reassignments;
    OffsetDelete, 0..=0 => offset_delete;
    DescribeClientQuotas, 0..=1 => describe_client_quotas;
    AlterClientQuotas, 0..=1 => raw alter_client_quotas;
    DescribeQuorum, 0..=2 => raw describe_quorum;
    UpdateFeatures, 0..=2 => raw update_features;
    DescribeCluster, 0..=2 => describe_cluster;
    UnregisterBroker, 0..=0 => raw unregister_broker;
    DescribeProducers, 0..=0 => describe_producers;
    DescribeTransactions, 0..=0 => describe_transactions;
    ListTransactions, 0..=2 => list_transactions;
    ConsumerGroupHeartbeat, 0..=1 => consumer_group_heartbeat;
    ConsumerGroupDescribe, 0..=1 => consumer_group_describe;
    ListConfigResources, 0..=1 => list_config_resources;
    DescribeTopicPartitions, 0..=0 => describe_topic_partitions;
    AddRaftVoter, 0..=1 => raw add_raft_voter;
    RemoveRaftVoter, 0..=0 => raw remove_raft_voter;
}

/// PRODUCER_FENCED as clients of versions before `since` know it.
fn fenced_before(since: i16, context: &RequestContext, error: ErrorCode) -> ErrorCode {
    if error == ErrorCode::ProducerFenced && context.api_version < since {
        return ErrorCode::InvalidProducerEpoch;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::APIS;
    use crate::Broker;
    use bytes::Bytes;
    use network::{Reply, RequestContext};
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::sync::Arc;

    /// `DescribeLogDirs` as `describe_log_dirs`.
    fn snake_case(name: &str) -> String {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        snake
    }

    #[test]
    fn the_list_and_the_folder_agree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let files: BTreeSet<String> = files
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let listed: BTreeSet<String> = APIS.iter().map(|range| snake_case(range.api_key.name())).collect();
        assert_eq!(listed, files);
        for range in APIS {
            let file = folder.join(snake_case(range.api_key.name())).with_extension("rs");
            let head = format!("//! {} (key {})", range.api_key.name(), range.api_key.code());
            assert!(
                std::fs::read_to_string(&file).unwrap().starts_with(&head),
                "{} begins otherwise",
                file.display()
            );
        }
    }

    /// Bytes of the future that a handler gives.
    fn size<F: Future<Output = Reply>>(
        _: impl FnOnce(&'static Arc<Broker>, &'static RequestContext, Bytes) -> F,
    ) -> usize {
        size_of::<F>()
    }

    /// It is moved to the heap whenever a connection wakes up.
    #[test]
    fn what_it_takes_to_handle_a_request_is_small() {
        let all = size(super::dispatch);
        let parts = [size(super::produce::handle), size(super::fetch::handle)];
        assert!(all <= 1024, "{all}; {parts:?} of Produce and Fetch");
    }

    #[test]
    fn every_stable_version_is_served() {
        for range in APIS {
            let stable = range.api_key.api().versions.unwrap();
            assert_eq!((range.min, range.max), (stable.min, stable.max), "{:?}", range.api_key);
        }
    }
}
