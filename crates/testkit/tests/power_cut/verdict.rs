//! What must be true of a broker after a power cut.

use super::history::{History, Life, Place};
use super::workload::find_coordinator;
use super::{transactions, transactor};
use anyhow::{Context, Result, ensure};
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use std::collections::{BTreeMap, BTreeSet};
use testkit::Talk;
use testkit::batch::values;
use testkit::talk::{EARLIEST, eventually, records};

/// UNKNOWN_TOPIC_OR_PARTITION.
const UNKNOWN_TOPIC: i16 = 3;

/// Judges a broker that was started on what a cut at that moment left.
pub fn judge(address: &str, history: &History, at: u64) -> Result<()> {
    let mut talk = Talk::at(address)?;
    let topics = history.topics.lock().unwrap().clone();
    for (topic, life) in &topics {
        judge_topic(&mut talk, topic, life, history, at).with_context(|| topic.clone())?;
    }
    judge_commits(&mut talk, history, at)?;
    transactions::judge(&mut talk, history, at)
}

fn judge_topic(talk: &mut Talk, topic: &str, life: &Life, history: &History, at: u64) -> Result<()> {
    let is_there = exists(talk, topic)?;
    match life.deletion {
        Some((_, answered)) if answered <= at => ensure!(!is_there, "was deleted and is back"),
        Some((asked, _)) if asked <= at => {}
        _ if life.created_at <= at => ensure!(is_there, "was created and is gone"),
        _ => {}
    }
    // What transactions have written is judged as transactions.
    if is_there && topic != transactor::TOPIC {
        for partition in 0..life.partitions {
            let place = (topic.to_owned(), partition);
            judge_records(&place, &read(talk, &place)?, history, at)
                .with_context(|| format!("partition {partition}"))?;
        }
    }
    Ok(())
}

fn exists(talk: &mut Talk, topic: &str) -> Result<bool> {
    let request = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(topic.to_owned()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let answer = talk.ask(&request, 12)?;
    Ok(answer.topics[0].error_code != UNKNOWN_TOPIC)
}

/// All records of a partition by their offsets.
fn read(talk: &mut Talk, (topic, partition): &Place) -> Result<BTreeMap<i64, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut from = talk.offset(topic, *partition, EARLIEST)?;
    loop {
        let fetched = talk.fetch(topic, *partition, from)?;
        ensure!(
            fetched.error_code == 0,
            "fetching at {from}: error {}",
            fetched.error_code
        );
        let fresh: Vec<_> = values(records(&fetched))
            .into_iter()
            .filter(|(offset, _)| *offset >= from)
            .collect();
        let Some((last, _)) = fresh.last() else { break };
        from = last + 1;
        for (offset, value) in fresh {
            found.insert(offset, value.context("every record has a value")?);
        }
    }
    Ok(found)
}

/// All that was acknowledged before `at` is there, in its place and once, and nothing that nobody had sent.
pub fn judge_records(place: &Place, found: &BTreeMap<i64, Vec<u8>>, history: &History, at: u64) -> Result<()> {
    let sent = history.sent.lock().unwrap();
    let mut known = BTreeSet::new();
    for sent in sent.iter().filter(|sent| sent.place == *place && sent.sent_at <= at) {
        known.extend(sent.values.iter().map(Vec::as_slice));
        let Some((when, first)) = sent.acknowledged else {
            continue;
        };
        if when > at {
            continue;
        }
        for (offset, value) in (first..).zip(&sent.values) {
            let there = found.get(&offset);
            ensure!(there.is_some(), "offset {offset} was acknowledged and is lost");
            ensure!(
                there == Some(value),
                "offset {offset} holds another record than was acknowledged"
            );
        }
    }
    let mut seen = BTreeSet::new();
    for (offset, value) in found {
        ensure!(
            known.contains(value.as_slice()),
            "offset {offset} holds what nobody had sent"
        );
        ensure!(seen.insert(value), "the record at offset {offset} is there twice");
    }
    Ok(())
}

fn judge_commits(talk: &mut Talk, history: &History, at: u64) -> Result<()> {
    let commits = history.commits.lock().unwrap();
    let acknowledged = commits.iter().rfind(|commit| commit.acknowledged_at <= at);
    let sent = commits.iter().rfind(|commit| commit.sent_at <= at);
    let Some(acknowledged) = acknowledged else {
        return Ok(());
    };
    let topic = OffsetFetchRequestTopics {
        name: acknowledged.place.0.clone(),
        partition_indexes: vec![acknowledged.place.1],
        ..Default::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: acknowledged.group.clone(),
        topics: Some(vec![topic]),
        member_epoch: -1,
        ..Default::default()
    };
    let request = OffsetFetchRequest {
        groups: vec![group],
        ..Default::default()
    };
    let committed = eventually("the coordinator answers", || {
        find_coordinator(talk)?;
        let group = talk.ask(&request, 8)?.groups.pop().context("an answer for the group")?;
        Ok((group.error_code == 0).then(|| group.topics[0].partitions[0].committed_offset))
    })?;
    let range = acknowledged.offset..=sent.map_or(acknowledged.offset, |sent| sent.offset);
    ensure!(
        range.contains(&committed),
        "the group's offset is {committed}, not of {range:?}"
    );
    Ok(())
}
