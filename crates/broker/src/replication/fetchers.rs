//! Who is fetched from: lanes to every leader, and which partition goes by which.

use super::fetcher;
use super::lane::{Follow, Lane};
use super::session::PartitionId;
use crate::Broker;
use crate::removals::Removals;
use base::NodeId;
use metadata::MetadataImage;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// The lanes, and what is assigned to them. The metadata publisher alone changes it.
#[derive(Debug)]
pub struct Fetchers {
    state: Mutex<State>,
    /// Where what is cut off the logs goes.
    removals: Removals,
}

#[derive(Debug, Default)]
struct State {
    lanes: BTreeMap<(NodeId, usize), Arc<Lane>>,
    assigned: FxHashMap<PartitionId, (Arc<Lane>, Follow)>,
    /// The lanes' fetchers.
    running: Vec<JoinHandle<()>>,
}

/// What a partition is to do from now on.
#[derive(Clone, Debug)]
pub enum Task {
    /// Fetch from that leader.
    Follow(NodeId, Follow),
    /// Fetch no more: it leads, has no leader, or is gone.
    Rest,
}

/// A lane, and what changes for it.
type ToldLane = (Arc<Lane>, Vec<(PartitionId, Option<Follow>)>);

/// What to tell each lane: collected first, so that thousands of partitions wake a lane once.
#[derive(Default)]
struct Told {
    lanes: BTreeMap<(NodeId, usize), ToldLane>,
}

impl Told {
    fn add(&mut self, lane: &Arc<Lane>, id: PartitionId, follow: Option<Follow>) {
        let told = self.lanes.entry((lane.source, lane.number));
        let (_, changes) = told.or_insert_with(|| (Arc::clone(lane), Vec::new()));
        changes.push((id, follow));
    }

    fn tell(self) {
        for (lane, changes) in self.lanes.into_values() {
            lane.change(changes);
        }
    }
}

impl Fetchers {
    /// None yet.
    pub fn new(removals: Removals) -> Self {
        Self {
            state: Mutex::default(),
            removals,
        }
    }

    /// Ready once no fetcher runs any more: after the broker was told to stop.
    pub async fn ended(&self) {
        let running = std::mem::take(&mut self.state().running);
        for fetcher in running {
            if fetcher.await.is_err() {
                tracing::error!("a fetcher failed");
            }
        }
    }

    pub(super) fn removals(&self) -> &Removals {
        &self.removals
    }

    /// The most records that a follower here lacks of what its leader has committed, as of the last second.
    pub fn max_lag(&self) -> i64 {
        let state = self.state();
        state.lanes.values().map(|lane| lane.max_lag()).max().unwrap_or(0)
    }

    /// Partitions that are not fetched until they are assigned anew.
    pub fn failed(&self) -> usize {
        self.state().lanes.values().map(|lane| lane.failed()).sum()
    }

    /// How many partitions are fetched.
    pub fn len(&self) -> usize {
        self.state().assigned.len()
    }

    /// Whether none is fetched.
    pub fn is_empty(&self) -> bool {
        self.state().assigned.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Assigns and withdraws partitions.
pub fn assign(broker: &Arc<Broker>, tasks: impl IntoIterator<Item = (PartitionId, Task)>) {
    let lanes = lanes_per_leader(broker);
    let mut told = Told::default();
    let mut state = broker.fetchers.state();
    for (id, task) in tasks {
        match task {
            Task::Rest => {
                if let Some((lane, _)) = state.assigned.remove(&id) {
                    told.add(&lane, id, None);
                }
            }
            Task::Follow(leader, follow) => {
                let lane = lane(broker, &mut state, leader, number(&follow.topic, id.index, lanes));
                let before = state.assigned.insert(id, (Arc::clone(&lane), follow.clone()));
                if let Some((before, _)) = before.filter(|(before, _)| !Arc::ptr_eq(before, &lane)) {
                    told.add(&before, id, None);
                }
                told.add(&lane, id, Some(follow));
            }
        }
    }
    drop(state);
    told.tell();
}

/// Takes over a changed `num.replica.fetchers`: partitions move to other lanes.
pub fn rearrange(broker: &Arc<Broker>) {
    let tasks: Vec<(PartitionId, Task)> = {
        let state = broker.fetchers.state();
        let again = |(id, (lane, follow)): (&PartitionId, &(Arc<Lane>, Follow))| {
            (*id, Task::Follow(lane.source, follow.clone()))
        };
        state.assigned.iter().map(again).collect()
    };
    assign(broker, tasks);
}

/// Tells fetchers that pause because their leader did not answer that it has registered anew, or was unfenced.
pub fn leaders_changed(broker: &Broker, old: &MetadataImage, new: &MetadataImage) {
    let state = broker.fetchers.state();
    for lane in state.lanes.values() {
        let (before, after) = (old.brokers.get(lane.source), new.brokers.get(lane.source));
        let is_same = match (before, after) {
            (Some(before), Some(after)) => Arc::ptr_eq(before, after),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            lane.nudge();
        }
    }
}

fn lanes_per_leader(broker: &Broker) -> usize {
    usize::try_from(broker.config.load().replication.num_replica_fetchers).map_or(1, |lanes| lanes.max(1))
}

/// Which of a leader's lanes a partition goes by: any fixed choice that spreads them will do.
fn number(topic: &str, index: i32, lanes: usize) -> usize {
    let hash = topic
        .bytes()
        .fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let spread = hash.wrapping_mul(31).wrapping_add(index.unsigned_abs());
    spread as usize % lanes
}

fn lane(broker: &Arc<Broker>, state: &mut State, source: NodeId, number: usize) -> Arc<Lane> {
    let State { lanes, running, .. } = state;
    let lane = lanes.entry((source, number)).or_insert_with(|| {
        let lane = Lane::new(source, number);
        running.push(tokio::spawn(fetcher::run(Arc::clone(broker), Arc::clone(&lane))));
        lane
    });
    Arc::clone(lane)
}
