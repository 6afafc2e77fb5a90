//! All sessions of the broker, in a bounded number of slots.

use super::session::{Cached, Due, FetchPartitionKey, Session, Surroundings, Wanted};
use super::{INITIAL, SESSIONLESS, next_epoch};
use base::{Instant, Rng};
use protocol::ErrorCode;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A session that was not used for so long may be evicted for a new one.
const EVICTABLE_AFTER: Duration = Duration::from_mins(2);

#[derive(Debug)]
struct Slot {
    session: Arc<Mutex<Session>>,
    last_used: Instant,
    owner: Owner,
}

/// Whose session it is: a follower's is not given up for a consumer's, but the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A consumer.
    Consumer,
    /// Another broker.
    Follower,
}

/// The sessions.
#[derive(Debug)]
pub struct FetchSessions {
    slots: Mutex<FxHashMap<i32, Slot>>,
    most: usize,
    rng: Mutex<Rng>,
}

/// How a fetch relates to sessions.
#[derive(Debug)]
pub enum Opened {
    /// No session: everything is answered.
    Sessionless(Vec<Wanted>),
    /// A session begins (its id is 0 if there was no slot): everything is answered.
    Full {
        /// The new session's id.
        id: i32,
        /// The new session, if there was a slot.
        session: Option<Arc<Mutex<Session>>>,
        /// What is fetched.
        wanted: Vec<Wanted>,
    },
    /// A session goes on: only what changed is answered.
    Incremental {
        /// The session's id.
        id: i32,
        /// The session.
        session: Arc<Mutex<Session>>,
        /// What of it is to be looked at.
        due: Vec<Due>,
        /// What the request forgets, with the slots it had.
        forgotten: Vec<(u32, Cached)>,
    },
}

/// What a fetch request says of sessions.
#[derive(Debug)]
pub struct SessionRequest {
    /// The session's id.
    pub id: i32,
    /// The epoch.
    pub epoch: i32,
    /// Whether topics are named by id.
    pub uses_topic_ids: bool,
    /// Partitions named in the request.
    pub wanted: Vec<Wanted>,
    /// Partitions to forget.
    pub forgotten: Vec<FetchPartitionKey>,
    /// Who asks.
    pub owner: Owner,
    /// What its partitions lie in.
    pub surroundings: Surroundings,
    /// What is to be looked at.
    pub scope: Scope,
}

/// What of a session a request looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What is due.
    Due,
    /// Everything: what is answered depends on more than the partitions.
    All,
}

impl FetchSessions {
    /// An empty cache of `most` slots (`max.incremental.fetch.session.cache.slots`).
    pub fn new(most: usize, rng: Rng) -> Self {
        Self {
            slots: Mutex::default(),
            most,
            rng: Mutex::new(rng),
        }
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.slots().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots().is_empty()
    }

    /// Opens, continues or ends a session.
    pub fn open(&self, request: SessionRequest, now: Instant) -> Result<Opened, ErrorCode> {
        match request.epoch {
            SESSIONLESS => {
                self.slots().remove(&request.id);
                Ok(Opened::Sessionless(request.wanted))
            }
            INITIAL => {
                self.slots().remove(&request.id);
                Ok(self.begin(request, now))
            }
            _ => self.go_on(request, now),
        }
    }

    /// Ends a session that its client has not been told of.
    pub fn end(&self, id: i32) {
        self.slots().remove(&id);
    }

    fn begin(&self, request: SessionRequest, now: Instant) -> Opened {
        let mut slots = self.slots();
        if request.wanted.is_empty() || !make_room(&mut slots, self.most, request.owner, now) {
            return Opened::Full {
                id: 0,
                session: None,
                wanted: request.wanted,
            };
        }
        let id = self.new_id(&slots);
        let session = Arc::new(Mutex::new(Session::new(request.uses_topic_ids, request.wanted.clone())));
        slots.insert(
            id,
            Slot {
                session: Arc::clone(&session),
                last_used: now,
                owner: request.owner,
            },
        );
        Opened::Full {
            id,
            session: Some(session),
            wanted: request.wanted,
        }
    }

    fn go_on(&self, request: SessionRequest, now: Instant) -> Result<Opened, ErrorCode> {
        let mut slots = self.slots();
        let slot = slots.get_mut(&request.id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        let mut session = slot
            .session
            .lock()
            .expect("no code panics while it changes a fetch session");
        if session.next_epoch != request.epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.uses_topic_ids != request.uses_topic_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        slot.last_used = now;
        let forgotten = session.update(request.wanted, &request.forgotten);
        session.next_epoch = next_epoch(session.next_epoch);
        if session.is_empty() {
            drop(session);
            slots.remove(&request.id);
            return Ok(Opened::Sessionless(Vec::new()));
        }
        session.lies_in(request.surroundings);
        if request.scope == Scope::All {
            session.all_due();
        }
        session.changed().heard().tell(now);
        let due = session.take_due();
        drop(session);
        Ok(Opened::Incremental {
            id: request.id,
            session: Arc::clone(&slot.session),
            due,
            forgotten,
        })
    }

    fn new_id(&self, slots: &FxHashMap<i32, Slot>) -> i32 {
        let mut rng = self.rng.lock().expect("no code panics while it draws a number");
        loop {
            let id = i32::try_from(rng.below(i32::MAX as u64 - 1) + 1).unwrap_or(1);
            if !slots.contains_key(&id) {
                return id;
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, FxHashMap<i32, Slot>> {
        self.slots
            .lock()
            .expect("no code panics while it changes the fetch sessions")
    }
}

/// Whether there is a free slot, if need be by evicting the session that was not used for longest: one that is old, or
/// for a follower a consumer's.
fn make_room(slots: &mut FxHashMap<i32, Slot>, most: usize, owner: Owner, now: Instant) -> bool {
    if slots.len() < most {
        return true;
    }
    let may_go = |slot: &Slot| {
        now.since(slot.last_used) > EVICTABLE_AFTER || (owner == Owner::Follower && slot.owner == Owner::Consumer)
    };
    let oldest = slots
        .iter()
        .filter(|(_, slot)| may_go(slot))
        .min_by_key(|(id, slot)| (slot.last_used, **id))
        .map(|(id, _)| *id);
    oldest.is_some_and(|id| slots.remove(&id).is_some())
}

#[cfg(test)]
mod tests;
