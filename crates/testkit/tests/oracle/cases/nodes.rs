//! DescribeCluster, DescribeQuorum, DescribeLogDirs, UpdateFeatures and ElectLeaders.

use protocol::messages::describe_cluster_request::DescribeClusterRequest;
use protocol::messages::describe_log_dirs_request::{DescribableLogDirTopic, DescribeLogDirsRequest};
use protocol::messages::describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData};
use protocol::messages::elect_leaders_request::{ElectLeadersRequest, TopicPartitions};
use protocol::messages::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use testkit::batch::{Batch, Record};

use super::produce::{THEN, produces};
use super::text;
use crate::pair::Pair;

pub fn run(pair: &mut Pair) {
    pair.create("n", 2, &[]);
    let batch = Batch::new(THEN, vec![Record::value("v")]).encode();
    pair.once(12, "fill", |context| {
        produces(context, "n", -1, &[(0, Some(batch.clone()))])
    });
    cluster(pair);
    quorum(pair);
    directories(pair);
    elections(pair);
    features(pair);
}

fn cluster(pair: &mut Pair) {
    for endpoint_type in [1, 2, 0, 9] {
        pair.every_version(&format!("describe cluster: endpoints {endpoint_type}"), |_| {
            DescribeClusterRequest {
                endpoint_type,
                ..Default::default()
            }
        });
    }
    pair.every_version("describe cluster: operations", |_| DescribeClusterRequest {
        include_cluster_authorized_operations: true,
        ..Default::default()
    });
    pair.every_version("describe cluster: fenced brokers", |_| DescribeClusterRequest {
        include_fenced_brokers: true,
        ..Default::default()
    });
}

fn quorum(pair: &mut Pair) {
    let request = |topic: &str, partitions: &[i32]| {
        let partition = |index: &i32| PartitionData {
            partition_index: *index,
        };
        let topic = TopicData {
            topic_name: text(topic),
            partitions: partitions.iter().map(partition).collect(),
        };
        DescribeQuorumRequest { topics: vec![topic] }
    };
    pair.every_version("describe quorum", |_| request("__cluster_metadata", &[0]));
    pair.every_version("describe quorum: another partition", |_| {
        request("__cluster_metadata", &[1])
    });
    pair.every_version("describe quorum: another topic", |_| request("n", &[0]));
    pair.every_version("describe quorum: two partitions", |_| {
        request("__cluster_metadata", &[0, 0])
    });
    pair.every_version("describe quorum: no partitions", |_| request("__cluster_metadata", &[]));
    pair.every_version("describe quorum: nothing", |_| DescribeQuorumRequest {
        topics: Vec::new(),
    });
}

fn directories(pair: &mut Pair) {
    let request = |topics: &[(&str, &[i32])]| {
        let topic = |(name, partitions): &(&str, &[i32])| DescribableLogDirTopic {
            topic: text(name),
            partitions: partitions.to_vec(),
        };
        DescribeLogDirsRequest {
            topics: Some(topics.iter().map(topic).collect()),
        }
    };
    pair.every_version("describe log dirs: one topic", |_| request(&[("n", &[0, 1])]));
    pair.every_version("describe log dirs: one partition", |_| request(&[("n", &[1])]));
    pair.every_version("describe log dirs: what is not", |_| {
        request(&[("n", &[9]), ("nobody", &[0])])
    });
    pair.every_version("describe log dirs: no partitions", |_| request(&[("n", &[])]));
    pair.every_version("describe log dirs: no topics", |_| request(&[]));
}

fn elections(pair: &mut Pair) {
    let request = |kind: i8, topics: &[(&str, &[i32])]| {
        let topic = |(name, partitions): &(&str, &[i32])| TopicPartitions {
            topic: text(name),
            partitions: partitions.to_vec(),
        };
        ElectLeadersRequest {
            election_type: kind,
            topic_partitions: Some(topics.iter().map(topic).collect()),
            timeout_ms: 10_000,
        }
    };
    for kind in [0, 1, 9] {
        pair.every_version(&format!("elect: kind {kind}"), |_| request(kind, &[("n", &[0, 1])]));
        pair.every_version(&format!("elect: kind {kind}, what is not"), |_| {
            request(kind, &[("n", &[7]), ("nobody", &[0])])
        });
    }
    pair.every_version("elect: everything", |_| ElectLeadersRequest {
        topic_partitions: None,
        timeout_ms: 10_000,
        ..Default::default()
    });
    pair.every_version("elect: nothing", |_| request(0, &[]));
    pair.every_version("elect: a partition twice", |_| request(0, &[("n", &[0, 0])]));
}

fn features(pair: &mut Pair) {
    let request = |updates: &[(&str, i16, i8)]| UpdateFeaturesRequest {
        timeout_ms: 10_000,
        feature_updates: updates
            .iter()
            .map(|(name, level, kind)| FeatureUpdateKey {
                feature: text(name),
                max_version_level: *level,
                upgrade_type: *kind,
                ..Default::default()
            })
            .collect(),
        validate_only: false,
    };
    let cases: &[(&str, &[(&str, i16, i8)])] = &[
        ("an unknown feature", &[("nothing.such", 1, 1)]),
        ("no name", &[("", 1, 1)]),
        ("the level it has", &[("metadata.version", 30, 1)]),
        ("a level from the future", &[("metadata.version", 99, 1)]),
        ("a lower level as an upgrade", &[("metadata.version", 20, 1)]),
        ("a level far too low", &[("metadata.version", 1, 2)]),
        ("level zero", &[("metadata.version", 0, 2)]),
        ("a negative level", &[("group.version", -1, 1)]),
        ("an unknown type", &[("metadata.version", 30, 9)]),
        ("type zero", &[("metadata.version", 30, 0)]),
        ("a feature twice", &[("group.version", 1, 1), ("group.version", 0, 2)]),
        (
            "a good one and a bad one",
            &[("group.version", 1, 1), ("nothing.such", 1, 1)],
        ),
        ("kraft.version down", &[("kraft.version", 0, 2)]),
        ("group.version too high", &[("group.version", 9, 1)]),
        ("nothing", &[]),
    ];
    for (case, updates) in cases {
        pair.every_version(&format!("features: {case}"), |_| request(updates));
        pair.every_version(&format!("features: {case}, validate only"), |_| UpdateFeaturesRequest {
            validate_only: true,
            ..request(updates)
        });
    }
    pair.once(2, "features: group.version off", |_| {
        request(&[("group.version", 0, 2)])
    });
    pair.once(2, "features: group.version on", |_| request(&[("group.version", 1, 1)]));
    pair.once(2, "features: transaction.version down", |_| {
        request(&[("transaction.version", 1, 2)])
    });
}
