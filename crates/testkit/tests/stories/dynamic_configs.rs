//! Settings that change while the broker runs take effect at once, and outlive it.

use anyhow::Result;
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use testkit::batch::{Batch, Record};
use testkit::talk::{EARLIEST, Resource, batch_of, eventually, now_ms, records, until};
use testkit::{Cluster, Settings, Talk};

const MESSAGE_TOO_LARGE: i16 = 10;
const POLICY_VIOLATION: i16 = 44;
const INVALID_RECORD: i16 = 87;

fn log_files(broker: &dyn Cluster, partition: &str) -> Result<usize> {
    let entries = std::fs::read_dir(broker.data_dir().join(partition))?;
    let names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    Ok(names.iter().filter(|name| name.ends_with(".log")).count())
}

fn send(talk: &mut Talk, topic: &str, acks: i16, size: usize) -> Result<i16> {
    Ok(talk.produce(topic, 0, acks, batch_of(size).encode())?.error_code)
}

fn delete_records(talk: &mut Talk, topic: &str, offset: i64) -> Result<i16> {
    let partitions = vec![DeleteRecordsPartition {
        partition_index: 0,
        offset,
    }];
    let topic = DeleteRecordsTopic {
        name: topic.to_owned(),
        partitions,
    };
    let answer = talk.ask(
        &DeleteRecordsRequest {
            topics: vec![topic],
            timeout_ms: 5_000,
        },
        2,
    )?;
    Ok(answer.topics[0].partitions[0].error_code)
}

#[test]
fn a_topics_settings_change_while_it_is_written() -> Result<()> {
    let mut broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    let topic = Resource::Topic("t");
    talk.create_topic("t", 1, &[])?;

    talk.append("t", 0, 5_000)?;
    talk.set(topic, &[("max.message.bytes", "2000")])?;
    until("it takes effect", || {
        Ok(send(&mut talk, "t", -1, 5_000)? == MESSAGE_TOO_LARGE)
    })?;
    assert_eq!(talk.alter(topic, &[("max.message.bytes", None)])?, 0);
    until("the broker's limit holds again", || {
        Ok(send(&mut talk, "t", -1, 5_000)? == 0)
    })?;

    talk.append("t", 0, 600_000)?;
    talk.append("t", 0, 600_000)?;
    assert_eq!(log_files(&*broker, "t-0")?, 1, "a segment holds a gigabyte");
    talk.set(topic, &[("segment.bytes", "1048576")])?;
    until("and now a megabyte", || {
        talk.append("t", 0, 600_000)?;
        Ok(log_files(&*broker, "t-0")? == 2)
    })?;

    talk.set(topic, &[("min.insync.replicas", "2")])?;
    until("no more replicas are asked for than the partition has", || {
        Ok(send(&mut talk, "t", -1, 10)? == 0)
    })?;
    assert_eq!(talk.config(topic, "min.insync.replicas")?, (Some("2".to_owned()), 1));

    talk.set(topic, &[("message.timestamp.type", "LogAppendTime")])?;
    let before = now_ms();
    let old = Batch::new(1_000, vec![Record::value("old")]).encode();
    let answer = eventually("the broker's time", || {
        let answer = talk.produce("t", 0, -1, old.clone())?;
        Ok((answer.log_append_time_ms != -1).then_some(answer))
    })?;
    assert!((before..=now_ms()).contains(&answer.log_append_time_ms), "{answer:?}");
    let fetched = talk.fetch("t", 0, answer.base_offset)?;
    assert_eq!(records(&fetched)[22] & 8, 8, "the timestamp type is in the batch");

    talk.set(topic, &[("compression.type", "zstd")])?;
    let fetched = eventually("what came plain lies as zstd", || {
        let at = talk.append("t", 0, 5_000)?;
        let fetched = talk.fetch("t", 0, at)?;
        Ok((records(&fetched)[22] & 7 == 4).then_some(fetched))
    })?;
    assert!(records(&fetched).len() < 1_000);

    talk.set(topic, &[("cleanup.policy", "compact")])?;
    until("a compacted topic wants keys", || {
        Ok(send(&mut talk, "t", -1, 10)? == INVALID_RECORD)
    })?;
    until("records are kept for compaction", || {
        Ok(delete_records(&mut talk, "t", 1)? == POLICY_VIOLATION)
    })?;
    talk.set(topic, &[("cleanup.policy", "delete"), ("max.message.bytes", "2000")])?;
    until("they may be deleted again", || {
        Ok(delete_records(&mut talk, "t", 1)? == 0)
    })?;

    broker.stop_cleanly()?;
    broker.restart()?;
    let mut talk = Talk::to(&*broker)?;
    until("the limit outlives the broker", || {
        Ok(send(&mut talk, "t", -1, 5_000)? == MESSAGE_TOO_LARGE)
    })?;
    assert_eq!(talk.config(topic, "compression.type")?, (Some("zstd".to_owned()), 1));
    broker.kill9()?;
    broker.restart()?;
    let mut talk = Talk::to(&*broker)?;
    until("and a killed one", || {
        Ok(send(&mut talk, "t", -1, 5_000)? == MESSAGE_TOO_LARGE)
    })?;
    Ok(())
}

#[test]
fn defaults_of_all_brokers_and_of_one_reach_every_topic() -> Result<()> {
    let settings = Settings::default()
        .with("log.retention.check.interval.ms", 50)
        .with("log.initial.task.delay.ms", 10);
    let mut broker = super::broker(&settings)?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("plain", 1, &[])?;
    talk.create_topic("own", 1, &[("max.message.bytes", "100000")])?;
    talk.create_topic("aged", 1, &[])?;
    talk.create_topic("kept", 1, &[("retention.ms", "-1")])?;

    talk.set(Resource::AllBrokers, &[("message.max.bytes", "2000")])?;
    until("it takes effect", || {
        Ok(send(&mut talk, "plain", -1, 5_000)? == MESSAGE_TOO_LARGE)
    })?;
    until("the topic's own value wins", || {
        Ok(send(&mut talk, "own", -1, 5_000)? == 0)
    })?;
    assert_eq!(
        talk.config(Resource::Topic("plain"), "max.message.bytes")?,
        (Some("2000".to_owned()), 3)
    );
    talk.set(Resource::Broker("1"), &[("message.max.bytes", "8000")])?;
    until("one broker's value is nearer than that of all", || {
        Ok(send(&mut talk, "plain", -1, 5_000)? == 0)
    })?;
    assert_eq!(
        talk.config(Resource::Topic("plain"), "max.message.bytes")?,
        (Some("8000".to_owned()), 2)
    );
    assert_eq!(talk.alter(Resource::Broker("1"), &[("message.max.bytes", None)])?, 0);
    until("it takes effect", || {
        Ok(send(&mut talk, "plain", -1, 5_000)? == MESSAGE_TOO_LARGE)
    })?;

    broker.stop_cleanly()?;
    broker.restart()?;
    let mut talk = Talk::to(&*broker)?;
    until("it outlives the broker", || {
        Ok(send(&mut talk, "plain", -1, 5_000)? == MESSAGE_TOO_LARGE)
    })?;

    let hour_old = Batch::new(now_ms() - 3_600_000, vec![Record::value("old")]).encode();
    for topic in ["aged", "kept"] {
        assert_eq!(talk.produce(topic, 0, -1, hour_old.clone())?.error_code, 0);
    }
    talk.set(Resource::AllBrokers, &[("log.retention.ms", "60000")])?;
    until("the old records go", || Ok(talk.offset("aged", 0, EARLIEST)? == 1))?;
    assert_eq!(
        talk.offset("kept", 0, EARLIEST)?,
        0,
        "this topic keeps its records for ever"
    );
    Ok(())
}
