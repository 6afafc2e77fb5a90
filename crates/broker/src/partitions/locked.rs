//! A partition whose lock is held, and what happens when it is given back.

use super::watchers::{Changed, Glance, Interest, Watchers};
use super::{Guarded, Hosted};
use partition::{Parked, Partition, Wakes};
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, MutexGuard};
use storage::FlushWish;

/// What is done about a flush that is due when a partition's lock is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtTheEnd {
    /// It is asked for.
    Ask,
    /// It is put off until the connection waits for something; so many bytes were to be appended.
    PutOff(u64),
    /// The caller asks.
    LeaveToCaller,
}

/// A partition whose lock is held.
#[derive(Debug)]
pub struct Locked<'a> {
    pub(super) hosted: &'a Hosted,
    /// None only while this is dropped.
    pub(super) guarded: Option<MutexGuard<'a, Guarded>>,
    pub(super) at_the_end: AtTheEnd,
}

/// A partition whose lock is held by who changes nothing.
#[derive(Debug)]
pub(crate) struct Looking<'a> {
    pub(super) hosted: &'a Hosted,
    pub(super) guarded: MutexGuard<'a, Guarded>,
}

impl Looking<'_> {
    /// How the partition is.
    pub(crate) fn glance(&self) -> Glance {
        Glance::of(&self.hosted.dir(), self)
    }
}

impl Deref for Looking<'_> {
    type Target = Partition;

    fn deref(&self) -> &Partition {
        &self.guarded.partition
    }
}

impl Locked<'_> {
    /// How the partition is.
    pub(crate) fn glance(&self) -> Glance {
        Glance::of(&self.hosted.dir(), self)
    }

    /// Watches the partition for a session that has seen it as `seen`.
    pub(crate) fn watch(&mut self, session: &Arc<Changed>, slot: u32, interest: Interest, seen: &Glance) -> Parked {
        let now = self.glance();
        let watchers = &mut self.guarded().watchers;
        // Others have not been told yet of what was changed under this lock.
        let watchers = watchers.get_or_insert_with(|| Box::new(Watchers::new(now)));
        watchers.add(session, slot, interest, seen, &now)
    }

    /// A session watches no more.
    pub(crate) fn watch_no_more(&mut self, session: &Arc<Changed>, slot: u32) {
        let watchers = &mut self.guarded().watchers;
        if let Some(found) = watchers {
            found.remove(session, slot);
        }
        if watchers.as_ref().is_some_and(|watchers| watchers.is_empty()) {
            *watchers = None;
        }
    }

    /// Gives the lock back, and with it who is to be woken: for who changes several partitions, and wakes once.
    pub(crate) fn release(mut self) -> Wakes {
        self.give_back()
    }

    fn guarded(&mut self) -> &mut Guarded {
        self.guarded.as_deref_mut().expect("it is there until this is dropped")
    }

    fn give_back(&mut self) -> Wakes {
        let Some(mut guarded) = self.guarded.take() else {
            return Wakes::none();
        };
        let Guarded {
            partition,
            watchers,
            asked,
        } = &mut *guarded;
        let wish = partition.log().flush_wish();
        let is_new = wish == FlushWish::Now && self.at_the_end != AtTheEnd::LeaveToCaller && {
            let due = Some(partition.log().flush_mark());
            due != std::mem::replace(asked, due)
        };
        // Somebody waits for all of it; what a completed segment may leave to be synced is for the thread.
        let is_awaited = partition.log().acknowledged_end() < partition.log().log_end_offset();
        let wakes = match watchers {
            Some(watchers) => watchers.changed(Glance::of(&self.hosted.dir(), partition)),
            None => Wakes::none(),
        };
        drop(guarded);
        match (wish, self.at_the_end) {
            (FlushWish::InTime, _) => self.hosted.request_timed_flush(),
            (FlushWish::Now, AtTheEnd::PutOff(bytes)) if is_new && is_awaited => self.hosted.put_off_flush(bytes),
            (FlushWish::Now, AtTheEnd::Ask | AtTheEnd::PutOff(_)) if is_new => self.hosted.request_flush(),
            (FlushWish::Nothing | FlushWish::Now, _) => {}
        }
        wakes
    }
}

impl Deref for Locked<'_> {
    type Target = Partition;

    fn deref(&self) -> &Partition {
        &self
            .guarded
            .as_deref()
            .expect("it is there until this is dropped")
            .partition
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Partition {
        &mut self.guarded().partition
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.give_back().fire();
    }
}
