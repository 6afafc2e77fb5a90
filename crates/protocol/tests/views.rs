//! The views see what the owned requests see, and refuse what they refuse.

mod vector;

use base::Rng;
use bytes::Bytes;
use protocol::messages::fetch_request::{FetchRequest, FetchTopic, ForgottenTopic};
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::views::TopicRef;
use protocol::views::fetch::FetchView;
use protocol::views::produce::ProduceView;
use protocol::{Message, Records};

fn vectors(name: &'static str) -> impl Iterator<Item = (i16, Vec<u8>)> {
    vector::all()
        .filter(move |vector| vector.message.name == name)
        .map(|vector| (vector.version, vector.bytes.to_vec()))
}

/// The topic's name and id, of which a version has only one.
fn name_and_id(topic: TopicRef<'_>) -> (String, base::Uuid) {
    match topic {
        TopicRef::Name(name) => (name.to_owned(), base::Uuid::ZERO),
        TopicRef::Id(id) => (String::new(), id),
    }
}

fn owned_produce(view: &ProduceView<'_>) -> ProduceRequest {
    let mut topic_data: Vec<TopicProduceData> = Vec::new();
    let mut last = None;
    for produced in view.batches() {
        if last.replace(produced.topic_number) != Some(produced.topic_number) {
            let (name, topic_id) = name_and_id(produced.topic);
            topic_data.push(TopicProduceData {
                name,
                topic_id,
                partition_data: Vec::new(),
            });
        }
        let partition = PartitionProduceData {
            index: produced.index,
            records: produced.records.map(|records| Records::Bytes(view.share(records))),
        };
        topic_data
            .last_mut()
            .expect("one was begun")
            .partition_data
            .push(partition);
    }
    ProduceRequest {
        transactional_id: view.transactional_id.map(str::to_owned),
        acks: view.acks,
        timeout_ms: view.timeout_ms,
        topic_data,
    }
}

/// A request without the topics that name no partition: a view passes over them.
fn with_partitions(mut request: ProduceRequest) -> ProduceRequest {
    request.topic_data.retain(|topic| !topic.partition_data.is_empty());
    request
}

fn owned_fetch(view: &FetchView<'_>, version: i16) -> FetchRequest {
    let topics = view.topics().map(|fetched| {
        let (topic, topic_id) = name_and_id(fetched.topic);
        let partitions: Vec<_> = fetched.partitions().collect();
        assert_eq!(partitions.len(), fetched.partition_count());
        FetchTopic {
            topic,
            topic_id,
            partitions,
        }
    });
    let forgotten = view.forgotten().map(|forgotten| {
        let (topic, topic_id) = name_and_id(forgotten.topic);
        ForgottenTopic {
            topic,
            topic_id,
            partitions: forgotten.partitions().collect(),
        }
    });
    let mut request = FetchRequest {
        cluster_id: view.cluster_id.map(str::to_owned),
        max_wait_ms: view.max_wait_ms,
        min_bytes: view.min_bytes,
        max_bytes: view.max_bytes,
        isolation_level: view.isolation_level,
        session_id: view.session_id,
        session_epoch: view.session_epoch,
        rack_id: view.rack_id.to_owned(),
        topics: topics.collect(),
        forgotten_topics_data: forgotten.collect(),
        ..FetchRequest::default()
    };
    if version <= 14 {
        request.replica_id = view.replica_id;
    } else {
        request.replica_state.replica_id = view.replica_id;
        request.replica_state.replica_epoch = view.replica_epoch;
    }
    request
}

fn check(name: &str, version: i16, bytes: Vec<u8>) {
    let bytes = Bytes::from(bytes);
    if name == ProduceRequest::NAME {
        let seen = ProduceView::parse(&bytes, version).map(|view| owned_produce(&view));
        assert_eq!(
            seen,
            ProduceRequest::from_bytes(&bytes, version).map(with_partitions),
            "{name} {version} {bytes:02x?}"
        );
    } else {
        let seen = FetchView::parse(&bytes, version).map(|view| owned_fetch(&view, version));
        assert_eq!(
            seen,
            FetchRequest::from_bytes(&bytes, version),
            "{name} {version} {bytes:02x?}"
        );
    }
}

#[test]
fn views_see_what_the_owned_requests_see() {
    for name in [ProduceRequest::NAME, FetchRequest::NAME] {
        let mut count = 0;
        for (version, bytes) in vectors(name) {
            check(name, version, bytes);
            count += 1;
        }
        assert!(count > 20, "{name}: {count} vectors");
    }
}

#[test]
fn views_refuse_what_the_owned_requests_refuse() {
    let mut rng = Rng::from_seed(20);
    for name in [ProduceRequest::NAME, FetchRequest::NAME] {
        for (version, bytes) in vectors(name) {
            for _ in 0..200 {
                let mut mutated = bytes.clone();
                for _ in 0..=rng.below(3) {
                    let at = usize::try_from(rng.below(bytes.len() as u64)).expect("it is below a usize");
                    mutated[at] = rng.next_u64() as u8;
                }
                check(name, version, mutated);
            }
        }
    }
}
