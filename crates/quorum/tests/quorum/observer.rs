//! Pulling the metadata log and its snapshots, as a broker without the controller role does.

use crate::setup::{CLUSTER, STATIC, call, config, lasting, register, start};
use base::Uuid;
use bytes::Bytes;
use metadata::{Loader, MetadataImage};
use protocol::Records;
use protocol::messages::describe_quorum_request::{DescribeQuorumRequest, PartitionData as Asked, TopicData};
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic, ReplicaState};
use protocol::messages::fetch_response::PartitionData;
use protocol::messages::fetch_snapshot_request::{FetchSnapshotRequest, PartitionSnapshot, SnapshotId, TopicSnapshot};
use protocol::metadata_records::MetadataRecord;
use quorum::QuorumNode;
use raft::contents::{Contents, LogBatch};
use std::time::{Duration, Instant};

const OBSERVER: i32 = 9;
const EPOCH: i32 = 1;

fn fetch(offset: i64, epoch: i32, max_wait_ms: i32) -> FetchRequest {
    FetchRequest {
        cluster_id: Some(CLUSTER.to_owned()),
        replica_state: ReplicaState {
            replica_id: OBSERVER,
            replica_epoch: -1,
        },
        max_wait_ms,
        max_bytes: 200,
        topics: vec![FetchTopic {
            topic_id: Uuid::METADATA_TOPIC,
            partitions: vec![FetchPartition {
                partition: 0,
                current_leader_epoch: -1,
                fetch_offset: offset,
                last_fetched_epoch: epoch,
                high_watermark: i64::MAX,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

async fn pull(node: &QuorumNode, request: &FetchRequest) -> PartitionData {
    let mut response = call(node, 17, request).await;
    assert_eq!(response.error_code, 0);
    response.responses[0].partitions.remove(0)
}

fn bytes(records: &Option<Records>) -> Bytes {
    records
        .as_ref()
        .and_then(Records::as_bytes)
        .cloned()
        .unwrap_or_default()
}

/// Follows the log to its end, batch by batch.
async fn follow(node: &QuorumNode) -> (MetadataImage, i64) {
    let (mut loader, mut next, mut epoch) = (Loader::default(), 0, 0);
    loop {
        let pulled = pull(node, &fetch(next, epoch, 0)).await;
        assert_eq!((pulled.error_code, pulled.current_leader.leader_id), (0, 1));
        let records = bytes(&pulled.records);
        if records.is_empty() {
            return (loader.published().clone(), next);
        }
        for batch in records::batches(&records).map_while(Result::ok) {
            let batch = LogBatch::read(&batch).unwrap();
            if let Contents::Data(values) = &batch.contents {
                for (offset, value) in values {
                    let record = MetadataRecord::decode(&Bytes::copy_from_slice(value)).unwrap();
                    loader.replay(*offset, &record).unwrap();
                }
            }
            (next, epoch) = (batch.end.0, batch.epoch.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_pulls_the_log_and_has_the_same_picture() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&config(dir.path(), &[STATIC]));
    register(&node, 1).await;
    let (image, end) = follow(&node).await;
    let published = node.published.borrow().clone();
    assert_eq!((&image, end), (&*published.image, published.end.0));

    let topic = TopicData {
        topic_name: "__cluster_metadata".to_owned(),
        partitions: vec![Asked { partition_index: 0 }],
    };
    let described = call(&node, 2, &DescribeQuorumRequest { topics: vec![topic] }).await;
    let observer = &described.topics[0].partitions[0].observers[0];
    assert_eq!((observer.replica_id, observer.log_end_offset), (OBSERVER, end));
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_at_the_end_waits_for_the_next_record() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&config(dir.path(), &[STATIC]));
    let (_, end) = follow(&node).await;
    let asked = fetch(end, EPOCH, 30_000);
    let began = Instant::now();
    let (pulled, registered) = tokio::join!(pull(&node, &asked), register(&node, 1));
    assert_eq!(registered.error_code, 0);
    assert!(!bytes(&pulled.records).is_empty());
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "it did not wait for its deadline"
    );
    let empty = pull(&node, &fetch(end + 1, EPOCH, 1)).await;
    assert!(bytes(&empty.records).is_empty());
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_get_their_errors() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&config(dir.path(), &[STATIC]));
    let end = node.published.borrow().end.0;
    let diverging = pull(&node, &fetch(end + 5, EPOCH, 0)).await.diverging_epoch;
    assert_eq!((diverging.epoch, diverging.end_offset), (EPOCH, end));
    let mut stranger = fetch(0, 0, 0);
    stranger.cluster_id = Some("another".to_owned());
    assert_eq!(
        call(&node, 17, &stranger).await.error_code,
        104,
        "INCONSISTENT_CLUSTER_ID"
    );
    let mut late = fetch(0, 0, 0);
    late.topics[0].partitions[0].current_leader_epoch = EPOCH + 1;
    assert_eq!(pull(&node, &late).await.error_code, 75, "UNKNOWN_LEADER_EPOCH");
    let mut other = fetch(0, 0, 0);
    other.topics[0].topic_id = Uuid([7; 16]);
    assert_eq!(call(&node, 17, &other).await.error_code, 42, "INVALID_REQUEST");
    node.stop().await.unwrap();
}

fn piece(end_offset: i64, position: i64) -> FetchSnapshotRequest {
    FetchSnapshotRequest {
        replica_id: OBSERVER,
        max_bytes: 300,
        topics: vec![TopicSnapshot {
            name: "__cluster_metadata".to_owned(),
            partitions: vec![PartitionSnapshot {
                partition: 0,
                current_leader_epoch: -1,
                snapshot_id: SnapshotId {
                    end_offset,
                    epoch: EPOCH,
                },
                position,
                ..Default::default()
            }],
        }],
        ..Default::default()
    }
}

/// Waits until the leader answers a replica at 0 with a snapshot of `epoch`, and says where it ends.
async fn snapshot_end(node: &QuorumNode, epoch: i32) -> i64 {
    for incarnation in 0..1000 {
        // Each operation is an occasion to look whether a snapshot is due, or done.
        register(node, (incarnation % 250) as u8).await;
        let id = pull(node, &fetch(0, 0, 0)).await.snapshot_id;
        if id.epoch == epoch {
            return id.end_offset;
        }
        tokio::task::yield_now().await;
    }
    panic!("no snapshot was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_observer_takes_the_snapshot_and_so_does_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(
        dir.path(),
        &[STATIC, "metadata.log.max.record.bytes.between.snapshots=500"],
    );
    let node = start(&config);
    let end = snapshot_end(&node, EPOCH).await;
    let mut whole = Vec::new();
    loop {
        let mut response = call(&node, 1, &piece(end, whole.len() as i64)).await;
        let part = response.topics[0].partitions.remove(0);
        assert_eq!(part.error_code, 0);
        whole.extend_from_slice(&bytes(&part.unaligned_records));
        if whole.len() as i64 == part.size {
            break;
        }
    }
    let mut count = 0;
    raft::snapshot::read(&whole, |_| count += 1).unwrap();
    assert!(count > 6, "the features and the controller, at least: {count}");
    let code = async |end, position| call(&node, 1, &piece(end, position)).await.topics[0].partitions[0].error_code;
    assert_eq!(code(end, whole.len() as i64).await, 99, "POSITION_OUT_OF_RANGE");
    assert_eq!(code(end + 1, 0).await, 98, "SNAPSHOT_NOT_FOUND");
    assert_eq!(code(0, 0).await, 98, "SNAPSHOT_NOT_FOUND");

    let image = node.published.borrow().image.clone();
    node.stop().await.unwrap();
    let node = start(&config);
    assert_eq!(lasting(&node.published.borrow().image), lasting(&image));
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_epoch_may_leave_a_snapshot_behind() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(
        dir.path(),
        &[STATIC, "metadata.log.max.record.bytes.between.snapshots=500"],
    );
    for epoch in 1..4 {
        let node = start(&config);
        snapshot_end(&node, epoch).await;
        node.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_is_a_reason_for_a_snapshot_too() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&config(
        dir.path(),
        &[STATIC, "metadata.log.max.snapshot.interval.ms=1"],
    ));
    snapshot_end(&node, EPOCH).await;
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_snapshots_go_and_the_log_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [
        STATIC,
        "metadata.log.max.record.bytes.between.snapshots=700",
        "metadata.max.retention.bytes=1",
        "internal.metadata.log.segment.bytes=1500",
        "internal.metadata.max.batch.size.in.bytes=1400",
    ];
    let config = config(dir.path(), &settings);
    let node = start(&config);
    let first = snapshot_end(&node, EPOCH).await;
    let mut newest = first;
    while newest == first || pull(&node, &fetch(newest, EPOCH, 0)).await.log_start_offset == 0 {
        newest = snapshot_end(&node, EPOCH).await;
    }
    let gone = call(&node, 1, &piece(first, 0)).await.topics[0].partitions[0].error_code;
    assert_eq!(gone, 98, "SNAPSHOT_NOT_FOUND");
    // Who is behind the log's start takes the snapshot; who is not goes on with the log.
    let behind = pull(&node, &fetch(1, EPOCH, 0)).await;
    assert!(behind.snapshot_id.end_offset >= newest);
    let image = node.published.borrow().image.clone();
    node.stop().await.unwrap();
    let node = start(&config);
    assert_eq!(lasting(&node.published.borrow().image), lasting(&image));
    node.stop().await.unwrap();
}
