//! A metadata log that Apache Kafka 4.3.1 wrote, read record by record.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use base::{LeaderEpoch, NodeId, Offset, Uuid};
use bytes::Bytes;
use expect_test::expect;
use metadata::delta::{TopicChange, changed_partitions, changed_topics};
use metadata::image::ConfigResource;
use metadata::record_version::record_version;
use metadata::{Loader, MetadataImage};
use protocol::metadata_records::MetadataRecord;
use std::fmt::Write;

const LOG: &[u8] = include_bytes!("fixtures/kafka-4.3.1-cluster-metadata.log");

/// Every metadata record of the log with its offset, its version and its bytes.
fn records() -> Vec<(Offset, MetadataRecord, i16, Bytes)> {
    let mut found = Vec::new();
    for batch in records::batches(LOG) {
        let batch = batch.unwrap();
        batch.check().unwrap();
        if batch.header().attributes.is_control() {
            continue;
        }
        for record in batch.records().unwrap() {
            let record = record.unwrap();
            let offset = batch.header().base_offset.plus(i64::from(record.offset_delta));
            let value = Bytes::copy_from_slice(record.value.unwrap());
            let (decoded, version) = MetadataRecord::decode_versioned(&value).unwrap();
            found.push((offset, decoded, version, value));
        }
    }
    found
}

fn load() -> Loader {
    let mut loader = Loader::default();
    for (offset, record, _, _) in records() {
        loader.replay(offset, &record).unwrap();
        loader.advance(offset, LeaderEpoch(1), base::Timestamp::NONE);
    }
    loader
}

fn rebuilt(image: &MetadataImage) -> MetadataImage {
    let mut rebuilt = MetadataImage::default();
    for record in image.to_records() {
        let version = record_version(&record, image.features.metadata_version.unwrap());
        let bytes = record.encode(version).unwrap();
        rebuilt.apply(&MetadataRecord::decode(&bytes).unwrap()).unwrap();
    }
    rebuilt
}

#[test]
fn kafkas_log_gives_kafkas_image() {
    let loader = load();
    assert_eq!(loader.open_transaction(), None);
    let image = loader.published();
    let mut text = String::new();
    writeln!(text, "features {:?}", image.features.all()).unwrap();
    for topic in image.topics.iter() {
        let (_, first) = topic.partitions().next().unwrap();
        let facts = (first.leader.0, first.leader_epoch.0, first.partition_epoch.0);
        writeln!(text, "topic {} x{} {facts:?}", topic.name, topic.partitions.len()).unwrap();
    }
    for (resource, values) in image.configs.iter() {
        writeln!(
            text,
            "config {:?} {:?} {values:?}",
            resource.resource_type, resource.name
        )
        .unwrap();
    }
    writeln!(text, "next producer id {}", image.producer_ids.next_producer_id).unwrap();
    for broker in image.brokers.iter() {
        let epoch = broker.epoch;
        writeln!(
            text,
            "broker {} epoch {epoch} fenced {} {:?}",
            broker.id, broker.fenced, broker.directories
        )
        .unwrap();
    }
    for controller in image.controllers.iter() {
        writeln!(text, "controller {} {:?}", controller.id, controller.features).unwrap();
    }
    expect![[r#"
        features {"eligible.leader.replicas.version": 1, "group.version": 1, "metadata.version": 30, "share.version": 1, "streams.version": 1, "transaction.version": 2}
        topic __consumer_offsets x50 (-1, 1, 1)
        topic __transaction_state x50 (-1, 1, 1)
        topic demo x2 (-1, 1, 1)
        topic g-compact x1 (-1, 1, 1)
        topic g-gzip x1 (-1, 1, 1)
        topic g-logappend x1 (-1, 1, 1)
        topic g-lz4 x1 (-1, 1, 1)
        topic g-none x1 (-1, 1, 1)
        topic g-snappy x1 (-1, 1, 1)
        topic g-txn x1 (-1, 1, 1)
        topic g-zstd x1 (-1, 1, 1)
        config Topic "__consumer_offsets" {"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600"}
        config Topic "__transaction_state" {"cleanup.policy": "compact", "compression.type": "uncompressed", "min.insync.replicas": "1", "segment.bytes": "104857600", "unclean.leader.election.enable": "false"}
        config Topic "g-compact" {"cleanup.policy": "compact"}
        config Topic "g-logappend" {"message.timestamp.type": "LogAppendTime"}
        config Broker "" {"min.insync.replicas": "1"}
        next producer id 1000
        broker 1 epoch 16 fenced true [KrI1wJP_SNq1lnpK0lPjpA]
        controller 1 {"eligible.leader.replicas.version": VersionRange { min: 0, max: 1 }, "group.version": VersionRange { min: 0, max: 1 }, "kraft.version": VersionRange { min: 0, max: 1 }, "metadata.version": VersionRange { min: 7, max: 30 }, "share.version": VersionRange { min: 0, max: 1 }, "streams.version": VersionRange { min: 0, max: 1 }, "transaction.version": VersionRange { min: 0, max: 2 }}
    "#]].assert_eq(&text);
}

#[test]
fn an_image_written_as_a_snapshot_and_read_back_is_the_same() {
    let image = load().published().clone();
    assert_eq!(rebuilt(&image), image);
}

#[test]
fn our_bytes_are_kafkas() {
    let mut loader = Loader::default();
    for (offset, record, version, bytes) in records() {
        loader.replay(offset, &record).unwrap();
        assert_eq!(record.encode(version).unwrap(), bytes, "{} at {offset}", record.name());
        // Before the first FeatureLevelRecord there is no metadata.version to hold the version against.
        if let Some(finalized) = loader.latest().features.metadata_version {
            assert_eq!(
                record_version(&record, finalized),
                version,
                "{} at {offset}",
                record.name()
            );
        }
    }
}

#[test]
fn a_transaction_shows_only_once_it_ended() {
    let mut loader = Loader::default();
    for (offset, record, _, _) in records() {
        loader.replay(offset, &record).unwrap();
        if matches!(record, MetadataRecord::EndTransaction(_)) {
            assert!(loader.published().features.metadata_version.is_some());
            return;
        }
        assert_eq!(loader.published(), &MetadataImage::default());
    }
    panic!("Kafka bootstraps in a transaction");
}

#[test]
fn an_aborted_transaction_leaves_nothing() {
    let mut loader = load();
    let before = loader.published().clone();
    let topic = protocol::metadata_records::topic_record::TopicRecord {
        name: "t".to_owned(),
        topic_id: Uuid([7; 16]),
    };
    let steps: [MetadataRecord; 3] = [
        MetadataRecord::BeginTransaction(Default::default()),
        MetadataRecord::Topic(topic),
        MetadataRecord::AbortTransaction(Default::default()),
    ];
    for (step, record) in steps.iter().enumerate() {
        loader
            .replay(Offset(1000 + i64::try_from(step).unwrap()), record)
            .unwrap();
        assert_eq!(loader.published(), &before);
    }
    assert_eq!(loader.latest(), &before);
    assert!(loader.replay(Offset(1003), &steps[2]).is_err());
}

#[test]
fn a_delta_names_what_changed_and_nothing_else() {
    let old = load().published().clone();
    let mut new = old.clone();
    assert_eq!(changed_topics(&old, &new), Vec::new());
    let offsets = old.topics.get("__consumer_offsets").unwrap().clone();
    let change = protocol::metadata_records::partition_change_record::PartitionChangeRecord {
        partition_id: 3,
        topic_id: offsets.id,
        leader: 1,
        ..Default::default()
    };
    new.apply(&MetadataRecord::PartitionChange(change)).unwrap();
    let changes = changed_topics(&old, &new);
    let [
        TopicChange::Changed {
            old: before,
            new: after,
        },
    ] = changes.as_slice()
    else {
        panic!("one topic changed, not {changes:?}");
    };
    let partitions: Vec<i32> = changed_partitions(before, after)
        .map(|change| change.partition)
        .collect();
    assert_eq!(partitions, [3]);
    assert_eq!(
        after.partitions[3].leader_epoch.0,
        before.partitions[3].leader_epoch.0 + 1
    );
    assert_eq!(changed_topics(&MetadataImage::default(), &old).len(), old.topics.len());
}

#[test]
fn a_deleted_topic_takes_its_configuration_along() {
    let mut image = load().published().clone();
    let topic = image.topics.get("g-compact").unwrap().clone();
    assert!(image.configs.topic("g-compact").is_some());
    let remove = protocol::metadata_records::remove_topic_record::RemoveTopicRecord { topic_id: topic.id };
    image.apply(&MetadataRecord::RemoveTopic(remove)).unwrap();
    assert!(image.topics.get("g-compact").is_none() && image.topics.get_by_id(topic.id).is_none());
    assert_eq!(image.configs.get(&ConfigResource::topic("g-compact")), None);
    assert_eq!(
        image.topics.hosted_by(NodeId(1)).count(),
        image.topics.partition_count()
    );
}
