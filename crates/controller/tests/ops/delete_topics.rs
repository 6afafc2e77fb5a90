//! Topics deleted by name and by id.

use crate::rig::{cluster, empty};
use base::Uuid;
use controller::op::delete_topics::{DisabledAnswer, delete_topics};
use metadata::MetadataVersion;
use protocol::ErrorCode;
use protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};

fn by_name(name: &str) -> DeleteTopicState {
    DeleteTopicState {
        name: Some(name.to_owned()),
        topic_id: Uuid::ZERO,
    }
}

fn by_id(id: Uuid) -> DeleteTopicState {
    DeleteTopicState {
        name: None,
        topic_id: id,
    }
}

#[test]
fn names_and_ids_in_every_combination() {
    let mut rig = cluster(1);
    for topic in ["a", "b", "c", "d"] {
        rig.create(topic, &[&[1]], &[]);
    }
    let [a, b, c] = ["a", "b", "c"].map(|topic| rig.topic_id(topic));
    let unknown = Uuid([5; 16]);
    let request = DeleteTopicsRequest {
        topics: vec![
            by_name("a"),
            by_id(b),
            by_id(c),
            by_name("c"),
            by_name("d"),
            by_name("d"),
            by_name("nope"),
            by_id(unknown),
            by_id(Uuid::ZERO),
            DeleteTopicState {
                name: Some("a".to_owned()),
                topic_id: a,
            },
        ],
        ..Default::default()
    };
    let response = rig.run(|state, cx| delete_topics(state, cx, &request, DisabledAnswer::TopicDeletionDisabled));
    let find = |name: Option<&str>, id: Uuid| {
        let mut found = response
            .responses
            .iter()
            .filter(|it| it.name.as_deref() == name && it.topic_id == id);
        let it = found.next().unwrap_or_else(|| panic!("{name:?} {id} in {response:?}"));
        assert!(found.next().is_none());
        (ErrorCode::from(it.error_code), it.error_message.as_deref())
    };
    use ErrorCode::{InvalidRequest, UnknownTopicId, UnknownTopicOrPartition};
    assert_eq!(find(Some("b"), b), (ErrorCode::None, None));
    let mapped = "The provided topic name maps to an ID that was already supplied.";
    assert_eq!(find(Some("c"), c), (InvalidRequest, Some(mapped)));
    assert_eq!(
        find(Some("d"), Uuid::ZERO),
        (InvalidRequest, Some("Duplicate topic name."))
    );
    assert_eq!(find(Some("nope"), Uuid::ZERO).0, UnknownTopicOrPartition);
    assert_eq!(find(None, unknown).0, UnknownTopicId);
    assert_eq!(
        find(None, Uuid::ZERO),
        (InvalidRequest, Some("Neither topic name nor id were specified."))
    );
    assert_eq!(response.responses.len(), 8);
    let left: Vec<&str> = rig.image().topics.iter().map(|topic| &*topic.name).collect();
    assert_eq!(left, ["c", "d"]);
}

#[test]
fn deletion_can_be_switched_off() {
    let mut rig = empty(&["delete.topic.enable=false"], MetadataVersion::LATEST_PRODUCTION);
    rig.start_broker(1);
    rig.create("a", &[&[1]], &[]);
    for (answer, code) in [
        (DisabledAnswer::TopicDeletionDisabled, ErrorCode::TopicDeletionDisabled),
        (DisabledAnswer::InvalidRequest, ErrorCode::InvalidRequest),
    ] {
        let request = DeleteTopicsRequest {
            topic_names: vec!["a".to_owned()],
            ..Default::default()
        };
        let response = rig.run(|state, cx| delete_topics(state, cx, &request, answer));
        assert_eq!(response.responses[0].error_code, code.code());
    }
    assert_eq!(rig.image().topics.len(), 1);
}
