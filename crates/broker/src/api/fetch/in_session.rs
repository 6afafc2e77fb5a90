//! A request of a session that goes on: what is due is looked at, and watched where there is nothing to read.
//!
//! Whatever is at rest when the request is answered is not looked at again until it changes.

use super::read::{self, Limits, Read};
use super::reader::Reader;
use super::{is_enough, lock};
use crate::Broker;
use crate::fetch_session::{Cached, Due, Session};
use crate::partitions::Hosted;
use crate::waiting::{self, Woken};
use crate::partitions::watchers::{Changed, Interest};
use network::Alarm;
use partition::{IsolationLevel, Parked};
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex};

/// Lists that are no longer than this are searched from end to end.
const FEW: usize = 8;

/// One request's work on its session. What of it is not at rest in the end is due again.
pub(super) struct InSession {
    session: Arc<Mutex<Session>>,
    changed: Arc<Changed>,
    looked: Vec<Due>,
    reads: Vec<Read>,
    /// Where each slot is in the two lists, if they are long.
    places: FxHashMap<u32, usize>,
    /// How many partitions the session has.
    pub(super) partitions: usize,
}

impl Drop for InSession {
    fn drop(&mut self) {
        let restless = self.looked.iter().map(|due| due.slot);
        lock(&self.session).put_back(restless);
    }
}

impl InSession {
    /// Takes over what is due.
    pub(super) fn new(session: Arc<Mutex<Session>>, due: Vec<Due>) -> Self {
        let (changed, partitions) = {
            let session = lock(&session);
            (Arc::clone(session.changed()), session.len())
        };
        let places = if due.len() > FEW { places(&due) } else { FxHashMap::default() };
        Self { session, changed, looked: due, reads: Vec::new(), places, partitions }
    }

    /// Reads; if that gives less than the request wants, waits and reads again what has changed until it is enough or late.
    pub(super) async fn read_or_wait(&mut self, broker: &Broker, alarm: &Alarm, limits: &Limits) {
        self.reads = read::all(broker, self.looked.iter().map(|due| &due.wanted), limits);
        let mut parked = self.watch(&limits.reader, Read::is_at_rest);
        if limits.max_wait_ms <= 0 || is_enough(&self.reads, limits) {
            return;
        }
        let deadline = waiting::deadline(limits.max_wait_ms);
        if self.watch(&limits.reader, |read| !read.is_at_rest()) == Parked::DueNow {
            parked = Parked::DueNow;
        }
        loop {
            let woken = if parked == Parked::DueNow {
                Woken::Raised
            } else {
                waiting::wait_again(broker, alarm, self.changed.signal(), deadline).await
            };
            parked = self.look_again(broker, limits);
            if woken == Woken::TimeUp || tokio::time::Instant::now() >= deadline || is_enough(&self.reads, limits) {
                return;
            }
        }
    }

    /// Watches those of the partitions that were looked at; answers whether one of them has changed already.
    fn watch(&self, reader: &Reader, which: impl Fn(&Read) -> bool) -> Parked {
        let all = (0..self.reads.len()).filter(|at| which(&self.reads[*at]));
        self.watch_these(reader, all)
    }

    fn watch_these(&self, reader: &Reader, places: impl Iterator<Item = usize>) -> Parked {
        let mut parked = Parked::Waiting;
        let mut session = lock(&self.session);
        for (due, read) in places.map(|at| (&self.looked[at], &self.reads[at])) {
            // What is held back is not waited for: the next request sees whether it may go.
            let (Some(hosted), Some(seen), false) = (&read.hosted, &read.glance, read.held_back) else { continue };
            let mut partition = hosted.lock_quietly();
            if partition.watch(&self.changed, due.slot, interest(reader), seen) == Parked::DueNow {
                parked = Parked::DueNow;
            }
            if let Reader::Replica { node, .. } = reader
                && read.is_at_rest()
            {
                partition.heard_with(*node, self.changed.heard());
            }
            drop(partition);
            if let Some(cached) = session.cached(due.slot) {
                cached.watched = Arc::downgrade(hosted);
            }
        }
        parked
    }

    /// Where that slot is in the lists, or is to be added.
    fn place(&mut self, slot: u32) -> usize {
        let end = self.looked.len();
        if end < FEW {
            return self.looked.iter().position(|due| due.slot == slot).unwrap_or(end);
        }
        if self.places.is_empty() {
            self.places = places(&self.looked);
        }
        *self.places.entry(slot).or_insert(end)
    }

    /// Reads what was noted as changed meanwhile, and watches it again.
    fn look_again(&mut self, broker: &Broker, limits: &Limits) -> Parked {
        let noted = lock(&self.session).take_noted();
        let mut again = Vec::with_capacity(noted.len());
        for due in noted {
            let place = self.place(due.slot);
            if place == self.looked.len() {
                self.looked.push(due);
                self.reads.push(Read::nothing());
            } else {
                self.looked[place] = due;
            }
            again.push(place);
        }
        let wanted = again.iter().map(|at| (*at, &self.looked[*at].wanted));
        read::these_again(broker, wanted, limits, &mut self.reads);
        self.watch_these(&limits.reader, again.into_iter())
    }

    /// What was read.
    pub(super) fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// Shows what [`InSession::finish`] would hand over now, and leaves it as it is.
    pub(super) fn peek(&self, mut tell: impl FnMut(&Due, &Read, Option<&Cached>)) {
        let mut session = lock(&self.session);
        for (due, read) in self.looked.iter().zip(&self.reads) {
            let cached = session.cached(due.slot).filter(|cached| cached.wanted.key == due.wanted.key);
            tell(due, read, cached.as_deref());
        }
    }

    /// Hands over every partition that was looked at with what was read, and what the session keeps of it: none if another
    /// request has changed that meanwhile. What is at rest is not due any more.
    pub(super) fn finish(mut self, mut tell: impl FnMut(Due, Read, Option<&mut Cached>)) {
        let shared = Arc::clone(&self.session);
        let mut session = lock(&shared);
        let looked = std::mem::take(&mut self.looked);
        let mut restless = Vec::new();
        for (due, read) in looked.into_iter().zip(std::mem::take(&mut self.reads)) {
            if !read.is_at_rest() {
                restless.push(due.slot);
            }
            if read.len() > 0 {
                session.was_served(due.slot);
            }
            let cached = session.cached(due.slot).filter(|cached| cached.wanted.key == due.wanted.key);
            tell(due, read, cached);
        }
        session.put_back(restless);
    }
}

fn places(looked: &[Due]) -> FxHashMap<u32, usize> {
    looked.iter().enumerate().map(|(at, due)| (due.slot, at)).collect()
}

fn interest(reader: &Reader) -> Interest {
    match reader.isolation() {
        None => Interest::Appended,
        Some(IsolationLevel::ReadUncommitted) => Interest::Committed,
        Some(IsolationLevel::ReadCommitted) => Interest::Stable,
    }
}

/// Partitions that a request forgot are watched no more, and a follower is no more heard of there.
pub(super) fn release(session: &Mutex<Session>, forgotten: Vec<(u32, Cached)>, reader: &Reader) {
    if forgotten.is_empty() {
        return;
    }
    let changed = Arc::clone(lock(session).changed());
    for (slot, cached) in forgotten {
        let Some(hosted) = cached.watched.upgrade() else { continue };
        let mut partition = Hosted::lock_quietly(&hosted);
        partition.watch_no_more(&changed, slot);
        if let Reader::Replica { node, .. } = reader {
            partition.heard_no_more(*node);
        }
    }
}
