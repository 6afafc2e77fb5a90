//! One session: its partitions in the order in which they are served.

use base::Uuid;
use protocol::messages::fetch_request::FetchPartition;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A partition as the fetcher names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchPartitionKey {
    /// The topic's id; zero below version 13.
    pub topic_id: Uuid,
    /// The topic's name; empty from version 13 on.
    pub topic: Arc<str>,
    /// The partition's index.
    pub index: i32,
}

/// From where a partition is fetched, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first offset wanted.
    pub fetch_offset: i64,
    /// The leader epoch that the fetcher knows.
    pub current_leader_epoch: i32,
    /// The epoch of the last record it has.
    pub last_fetched_epoch: i32,
    /// The start of a follower's log; -1 from consumers.
    pub log_start_offset: i64,
    /// At most so many bytes.
    pub max_bytes: i32,
}

impl From<&FetchPartition> for Position {
    fn from(partition: &FetchPartition) -> Self {
        Self {
            fetch_offset: partition.fetch_offset,
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
            log_start_offset: partition.log_start_offset,
            max_bytes: partition.partition_max_bytes,
        }
    }
}

/// One partition of one fetch.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which.
    pub key: FetchPartitionKey,
    /// From where.
    pub position: Position,
}

/// A partition in a session, and what the fetcher was last told of it.
#[derive(Clone, Debug)]
pub struct Cached {
    /// Which partition, from where.
    pub wanted: Wanted,
    /// The high watermark last told; -1 before the first answer, and after an error so that the next answer is given.
    pub high_watermark: i64,
    /// The log start offset last told.
    pub log_start_offset: i64,
    /// Whether the last answer had records: such partitions move to the end, so that none starves.
    pub was_served: bool,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    /// The epoch that the next request must carry.
    pub next_epoch: i32,
    /// Whether topics are named by id (version 13 and above).
    pub uses_topic_ids: bool,
    /// The partitions in serving order.
    pub partitions: Vec<Cached>,
}

impl Session {
    /// A session that begins with these partitions.
    pub fn new(uses_topic_ids: bool, wanted: Vec<Wanted>) -> Self {
        let partitions = wanted.into_iter().map(fresh).collect();
        Self {
            next_epoch: 1,
            uses_topic_ids,
            partitions,
        }
    }

    /// Takes over what an incremental request adds or moves, and drops what it forgets.
    pub fn update(&mut self, changed: Vec<Wanted>, forgotten: &[FetchPartitionKey]) {
        if !forgotten.is_empty() {
            self.partitions.retain(|cached| !forgotten.contains(&cached.wanted.key));
        }
        if changed.is_empty() {
            return;
        }
        let places: FxHashMap<FetchPartitionKey, usize> = self
            .partitions
            .iter()
            .enumerate()
            .map(|(at, cached)| (cached.wanted.key.clone(), at))
            .collect();
        for wanted in changed {
            match places.get(&wanted.key) {
                Some(at) => self.partitions[*at].wanted.position = wanted.position,
                None => self.partitions.push(fresh(wanted)),
            }
        }
    }

    /// Moves partitions that were just served behind those that were not.
    pub fn rotate(&mut self) {
        if self.partitions.iter().any(|cached| cached.was_served) {
            self.partitions.sort_by_key(|cached| cached.was_served);
        }
    }
}

fn fresh(wanted: Wanted) -> Cached {
    Cached {
        wanted,
        high_watermark: -1,
        log_start_offset: -1,
        was_served: false,
    }
}
