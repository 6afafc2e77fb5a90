//! The partitions that one fetcher fetches, and how each stands.

use super::lane::{Changes, Follow};
use super::session::{PartitionId, Plan, Position, Session};
use crate::partitions::Hosted;
use base::LeaderEpoch;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause of a partition that failed; it doubles up to `replica.fetch.backoff.ms`. The usual failure is that the
/// leader has not heard of its leadership yet, which is over in milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// A partition that failed so often in a row (by then two seconds have passed) is told of; most never fail so often.
const TOLD_AT: u32 = 8;

/// How long a partition that is throttled is left alone.
const HELD_BACK: Duration = Duration::from_millis(100);

/// How a partition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is fetched.
    Ready,
    /// It failed and is tried again.
    Paused(Instant),
    /// It is not fetched until it is assigned anew.
    Failed,
}

/// A partition that is fetched.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) follow: Follow,
    state: State,
    /// The pause after the next failure; grows while nothing but failures come.
    pause: Duration,
    /// How many have come in a row.
    failures: u32,
    /// When it last brought records, in rounds: who brought some goes behind the others.
    served: u64,
    /// How many records it lacks of what the leader has committed; none before the first answer.
    lag: Option<i64>,
}

impl Followed {
    fn new(follow: Follow) -> Self {
        Self {
            follow,
            state: State::Ready,
            pause: FIRST_PAUSE,
            failures: 0,
            served: 0,
            lag: None,
        }
    }

    /// Whether it is fetched in that way already.
    fn is_same(&self, follow: &Follow) -> bool {
        self.state != State::Failed
            && self.follow.epoch == follow.epoch
            && Arc::ptr_eq(&self.follow.hosted, &follow.hosted)
    }
}

/// The partitions.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    all: FxHashMap<PartitionId, Followed>,
    /// Those that may stand elsewhere than the leader knows.
    touched: FxHashSet<PartitionId>,
    paused: FxHashSet<PartitionId>,
    /// Left out of the last request to keep to a throttle.
    held: FxHashSet<PartitionId>,
    round: u64,
}

/// What changes did to a fetcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Nothing that a request under way lacks.
    None,
    /// There are partitions that a request under way does not ask for.
    Added,
}

impl Partitions {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes over what is assigned and withdrawn.
    pub(super) fn take(&mut self, changes: Changes) -> Urgency {
        let mut urgency = Urgency::None;
        for (id, change) in changes {
            match change {
                // Something else of it changed, such as who is in sync.
                Some(follow) if self.all.get(&id).is_some_and(|known| known.is_same(&follow)) => continue,
                Some(follow) => {
                    self.all.insert(id, Followed::new(follow));
                    urgency = Urgency::Added;
                }
                None => {
                    self.all.remove(&id);
                }
            }
            self.paused.remove(&id);
            self.held.remove(&id);
            self.touched.insert(id);
        }
        urgency
    }

    /// The partition, if it is fetched now and in that epoch.
    pub(super) fn ready(&self, id: PartitionId, epoch: LeaderEpoch) -> Option<&Follow> {
        let followed = self.all.get(&id)?;
        (followed.state == State::Ready && followed.follow.epoch == epoch).then_some(&followed.follow)
    }

    /// It moved: the leader is to be told where it stands.
    pub(super) fn moved(&mut self, id: PartitionId) {
        if let Some(followed) = self.all.get_mut(&id) {
            (followed.pause, followed.failures) = (FIRST_PAUSE, 0);
            followed.served = self.round;
            self.touched.insert(id);
        }
    }

    /// The leader answered well, but had nothing.
    pub(super) fn answered(&mut self, id: PartitionId) {
        if let Some(followed) = self.all.get_mut(&id) {
            (followed.pause, followed.failures) = (FIRST_PAUSE, 0);
        }
    }

    /// It failed and is tried again after a pause of at most `longest`.
    pub(super) fn failed_for_now(&mut self, id: PartitionId, now: Instant, longest: Duration) {
        if let Some(followed) = self.all.get_mut(&id) {
            let pause = followed.pause.min(longest);
            followed.pause = pause.saturating_mul(2);
            followed.failures += 1;
            followed.state = State::Paused(now + pause);
            self.paused.insert(id);
            self.touched.insert(id);
        }
    }

    /// Whether it has failed just as often as shall be told.
    pub(super) fn is_to_be_told(&self, id: PartitionId) -> bool {
        self.all.get(&id).is_some_and(|followed| followed.failures == TOLD_AT)
    }

    /// It failed, and only another assignment can help.
    pub(super) fn failed_for_good(&mut self, id: PartitionId) {
        if let Some(followed) = self.all.get_mut(&id) {
            followed.state = State::Failed;
            self.paused.remove(&id);
            self.touched.insert(id);
        }
    }

    /// How far it lags behind what the leader has committed.
    pub(super) fn lags(&mut self, id: PartitionId, lag: i64) {
        if let Some(followed) = self.all.get_mut(&id) {
            followed.lag = Some(lag);
        }
    }

    /// The greatest lag of any.
    pub(super) fn max_lag(&self) -> i64 {
        self.all.values().filter_map(|followed| followed.lag).max().unwrap_or(0)
    }

    /// How many are not fetched until they are assigned anew.
    pub(super) fn failed(&self) -> usize {
        self.all
            .values()
            .filter(|followed| followed.state == State::Failed)
            .count()
    }

    /// The partitions that are to be looked at before the next request.
    pub(super) fn touched(&self) -> Vec<Arc<Hosted>> {
        let ready = self.touched.iter().filter_map(|id| self.all.get(id));
        let ready = ready.filter(|followed| followed.state == State::Ready);
        ready.map(|followed| Arc::clone(&followed.follow.hosted)).collect()
    }

    /// Looks at every partition again when the next request is planned.
    pub(super) fn touch_all(&mut self) {
        self.touched.extend(self.all.keys().copied());
    }

    fn next_due(&self) -> Option<Instant> {
        let due = |id: &PartitionId| match self.all.get(id)?.state {
            State::Paused(until) => Some(until),
            State::Ready | State::Failed => None,
        };
        self.paused.iter().filter_map(due).min()
    }

    fn resume_due(&mut self, now: Instant) {
        let (all, touched) = (&mut self.all, &mut self.touched);
        self.paused.retain(|id| {
            let Some(followed) = all.get_mut(id) else { return false };
            let waits = matches!(followed.state, State::Paused(until) if until > now);
            if !waits {
                followed.state = State::Ready;
                touched.insert(*id);
            }
            waits
        });
    }

    /// What the next request asks for: nothing if no partition is ready. `position` tells where a partition stands, or
    /// nothing if it is not to be fetched now; `is_held` whether one that is not in sync is held back.
    pub(super) fn plan(
        &mut self,
        session: &mut Session,
        now: Instant,
        position: impl Fn(&Follow) -> Option<Position>,
        is_held: impl Fn(&Follow) -> bool,
    ) -> Option<Plan> {
        self.resume_due(now);
        self.round += 1;
        self.touched.extend(self.held.drain());
        if session.is_full() {
            self.touch_all();
        }
        let mut touched: Vec<(u64, PartitionId)> = self
            .touched
            .drain()
            .map(|id| (self.all.get(&id).map_or(0, |followed| followed.served), id))
            .collect();
        touched.sort_unstable();
        let mut changes = Vec::with_capacity(touched.len());
        for (_, id) in touched {
            let ready = self.all.get(&id).filter(|followed| followed.state == State::Ready);
            let is_held =
                ready.is_some_and(|followed| followed.lag.is_none_or(|lag| lag > 0) && is_held(&followed.follow));
            if is_held {
                self.held.insert(id);
            }
            changes.push((
                id,
                ready
                    .filter(|_| !is_held)
                    .and_then(|followed| position(&followed.follow)),
            ));
        }
        if session.is_full() {
            let wanted = changes.into_iter().filter_map(|(id, position)| Some((id, position?)));
            let wanted: Vec<_> = wanted.collect();
            return (!wanted.is_empty()).then(|| session.begin(wanted));
        }
        Some(session.go_on(changes))
    }

    /// When to look again at what is not asked for now.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let held = (!self.held.is_empty()).then_some(now + HELD_BACK);
        self.next_due().into_iter().chain(held).min()
    }
}
