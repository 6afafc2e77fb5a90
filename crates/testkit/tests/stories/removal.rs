//! Records, topics and directories that go: by retention, by request, and aside.

use anyhow::{Context, Result};
use base::Uuid;
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use protocol::messages::delete_records_response::DeleteRecordsPartitionResult;
use std::path::Path;
use testkit::batch::{Batch, Record};
use testkit::talk::{EARLIEST, LATEST, batch_of, fetch_request, now_ms, produce_request, until};
use testkit::{Cluster, Maker, Settings, SingleNode, Talk};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const UNKNOWN_TOPIC_ID: i16 = 100;

fn busy_housekeeping() -> Settings {
    Settings::default()
        .with("log.retention.check.interval.ms", 50)
        .with("log.initial.task.delay.ms", 10)
}

fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn ending(dir: &Path, end: &str) -> Result<Vec<String>> {
    Ok(names(dir)?.into_iter().filter(|name| name.ends_with(end)).collect())
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to)?;
    for name in names(from)? {
        std::fs::copy(from.join(&name), to.join(&name))?;
    }
    Ok(())
}

fn delete_records(talk: &mut Talk, topic: &str, offset: i64) -> Result<DeleteRecordsPartitionResult> {
    let partitions = vec![DeleteRecordsPartition {
        partition_index: 0,
        offset,
    }];
    let topic = DeleteRecordsTopic {
        name: topic.to_owned(),
        partitions,
    };
    let mut answer = talk.ask(
        &DeleteRecordsRequest {
            topics: vec![topic],
            timeout_ms: 5_000,
        },
        2,
    )?;
    answer
        .topics
        .remove(0)
        .partitions
        .pop()
        .context("an answer for the partition")
}

#[test]
fn old_records_go_and_young_ones_stay() -> Result<()> {
    let broker = super::broker(&busy_housekeeping())?;
    let mut talk = Talk::to(&*broker)?;
    let configs = [
        ("retention.ms", "3600000"),
        ("file.delete.delay.ms", "100"),
        ("segment.bytes", "1048576"),
    ];
    talk.create_topic("t", 1, &configs)?;
    let old = Batch::new(now_ms() - 7_200_000, vec![Record::value(vec![b'o'; 700_000])]).encode();
    assert_eq!(talk.produce("t", 0, -1, old)?.error_code, 0);
    let young = talk.append("t", 0, 700_000)?;
    until("the old segment goes", || Ok(talk.offset("t", 0, EARLIEST)? == young))?;
    assert_eq!(talk.fetch("t", 0, 0)?.error_code, OFFSET_OUT_OF_RANGE);
    assert_eq!(talk.fetch("t", 0, young)?.error_code, 0);
    let dir = broker.data_dir().join("t-0");
    until("its files are removed", || {
        Ok(ending(&dir, ".deleted")?.is_empty() && ending(&dir, ".log")?.len() == 1)
    })?;
    assert_eq!(ending(&dir, ".log")?, [format!("{young:020}.log")]);
    Ok(())
}

#[test]
fn surplus_bytes_go_by_whole_segments() -> Result<()> {
    let broker = super::broker(&busy_housekeeping())?;
    let mut talk = Talk::to(&*broker)?;
    let configs = [
        ("retention.bytes", "1500000"),
        ("file.delete.delay.ms", "0"),
        ("segment.bytes", "1048576"),
    ];
    talk.create_topic("t", 1, &configs)?;
    let late = [
        ("retention.bytes", "0"),
        ("file.delete.delay.ms", "3600000"),
        ("segment.bytes", "1048576"),
    ];
    talk.create_topic("late", 1, &late)?;
    talk.append("late", 0, 700_000)?;
    talk.append("late", 0, 700_000)?;
    until("the other topic's surplus goes, and its files stay for an hour", || {
        Ok(talk.offset("late", 0, EARLIEST)? > 0)
    })?;
    for _ in 0..5 {
        talk.append("t", 0, 700_000)?;
    }
    // Five segments of one record each. A segment goes while what is left without it is still enough.
    until("the surplus goes", || Ok(talk.offset("t", 0, EARLIEST)? == 2))?;
    assert_eq!(talk.offset("t", 0, LATEST)?, 5);
    let dir = broker.data_dir().join("t-0");
    until("three segments are left", || {
        Ok(ending(&dir, ".log")?.len() == 3 && ending(&dir, ".deleted")?.is_empty())
    })?;
    assert!(
        !ending(&broker.data_dir().join("late-0"), ".deleted")?.is_empty(),
        "nobody waits for another's delay"
    );
    Ok(())
}

#[test]
fn deleted_records_stay_deleted() -> Result<()> {
    let mut broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;
    for _ in 0..5 {
        talk.append("t", 0, 100)?;
    }
    let answer = delete_records(&mut talk, "t", 3)?;
    assert_eq!((answer.error_code, answer.low_watermark), (0, 3));
    assert_eq!(talk.offset("t", 0, EARLIEST)?, 3);
    assert_eq!(talk.fetch("t", 0, 2)?.error_code, OFFSET_OUT_OF_RANGE);
    assert_eq!(talk.fetch("t", 0, 3)?.log_start_offset, 3);
    assert_eq!(delete_records(&mut talk, "t", 6)?.error_code, OFFSET_OUT_OF_RANGE);
    assert_eq!(
        delete_records(&mut talk, "nobody", 0)?.error_code,
        UNKNOWN_TOPIC_OR_PARTITION
    );
    broker.stop_cleanly()?;
    broker.restart()?;
    let mut talk = Talk::to(&*broker)?;
    assert_eq!(talk.offset("t", 0, EARLIEST)?, 3);
    let answer = delete_records(&mut talk, "t", -1)?;
    assert_eq!(
        (answer.error_code, answer.low_watermark),
        (0, 5),
        "-1 is the high watermark"
    );
    assert_eq!(talk.append("t", 0, 100)?, 5);
    Ok(())
}

#[test]
fn a_deleted_topic_is_gone_at_once_and_its_files_later() -> Result<()> {
    let broker = super::broker(&Settings::default().with("log.segment.delete.delay.ms", 200))?;
    let mut talk = Talk::to(&*broker)?;
    // The delay is the broker's: the topic's own is for its segments.
    talk.create_topic("t", 2, &[("file.delete.delay.ms", "3600000")])?;
    talk.append("t", 1, 100)?;
    talk.delete_topic("t")?;
    until("it is unknown", || {
        let answer = talk.produce("t", 1, -1, batch_of(10).encode())?;
        Ok(answer.error_code == UNKNOWN_TOPIC_OR_PARTITION)
    })?;
    assert_eq!(talk.fetch("t", 0, 0)?.error_code, UNKNOWN_TOPIC_OR_PARTITION);
    until("its files go", || {
        Ok(!names(broker.data_dir())?.iter().any(|name| name.starts_with("t-")))
    })
}

#[test]
fn what_waits_for_its_removal_is_removed_by_the_next_start() -> Result<()> {
    let mut broker = super::broker(&Settings::default().with("log.segment.delete.delay.ms", 2_000))?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;
    talk.append("t", 0, 100)?;
    talk.delete_topic("t")?;
    until("it is renamed", || {
        Ok(!names(broker.data_dir())?.contains(&"t-0".to_owned()))
    })?;
    let waiting = ending(broker.data_dir(), "-delete")?;
    assert!(waiting.len() == 1 && waiting[0].starts_with("t-0."), "{waiting:?}");
    broker.kill9()?;
    broker.restart()?;
    until("nothing waits", || Ok(ending(broker.data_dir(), "-delete")?.is_empty()))
}

fn produce_by_id(talk: &mut Talk, id: Uuid) -> Result<i16> {
    let mut request = produce_request("", 0, -1, batch_of(10).encode());
    request.topic_data[0].topic_id = id;
    Ok(talk.ask(&request, 13)?.responses[0].partition_responses[0].error_code)
}

fn fetch_by_id(talk: &mut Talk, id: Uuid) -> Result<i16> {
    let mut request = fetch_request("", 0, 0);
    request.topics[0].topic_id = id;
    Ok(talk.ask(&request, 13)?.responses[0].partitions[0].error_code)
}

#[test]
fn a_topic_of_the_same_name_is_another_topic() -> Result<()> {
    let mut broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    let first = talk.create_topic("t", 1, &[])?;
    assert_eq!(produce_by_id(&mut talk, first)?, 0);
    talk.delete_topic("t")?;
    until("the old id is unknown", || {
        Ok(produce_by_id(&mut talk, first)? == UNKNOWN_TOPIC_ID)
    })?;
    let second = talk.create_topic("t", 1, &[])?;
    assert_ne!(first, second);
    assert_eq!(talk.offset("t", 0, LATEST)?, 0, "it begins empty");
    assert_eq!(produce_by_id(&mut talk, first)?, UNKNOWN_TOPIC_ID);
    assert_eq!(fetch_by_id(&mut talk, first)?, UNKNOWN_TOPIC_ID);
    assert_eq!(
        (produce_by_id(&mut talk, second)?, fetch_by_id(&mut talk, second)?),
        (0, 0)
    );
    broker.kill9()?;
    broker.restart()?;
    let mut talk = Talk::to(&*broker)?;
    assert_eq!(fetch_by_id(&mut talk, first)?, UNKNOWN_TOPIC_ID);
    assert_eq!(talk.offset("t", 0, LATEST)?, 1);
    Ok(())
}

#[test]
fn directories_that_the_cluster_does_not_know_are_put_aside() -> Result<()> {
    let mut broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("kept", 1, &[])?;
    talk.create_topic("again", 1, &[])?;
    talk.append("kept", 0, 100)?;
    talk.append("again", 0, 100)?;
    broker.stop_cleanly()?;
    let data = broker.data_dir().to_owned();
    copy_dir(&data.join("kept-0"), &data.join("ghost-7"))?;
    let old = data.with_file_name("old-again");
    copy_dir(&data.join("again-0"), &old)?;
    broker.restart()?;
    let strays = ending(&data, "-stray")?;
    assert_eq!(strays.len(), 1, "{strays:?}");
    assert!(strays[0].starts_with("ghost-7."), "{strays:?}");
    assert!(
        data.join(&strays[0]).join("00000000000000000000.log").metadata()?.len() > 0,
        "nothing of it is lost"
    );

    // A log of the topic that was deleted and made anew: the name fits, the id does not.
    let mut talk = Talk::to(&*broker)?;
    assert_eq!(talk.offset("kept", 0, LATEST)?, 1);
    talk.delete_topic("again")?;
    talk.create_topic("again", 1, &[])?;
    broker.stop_cleanly()?;
    std::fs::remove_dir_all(data.join("again-0"))?;
    copy_dir(&old, &data.join("again-0"))?;
    broker.restart()?;
    let strays = ending(&data, "-stray")?;
    assert!(strays.iter().any(|name| name.starts_with("again-0.")), "{strays:?}");
    let mut talk = Talk::to(&*broker)?;
    assert_eq!(talk.append("again", 0, 100)?, 0, "the new topic's log is empty");
    Ok(())
}

#[test]
fn what_was_deleted_by_request_stays_deleted_when_the_broker_is_killed() -> Result<()> {
    // Kafka writes its checkpoint once a minute, and would show the records again.
    let mut broker = SingleNode::start(Maker::Riverrun, &Settings::default())?;
    let mut talk = Talk::to(&broker)?;
    talk.create_topic("t", 1, &[])?;
    for _ in 0..5 {
        talk.append("t", 0, 10)?;
    }
    let answer = delete_records(&mut talk, "t", 3)?;
    assert_eq!((answer.error_code, answer.low_watermark), (0, 3));
    broker.kill9()?;
    broker.restart()?;
    let mut talk = Talk::to(&broker)?;
    assert_eq!(talk.offset("t", 0, EARLIEST)?, 3);
    assert_eq!(talk.fetch("t", 0, 2)?.error_code, OFFSET_OUT_OF_RANGE);
    Ok(())
}
