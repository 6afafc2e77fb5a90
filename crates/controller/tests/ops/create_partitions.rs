//! More partitions for topics that exist.

use crate::rig::{Rig, cluster, nodes};
use controller::op::create_partitions::create_partitions;
use protocol::ErrorCode;
use protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};

fn topic(name: &str, count: i32, assignments: Option<&[&[i32]]>) -> CreatePartitionsTopic {
    let assignment = |brokers: &&[i32]| CreatePartitionsAssignment {
        broker_ids: brokers.to_vec(),
    };
    CreatePartitionsTopic {
        name: name.to_owned(),
        count,
        assignments: assignments.map(|assignments| assignments.iter().map(assignment).collect()),
    }
}

fn add(rig: &mut Rig, topics: Vec<CreatePartitionsTopic>, validate_only: bool) -> Vec<(String, ErrorCode, String)> {
    let request = CreatePartitionsRequest {
        topics,
        validate_only,
        ..Default::default()
    };
    let response = rig.run(|state, cx| create_partitions(state, cx, &request));
    let results = response.results.into_iter();
    results
        .map(|it| {
            (
                it.name,
                ErrorCode::from(it.error_code),
                it.error_message.unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn what_is_refused_and_how() {
    let mut rig = cluster(3);
    rig.create("t", &[&[1, 2], &[2, 1]], &[]);
    use ErrorCode::{InvalidPartitions, InvalidReplicaAssignment, UnknownTopicOrPartition};
    let cases: Vec<(CreatePartitionsTopic, ErrorCode, &str)> = vec![
        (topic("nope", 3, None), UnknownTopicOrPartition, ""),
        (
            topic("t", 2, None),
            InvalidPartitions,
            "Topic already has 2 partition(s).",
        ),
        (
            topic("t", 1, None),
            InvalidPartitions,
            "The topic t currently has 2 partition(s); 1 would not be an increase.",
        ),
        (
            topic("t", 4, Some(&[&[1, 2]])),
            InvalidReplicaAssignment,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (
            topic("t", 3, Some(&[&[1, 2, 3]])),
            InvalidReplicaAssignment,
            "The manual partition assignment includes a partition with 3 replica(s), but this is not consistent with \
             previous partitions, which have 2 replica(s).",
        ),
    ];
    for (asked, code, message) in cases {
        let name = asked.name.clone();
        assert_eq!(add(&mut rig, vec![asked], false), [(name, code, message.to_owned())]);
    }
}

#[test]
fn partitions_are_added_with_the_topics_replication_factor() {
    let mut rig = cluster(3);
    rig.create("t", &[&[1, 2]], &[]);
    let asked = vec![topic("t", 3, None)];
    assert_eq!(
        add(&mut rig, asked.clone(), true),
        [("t".to_owned(), ErrorCode::None, String::new())]
    );
    assert_eq!(rig.image().topics.get("t").unwrap().partitions.len(), 1);
    add(&mut rig, asked, false);
    let topic_image = rig.image().topics.get("t").unwrap();
    assert!(
        topic_image
            .partitions()
            .all(|(_, partition)| partition.replicas.len() == 2)
    );
    assert_eq!(topic_image.partitions.len(), 3);
    add(&mut rig, vec![topic("t", 4, Some(&[&[3, 1]]))], false);
    assert_eq!(rig.partition("t", 3).replicas, nodes(&[3, 1]));
    let twice = add(&mut rig, vec![topic("t", 5, None), topic("t", 6, None)], false);
    assert_eq!(
        twice,
        [(
            "t".to_owned(),
            ErrorCode::InvalidRequest,
            "Duplicate topic name.".to_owned()
        )]
    );
}
