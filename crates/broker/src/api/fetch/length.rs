//! How long an answer to a Fetch would be, without it: what a quota counts must be known before the answer may be given.

use super::current_leader::current_leader;
use super::read::Read;
use crate::fetch_session::FetchPartitionKey;
use crate::leader_hint::LeaderHints;
use metadata::MetadataImage;
use network::RequestContext;
use protocol::messages::fetch_response::{EpochEndOffset, LeaderIdAndEpoch};

/// The first version with compact lengths and tagged fields.
const FLEXIBLE_FROM: i16 = 12;
/// The first version that names topics by id.
const IDS_FROM: i16 = 13;

/// The epoch and the end offset of a partition's `diverging_epoch`, with its empty tagged fields.
const DIVERGING: u64 = 4 + 8 + 1;
/// Likewise the leader and the epoch of its `current_leader`.
const LEADER: u64 = 4 + 4 + 1;

/// The length of an answer, added up partition by partition, as they are added to the answer.
pub(super) struct Length<'a> {
    hints: LeaderHints<'a>,
    version: i16,
    bytes: u64,
    topics: usize,
    /// How many partitions the last topic has.
    partitions: usize,
    last: Option<FetchPartitionKey>,
    /// Partitions that the cluster does not know, answered at the end.
    unknown: Vec<(FetchPartitionKey, Read)>,
}

impl<'a> Length<'a> {
    pub(super) fn new(image: &'a MetadataImage, context: &'a RequestContext) -> Self {
        Self {
            hints: LeaderHints::new(image, &context.connection.listener),
            version: context.api_version,
            bytes: 0,
            topics: 0,
            partitions: 0,
            last: None,
            unknown: Vec::new(),
        }
    }

    /// Of one more partition.
    pub(super) fn add(&mut self, key: &FetchPartitionKey, read: &Read) {
        if read.unknown {
            self.unknown.push((key.clone(), read.clone()));
        } else {
            self.append(key, read);
        }
    }

    /// Of all, as Kafka counts it: the four bytes of the length, and what follows the header.
    pub(super) fn finish(mut self) -> u64 {
        for (key, read) in std::mem::take(&mut self.unknown) {
            self.append(&key, &read);
        }
        self.end_topic();
        let session = if self.version >= 7 { 2 + 4 } else { 0 };
        let tags = self.top_tags();
        4 + 4 + session + self.count(self.topics) + self.bytes + tags
    }

    fn append(&mut self, key: &FetchPartitionKey, read: &Read) {
        let same = |last: &FetchPartitionKey| last.topic_id == key.topic_id && last.topic == key.topic;
        if !self.last.as_ref().is_some_and(same) {
            self.end_topic();
            self.topics += 1;
            self.bytes += if self.version < IDS_FROM { self.string(&key.topic) } else { 16 } + self.tags(&[]);
            self.last = Some(key.clone());
        }
        self.partitions += 1;
        let leader = current_leader(&mut self.hints, self.version, key, read.error);
        self.bytes += self.partition(read, &leader);
    }

    /// Only now it is known how many partitions it has.
    fn end_topic(&mut self) {
        if self.topics > 0 {
            self.bytes += self.count(self.partitions);
        }
        self.partitions = 0;
    }

    fn partition(&self, read: &Read, current_leader: &LeaderIdAndEpoch) -> u64 {
        let start_offset = if self.version >= 5 { 8 } else { 0 };
        let preferred = if self.version >= 11 { 4 } else { 0 };
        let aborted = read.aborted.as_ref().map_or(0, Vec::len);
        let each_aborted = 8 + 8 + self.tags(&[]);
        let records = read.bytes.as_ref().map_or(read.len(), |bytes| bytes.len() as u64);
        let diverging = read.diverging.as_ref().filter(|end| **end != EpochEndOffset::default());
        let tags = [
            diverging.map(|_| DIVERGING),
            (*current_leader != LeaderIdAndEpoch::default()).then_some(LEADER),
        ];
        4 + 2
            + 8
            + 8
            + start_offset
            + self.count(aborted)
            + aborted as u64 * each_aborted
            + preferred
            + self.long_count(records)
            + records
            + self.tags(&tags)
    }

    /// Where the leaders that are named are reached.
    fn top_tags(&self) -> u64 {
        let endpoints = self.hints.endpoints();
        let each = endpoints.iter().map(|endpoint| {
            let rack = endpoint.rack.as_deref().map_or(1, |rack| self.string(rack));
            4 + self.string(&endpoint.host) + 4 + rack + self.tags(&[])
        });
        let size = self.count(endpoints.len()) + each.sum::<u64>();
        self.tags(&[(!endpoints.is_empty()).then_some(size)])
    }

    fn is_flexible(&self) -> bool {
        self.version >= FLEXIBLE_FROM
    }

    /// The count of an array, or the length of records; nothing is told by one as small as an empty one.
    fn long_count(&self, count: u64) -> u64 {
        if self.is_flexible() { uvarint(count + 1) } else { 4 }
    }

    fn count(&self, count: usize) -> u64 {
        self.long_count(count as u64)
    }

    fn string(&self, text: &str) -> u64 {
        let length = text.len() as u64;
        if self.is_flexible() { uvarint(length + 1) + length } else { 2 + length }
    }

    /// Tagged fields of these sizes, where they are there, of which there are too few for a number of two bytes.
    fn tags(&self, sizes: &[Option<u64>]) -> u64 {
        let each = sizes.iter().flatten().map(|size| 1 + uvarint(*size) + size);
        if self.is_flexible() { 1 + each.sum::<u64>() } else { 0 }
    }
}

/// How many bytes a number takes, seven of its bits in each.
fn uvarint(number: u64) -> u64 {
    u64::from((u64::BITS - number.leading_zeros()).max(1).div_ceil(7))
}

#[cfg(test)]
mod tests;
