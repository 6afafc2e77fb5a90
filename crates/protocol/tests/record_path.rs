//! The record path does not allocate per partition.

mod counting;

use base::Uuid;
use bytes::Bytes;
use counting::allocations_of;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::views::fetch::FetchView;
use protocol::views::produce::ProduceView;
use protocol::{ApiKey, Message, Records, frame};

const PARTITIONS: i32 = 1000;

#[test]
fn a_produce_request_is_read_in_place() {
    let partition = |index| PartitionProduceData {
        index,
        records: Some(Records::Bytes(Bytes::from_static(b"records"))),
    };
    let topic = TopicProduceData {
        topic_id: Uuid::ONE,
        partition_data: (0..PARTITIONS).map(partition).collect(),
        ..TopicProduceData::default()
    };
    let request = ProduceRequest {
        topic_data: vec![topic],
        ..ProduceRequest::default()
    };
    let body = request.to_bytes(13).expect("nothing is too long");
    // The first slice of a buffer makes it a shared one.
    let frame = body.slice(..);
    let (bytes, allocations) = allocations_of(|| {
        let view = ProduceView::parse(&frame, 13).expect("it is a Produce request");
        let shared = view
            .batches()
            .map(|produced| view.share(produced.records.expect("they are not null")));
        shared.map(|records| records.len()).sum::<usize>()
    });
    assert_eq!((bytes, allocations), (7 * PARTITIONS as usize, 0));
}

#[test]
fn a_fetch_request_is_read_in_place() {
    let partition = |partition| FetchPartition {
        partition,
        fetch_offset: 1,
        ..FetchPartition::default()
    };
    let topic = FetchTopic {
        topic_id: Uuid::ONE,
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..FetchTopic::default()
    };
    let request = FetchRequest {
        topics: vec![topic],
        ..FetchRequest::default()
    };
    let frame = request.to_bytes(18).expect("nothing is too long");
    let (offsets, allocations) = allocations_of(|| {
        let view = FetchView::parse(&frame, 18).expect("it is a Fetch request");
        let partitions = view.topics().flat_map(|topic| topic.partitions());
        partitions.map(|partition| partition.fetch_offset).sum::<i64>()
    });
    assert_eq!((offsets, allocations), (i64::from(PARTITIONS), 0));
}

#[test]
fn a_fetch_response_refers_to_its_records() {
    let records = Bytes::from(vec![1; 100_000]);
    let partition = |partition_index| PartitionData {
        partition_index,
        records: Some(Records::Bytes(records.slice(..))),
        ..PartitionData::default()
    };
    let response = FetchResponse {
        responses: vec![FetchableTopicResponse {
            partitions: (0..PARTITIONS).map(partition).collect(),
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    };
    let (segments, allocations) =
        allocations_of(|| frame::encode_response(&response, ApiKey::Fetch, 17, 1).expect("nothing is too long"));
    assert_eq!(segments.iter().count(), 2 * PARTITIONS as usize + 1);
    assert!(segments.len() > 100_000 * PARTITIONS as u64);
    // Two vectors that grow: the fields, and what is put between them.
    assert!(allocations < 40, "{allocations} allocations");
}
