//! `__consumer_offsets` while groups commit again and again: the cleaner leaves each group's last offsets, and whoever
//! opens the directory next finds them.

use anyhow::{Context, Result, ensure};
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use protocol::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use std::collections::BTreeMap;
use std::path::Path;
use testkit::talk::{Resource, Talk, eventually, until};
use testkit::{Cluster, Settings, committed};

const TOPIC: &str = "read-by-groups";
const INTERNAL: &str = "__consumer_offsets";
const PARTITIONS: i32 = 4;
const GROUPS: i64 = 3;
/// What a commit says beside the offset: it fills segments.
const METADATA: usize = 3_000;
/// Bytes of a segment.
const SEGMENT: u64 = 1 << 20;

/// One partition of the internal topic, in small segments, and a cleaner that looks often.
pub fn settings() -> Settings {
    Settings::default()
        .with("offsets.topic.num.partitions", 1)
        .with("offsets.topic.segment.bytes", SEGMENT)
        .with("log.cleaner.backoff.ms", 100)
        .with("log.cleaner.min.cleanable.ratio", "0.01")
        .with("log.segment.delete.delay.ms", 100)
        .with("log.initial.task.delay.ms", 10)
}

/// What is committed: by group and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed(BTreeMap<(String, i32), i64>);

fn group(number: i64) -> String {
    format!("group-{number}")
}

/// Commits until there are several segments of dead offsets, takes some back, and waits until the cleaner was there.
pub fn write(broker: &dyn Cluster, phase: i64, left: &mut Committed) -> Result<()> {
    let mut talk = Talk::to(broker)?;
    if phase == 1 {
        talk.create_topic(TOPIC, PARTITIONS, &[])?;
        for number in 0..GROUPS {
            find_coordinator(&mut talk, &group(number))?;
        }
        let often = [("min.cleanable.dirty.ratio", "0.01"), ("file.delete.delay.ms", "100")];
        talk.set(Resource::Topic(INTERNAL), &often)?;
    }
    for round in 0..120 {
        for number in 0..GROUPS {
            // The last partition is not committed in every phase: its offset survives by itself.
            let partitions = PARTITIONS - i32::from(phase > 1 && number == 0);
            commit(&mut talk, &group(number), phase * 1_000 + round, partitions, left)?;
        }
    }
    forget(&mut talk, &group(1), 2)?;
    left.0.remove(&(group(1), 2));
    let log = broker.data_dir().join(format!("{INTERNAL}-0"));
    until("the dead offsets are gone", || {
        Ok(size(&log)? < 2 * SEGMENT + SEGMENT / 2)
    })?;
    check(broker, left)
}

/// Holds what the coordinator says against what was committed.
pub fn check(broker: &dyn Cluster, left: &Committed) -> Result<()> {
    for number in 0..GROUPS {
        let wanted: BTreeMap<i32, i64> = (0..PARTITIONS)
            .map(|partition| {
                (
                    partition,
                    left.0.get(&(group(number), partition)).copied().unwrap_or(-1),
                )
            })
            .collect();
        eventually("a coordinator that has loaded", || {
            let found = committed::offsets(broker, &group(number), TOPIC, PARTITIONS)?;
            if found.is_empty() {
                return Ok(None);
            }
            ensure!(
                found == wanted,
                "{}: group {number}: found {found:?}, not {wanted:?}",
                broker.name()
            );
            Ok(Some(()))
        })?;
    }
    Ok(())
}

fn find_coordinator(talk: &mut Talk, group: &str) -> Result<()> {
    let request = FindCoordinatorRequest {
        key_type: 0,
        coordinator_keys: vec![group.to_owned()],
        ..Default::default()
    };
    until("a coordinator", || {
        let answer = talk.ask(&request, 4)?;
        Ok(answer.coordinators.first().context("an answer")?.error_code == 0)
    })
}

fn commit(talk: &mut Talk, group: &str, offset: i64, partitions: i32, left: &mut Committed) -> Result<()> {
    let partition = |partition_index| OffsetCommitRequestPartition {
        partition_index,
        committed_offset: offset,
        committed_leader_epoch: -1,
        committed_metadata: Some("m".repeat(METADATA)),
    };
    let request = OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: TOPIC.to_owned(),
            partitions: (0..partitions).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    until("the commit is taken", || {
        let answer = talk.ask(&request, 8)?;
        let errors: Vec<_> = answer
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|it| it.error_code)
            .collect();
        // A coordinator that loads, or is not there yet.
        let waits = errors.iter().any(|error| [14, 15, 16].contains(error));
        ensure!(waits || errors.iter().all(|error| *error == 0), "{group}: {errors:?}");
        Ok(!waits)
    })?;
    for index in 0..partitions {
        left.0.insert((group.to_owned(), index), offset);
    }
    Ok(())
}

/// Takes the offset of one partition back.
fn forget(talk: &mut Talk, group: &str, partition_index: i32) -> Result<()> {
    let request = OffsetDeleteRequest {
        group_id: group.to_owned(),
        topics: vec![OffsetDeleteRequestTopic {
            name: TOPIC.to_owned(),
            partitions: vec![OffsetDeleteRequestPartition { partition_index }],
        }],
    };
    let answer = talk.ask(&request, 0)?;
    ensure!(answer.error_code == 0, "{group}: {answer:?}");
    Ok(())
}

/// Bytes of batches in a log.
fn size(log: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(log)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            // The cleaner may have taken it away meanwhile.
            sum += std::fs::metadata(&path).map_or(0, |file| file.len());
        }
    }
    Ok(sum)
}
