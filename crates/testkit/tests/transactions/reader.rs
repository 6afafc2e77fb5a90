//! What readers see: of records as a client of either isolation level does, of offsets as OffsetFetch answers.

use anyhow::{Context, Result, ensure};
use protocol::messages::fetch_response::PartitionData;
use protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use std::collections::BTreeSet;
use testkit::Talk;
use testkit::batch::values;
use testkit::talk::{LATEST, eventually, fetch_request, records};

use super::{PARTITIONS, TOPIC};

pub const UNSTABLE_OFFSET_COMMIT: i16 = 88;
const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const NOT_READY: std::ops::RangeInclusive<i16> = 14..=16;
const CONTROL: i16 = 0x20;
const HEADER: usize = 61;

/// Reads up to which bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    Uncommitted,
    Committed,
}

/// The values in a partition, up to the end of a leader that knows it.
pub fn read(talk: &mut Talk, index: i32, isolation: Isolation) -> Result<Vec<String>> {
    talk.offset(TOPIC, index, LATEST)?;
    let mut request = fetch_request(TOPIC, index, 0);
    request.isolation_level = i8::from(isolation == Isolation::Committed);
    let partition = eventually("a leader", || {
        let mut answer = talk.ask(&request, 12)?;
        let partition = answer.responses.pop().and_then(|mut topic| topic.partitions.pop());
        let partition = partition.context("the partition")?;
        let error = partition.error_code;
        ensure!(error == 0 || error == NOT_LEADER_OR_FOLLOWER, "Fetch: error {error}");
        Ok((error == 0).then_some(partition))
    })?;
    Ok(visible(&partition))
}

/// The values in every partition.
pub fn read_all(talk: &mut Talk, isolation: Isolation) -> Result<Vec<Vec<String>>> {
    (0..PARTITIONS).map(|index| read(talk, index, isolation)).collect()
}

/// As a client does it: the batches of an aborted transaction count from its first offset to its marker.
fn visible(partition: &PartitionData) -> Vec<String> {
    let mut bytes = records(partition);
    let mut aborted: Vec<(i64, i64)> = partition
        .aborted_transactions
        .iter()
        .flatten()
        .map(|aborted| (aborted.first_offset, aborted.producer_id))
        .collect();
    aborted.sort_unstable();
    let mut skipped = BTreeSet::new();
    let mut found = Vec::new();
    while bytes.len() >= HEADER {
        let at = |from: usize, to: usize| bytes[from..to].to_vec();
        let base = i64::from_be_bytes(at(0, 8).try_into().unwrap());
        let size = 12 + usize::try_from(i32::from_be_bytes(at(8, 12).try_into().unwrap())).unwrap();
        let attributes = i16::from_be_bytes(at(21, 23).try_into().unwrap());
        let producer = i64::from_be_bytes(at(43, 51).try_into().unwrap());
        let Some(batch) = bytes.get(..size) else { break };
        while aborted.first().is_some_and(|(first, _)| *first <= base) {
            skipped.insert(aborted.remove(0).1);
        }
        if attributes & CONTROL != 0 {
            skipped.remove(&producer);
        } else if !skipped.contains(&producer) {
            let values = values(batch).into_iter().filter_map(|(_, value)| value);
            found.extend(values.map(|value| String::from_utf8(value).unwrap()));
        }
        bytes = &bytes[size..];
    }
    found
}

/// The group's offset for partition 0, or the error.
pub fn offset(talk: &mut Talk, group: &str) -> Result<Result<i64, i16>> {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            topics: Some(vec![OffsetFetchRequestTopics {
                name: TOPIC.to_owned(),
                partition_indexes: vec![0],
                ..Default::default()
            }]),
            ..Default::default()
        }],
        require_stable: true,
        ..Default::default()
    };
    eventually("the group's coordinator", || {
        let answer = talk.ask(&request, 8)?;
        let group = &answer.groups[0];
        if NOT_READY.contains(&group.error_code) {
            return Ok(None);
        }
        ensure!(group.error_code == 0, "OffsetFetch: error {}", group.error_code);
        let partition = &group.topics[0].partitions[0];
        Ok(Some(match partition.error_code {
            0 => Ok(partition.committed_offset),
            error => Err(error),
        }))
    })
}
