//! One session: its partitions, and which of them are to be looked at.
//!
//! Whatever may be answered is *due*: what a request names, what changed since it was last looked at, and what was not at
//! rest then. The others cost nothing.

use crate::partitions::Hosted;
use crate::partitions::watchers::Changed;
use base::Uuid;
use protocol::messages::fetch_request::FetchPartition;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Weak};

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
    /// Its turn among the others: who is served goes behind all, so that none starves.
    turn: u64,
    /// The replica that is watched for it.
    pub watched: Weak<Hosted>,
}

/// A partition that is to be looked at for a request.
#[derive(Clone, Debug)]
pub struct Due {
    /// Where the session keeps it.
    pub slot: u32,
    /// Which partition, from where.
    pub wanted: Wanted,
}

/// What the session's partitions lie in. When it changes all of them are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The version of the table of partitions.
    pub table: u64,
    /// How many log directories are offline.
    pub offline_dirs: usize,
    /// The registration that a follower fetches with.
    pub replica_epoch: i64,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    /// The epoch that the next request must carry.
    pub next_epoch: i32,
    /// Whether topics are named by id (version 13 and above).
    pub uses_topic_ids: bool,
    slots: Vec<Option<Cached>>,
    free: Vec<u32>,
    places: FxHashMap<FetchPartitionKey, u32>,
    /// The slots that are to be looked at; some perhaps twice, and some of partitions that are gone.
    due: Vec<u32>,
    next_turn: u64,
    surroundings: Surroundings,
    changed: Arc<Changed>,
}

impl Session {
    /// A session that begins with these partitions, all of them due.
    pub fn new(uses_topic_ids: bool, wanted: Vec<Wanted>) -> Self {
        let mut session = Self {
            next_epoch: 1,
            uses_topic_ids,
            slots: Vec::with_capacity(wanted.len()),
            free: Vec::new(),
            places: FxHashMap::default(),
            due: Vec::new(),
            next_turn: 0,
            surroundings: Surroundings::default(),
            changed: Arc::default(),
        };
        for wanted in wanted {
            session.add(wanted);
        }
        session
    }

    /// How many partitions it has.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What changes is noted there.
    pub fn changed(&self) -> &Arc<Changed> {
        &self.changed
    }

    /// Takes over what an incremental request adds or moves, and drops what it forgets; gives back what was dropped, with
    /// its slots.
    pub fn update(&mut self, changed: Vec<Wanted>, forgotten: &[FetchPartitionKey]) -> Vec<(u32, Cached)> {
        let mut dropped = Vec::new();
        for key in forgotten {
            let Some(slot) = self.places.remove(key) else { continue };
            if let Some(cached) = self.slots.get_mut(slot as usize).and_then(Option::take) {
                dropped.push((slot, cached));
                self.free.push(slot);
            }
        }
        for wanted in changed {
            match self.places.get(&wanted.key).copied() {
                Some(slot) => {
                    if let Some(cached) = self.cached(slot) {
                        cached.wanted.position = wanted.position;
                    }
                    self.due.push(slot);
                }
                None => self.add(wanted),
            }
        }
        dropped
    }

    fn add(&mut self, wanted: Wanted) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("a request has fewer partitions")
        });
        let key = wanted.key.clone();
        if let Some(before) = self.places.insert(key, slot) {
            // Named twice by the request that begins the session: the last counts.
            self.slots[before as usize] = None;
            self.free.push(before);
        }
        let turn = self.take_turn();
        self.slots[slot as usize] = Some(Cached {
            wanted,
            high_watermark: -1,
            log_start_offset: -1,
            turn,
            watched: Weak::new(),
        });
        self.due.push(slot);
    }

    fn take_turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn
    }

    /// The partition in a slot.
    pub fn cached(&mut self, slot: u32) -> Option<&mut Cached> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// It was served: it goes behind the others.
    pub fn was_served(&mut self, slot: u32) {
        let turn = self.take_turn();
        if let Some(cached) = self.cached(slot) {
            cached.turn = turn;
        }
    }

    /// Everything is due if it lies elsewhere than it did.
    pub fn lies_in(&mut self, surroundings: Surroundings) {
        if self.surroundings != surroundings {
            self.surroundings = surroundings;
            self.all_due();
        }
    }

    /// Everything is due.
    pub fn all_due(&mut self) {
        self.due.extend(self.places.values());
    }

    /// These are due (again).
    pub fn put_back(&mut self, slots: impl IntoIterator<Item = u32>) {
        self.due.extend(slots);
    }

    /// Takes what is due, in the order in which it is to be served.
    pub fn take_due(&mut self) -> Vec<Due> {
        let mut due = std::mem::take(&mut self.due);
        due.append(&mut self.changed.take());
        self.in_turn(due)
    }

    /// What was noted as changed since a request took what is due.
    pub fn take_noted(&mut self) -> Vec<Due> {
        self.in_turn(self.changed.take())
    }

    /// The partitions in these slots, each once, in the order in which they are to be served.
    fn in_turn(&self, mut slots: Vec<u32>) -> Vec<Due> {
        let cached = |slot: u32| self.slots.get(slot as usize)?.as_ref();
        if slots.len() > 1 {
            // Each has a turn of its own, so that the same are neighbours.
            slots.sort_unstable_by_key(|slot| cached(*slot).map(|cached| cached.turn));
            slots.dedup();
        }
        let due = |slot| {
            let wanted = cached(slot)?.wanted.clone();
            Some(Due { slot, wanted })
        };
        slots.into_iter().filter_map(due).collect()
    }
}

#[cfg(test)]
mod tests;
