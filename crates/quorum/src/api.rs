//! The APIs of the controller's listener: one line and one file each.

network::apis! { crate::Entrance;
    Fetch, 4..=18 => fetch;
    ApiVersions, 0..=4 => raw api_versions;
    CreateTopics, 2..=7 => create_topics;
    DeleteTopics, 1..=6 => delete_topics;
    DescribeConfigs, 1..=4 => describe_configs;
    AlterConfigs, 0..=2 => alter_configs;
    CreatePartitions, 0..=3 => create_partitions;
    ElectLeaders, 0..=2 => elect_leaders;
    IncrementalAlterConfigs, 0..=1 => incremental_alter_configs;
    AlterPartitionReassignments, 0..=1 => alter_partition_reassignments;
    ListPartitionReassignments, 0..=0 => list_partition_reassignments;
    AlterClientQuotas, 0..=1 => alter_client_quotas;
    Vote, 0..=2 => vote;
    BeginQuorumEpoch, 0..=1 => begin_quorum_epoch;
    EndQuorumEpoch, 0..=1 => end_quorum_epoch;
    DescribeQuorum, 0..=2 => describe_quorum;
    AlterPartition, 2..=3 => alter_partition;
    UpdateFeatures, 0..=2 => update_features;
    Envelope, 0..=0 => envelope;
    FetchSnapshot, 0..=1 => fetch_snapshot;
    DescribeCluster, 0..=2 => describe_cluster;
    BrokerRegistration, 0..=4 => broker_registration;
    BrokerHeartbeat, 0..=2 => broker_heartbeat;
    UnregisterBroker, 0..=0 => unregister_broker;
    AllocateProducerIds, 0..=0 => allocate_producer_ids;
    ControllerRegistration, 0..=0 => controller_registration;
    AssignReplicasToDirs, 0..=0 => assign_replicas_to_dirs;
    AddRaftVoter, 0..=1 => add_raft_voter;
    RemoveRaftVoter, 0..=0 => remove_raft_voter;
    UpdateRaftVoter, 0..=0 => update_raft_voter;
}
