//! Who watches a partition for a fetch session.
//!
//! A session of thousands of partitions is not to look at all of them for every request. Where there was nothing to read
//! it leaves a watcher: when the partition's lock is given back and something has changed that an answer would tell, the
//! session takes note of it, and is woken if that is worth an answer.

use crate::log_dirs::LogDir;
use base::{LeaderEpoch, Offset, PartitionEpoch};
use partition::{Heard, Parked, Partition, Signal, Wakes};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What of a partition decides what a fetcher is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glance {
    /// Whoever leads, or led: it changes with every role.
    epoch: LeaderEpoch,
    /// Of which state of the registration a leader knows: it changes with who is in sync.
    partition_epoch: Option<PartitionEpoch>,
    /// It changes when everyone who waits is told to look again.
    alarms: u64,
    is_offline: bool,
    high_watermark: Offset,
    last_stable_offset: Offset,
    log_start_offset: Offset,
    log_end_offset: Offset,
}

impl Glance {
    /// A partition as it is.
    pub(crate) fn of(dir: &LogDir, partition: &Partition) -> Self {
        let (epoch, partition_epoch) = match partition.leadership() {
            Ok(leadership) => (leadership.epoch, Some(leadership.partition_epoch)),
            Err(other) => (other.epoch, None),
        };
        Self {
            epoch,
            partition_epoch,
            alarms: partition.alarms(),
            is_offline: dir.is_offline(),
            high_watermark: partition.high_watermark(),
            last_stable_offset: partition.last_stable_offset(),
            log_start_offset: partition.log().log_start_offset(),
            log_end_offset: partition.log().log_end_offset(),
        }
    }
}

/// What a fetch that waits is woken for. Other changes are told with the next answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// A follower: whatever is appended.
    Appended,
    /// A read_uncommitted consumer: what is committed.
    Committed,
    /// A read_committed consumer: what belongs to no open transaction.
    Stable,
}

impl Interest {
    fn is_worth_waking(self, before: &Glance, now: &Glance) -> bool {
        let moved = match self {
            Self::Appended => before.log_end_offset != now.log_end_offset,
            Self::Committed => before.high_watermark != now.high_watermark,
            Self::Stable => before.last_stable_offset != now.last_stable_offset,
        };
        moved || (before.epoch, before.alarms, before.is_offline) != (now.epoch, now.alarms, now.is_offline)
    }
}

/// The partitions of one session that changed, by their slots.
#[derive(Debug, Default)]
pub struct Changed {
    /// Each at most once for every time that it was watched.
    noted: Mutex<Vec<u32>>,
    signal: Arc<Signal>,
    heard: Arc<Heard>,
}

impl Changed {
    fn note(&self, slot: u32) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    }

    /// Takes what was noted; whatever is noted from now on raises the signal again.
    pub(crate) fn take(&self) -> Vec<u32> {
        self.signal.lower();
        std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Raised when something was noted for which a fetch that waits is to be woken.
    pub(crate) fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// When the session was last heard of.
    pub(crate) fn heard(&self) -> &Arc<Heard> {
        &self.heard
    }
}

#[derive(Debug)]
struct Watcher {
    session: Weak<Changed>,
    slot: u32,
    interest: Interest,
    /// It stays to wake the session, which knows already that something changed.
    is_noted: bool,
}

impl Watcher {
    fn is_of(&self, session: &Arc<Changed>, slot: u32) -> bool {
        self.slot == slot && std::ptr::eq(self.session.as_ptr(), Arc::as_ptr(session))
    }
}

/// Those who watch one partition.
#[derive(Debug)]
pub(crate) struct Watchers {
    /// The partition when they were last told.
    seen: Glance,
    watching: Vec<Watcher>,
}

impl Watchers {
    /// Nobody yet.
    pub(crate) fn new(seen: Glance) -> Self {
        Self {
            seen,
            watching: Vec::new(),
        }
    }

    /// Whether nobody watches.
    pub(crate) fn is_empty(&self) -> bool {
        self.watching.is_empty()
    }

    /// Tells who watches what has changed; gives back who is to be woken.
    pub(crate) fn changed(&mut self, now: Glance) -> Wakes {
        if now == self.seen {
            return Wakes::none();
        }
        let mut due = Vec::new();
        let seen = self.seen;
        self.watching.retain_mut(|watcher| {
            let Some(session) = watcher.session.upgrade() else {
                return false;
            };
            if !watcher.is_noted {
                watcher.is_noted = true;
                session.note(watcher.slot);
            }
            let is_due = watcher.interest.is_worth_waking(&seen, &now);
            if is_due {
                due.push(Arc::clone(session.signal()));
            }
            !is_due
        });
        self.seen = now;
        Wakes::these(due)
    }

    /// Watches a partition that is as `now` for a session that has seen it as `seen`.
    pub(crate) fn add(
        &mut self,
        session: &Arc<Changed>,
        slot: u32,
        interest: Interest,
        seen: &Glance,
        now: &Glance,
    ) -> Parked {
        let has_changed = seen != now;
        if has_changed {
            session.note(slot);
        }
        match self.watching.iter_mut().find(|watcher| watcher.is_of(session, slot)) {
            Some(watcher) => {
                watcher.interest = interest;
                watcher.is_noted = has_changed;
            }
            None => {
                // Sessions that are no more are noticed here, so that they take no room for good.
                if self.watching.len() == self.watching.capacity() {
                    self.watching.retain(|watcher| watcher.session.strong_count() > 0);
                }
                let watcher = Watcher {
                    session: Arc::downgrade(session),
                    slot,
                    interest,
                    is_noted: has_changed,
                };
                self.watching.push(watcher);
            }
        }
        if interest.is_worth_waking(seen, now) {
            Parked::DueNow
        } else {
            Parked::Waiting
        }
    }

    /// A session watches no more.
    pub(crate) fn remove(&mut self, session: &Arc<Changed>, slot: u32) {
        self.watching.retain(|watcher| !watcher.is_of(session, slot));
    }
}

#[cfg(test)]
mod tests;
