//! How far a follower has come, as its leader sees it.

use crate::heard::Heard;
use base::{BrokerEpoch, Instant, Offset};
use std::sync::Arc;
use std::time::Duration;

/// One follower.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// The offset of its last fetch: it has everything below. [`Offset::NONE`] before its first in this leader epoch.
    pub(crate) log_end: Offset,
    /// Its log's start.
    pub(crate) log_start: Offset,
    /// The registration it fetched with.
    pub(crate) broker_epoch: Option<BrokerEpoch>,
    /// The latest moment of which it has everything that the leader had then.
    pub(crate) last_caught_up: Option<Instant>,
    last_fetch: Option<Instant>,
    leader_end_at_last_fetch: Offset,
    /// The session whose fetches say that it has not moved.
    heard: Option<Arc<Heard>>,
}

/// What a fetch tells of a follower.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) log_end: Offset,
    pub(crate) log_start: Offset,
    pub(crate) broker_epoch: BrokerEpoch,
}

impl Progress {
    /// A follower that has not fetched in this leader epoch. One in sync counts as caught up now: it has its time to
    /// prove it. One that is not holds nothing back.
    pub(crate) fn unknown(caught_up: Option<Instant>) -> Self {
        Self {
            log_end: Offset::NONE,
            log_start: Offset::NONE,
            broker_epoch: None,
            last_caught_up: caught_up,
            last_fetch: None,
            leader_end_at_last_fetch: Offset::NONE,
            heard: None,
        }
    }

    /// It fetched while the leader's log ended at `leader_end`.
    pub(crate) fn fetched(&mut self, told: Told, leader_end: Offset, now: Instant) {
        let caught_up = if told.log_end >= leader_end {
            Some(now)
        } else if told.log_end >= self.leader_end_at_last_fetch {
            self.last_fetch
        } else {
            None
        };
        self.last_caught_up = self.last_caught_up.max(caught_up);
        self.log_end = told.log_end;
        self.log_start = told.log_start;
        self.broker_epoch = Some(told.broker_epoch);
        self.last_fetch = Some(now);
        self.leader_end_at_last_fetch = self.leader_end_at_last_fetch.max(leader_end);
    }

    /// From now on every fetch of that session says that it stands where it stood.
    pub(crate) fn heard_with(&mut self, session: &Arc<Heard>) {
        self.heard = Some(Arc::clone(session));
    }

    /// The session says nothing of it any more. What was heard until now counts, if it has all up to the leader's `end`.
    pub(crate) fn heard_no_more(&mut self, end: Offset) {
        self.falls_behind(end);
        self.heard = None;
    }

    /// The leader's log, which ended at `end`, goes on: what is heard from now on says nothing of the new end.
    pub(crate) fn falls_behind(&mut self, end: Offset) {
        if let Some(heard) = self.heard.as_ref().filter(|_| self.log_end >= end) {
            self.last_fetch = self.last_fetch.max(Some(heard.last()));
            self.last_caught_up = self.last_caught_up.max(Some(heard.last()));
        }
    }

    /// The latest moment of which it has everything that the leader, whose log ends at `leader_end`, had then.
    pub(crate) fn last_caught_up(&self, leader_end: Offset) -> Option<Instant> {
        let heard = self.heard.as_ref().filter(|_| self.log_end >= leader_end);
        self.last_caught_up.max(heard.map(|heard| heard.last()))
    }

    /// Whether it has all the leader has, or had it within `lag`.
    pub(crate) fn is_caught_up(&self, leader_end: Offset, now: Instant, lag: Duration) -> bool {
        self.log_end == leader_end || self.last_caught_up.is_some_and(|at| now.since(at) <= lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_zero(Duration::from_millis(millis))
    }

    fn told(log_end: i64) -> Told {
        Told {
            log_end: Offset(log_end),
            log_start: Offset(0),
            broker_epoch: BrokerEpoch(1),
        }
    }

    #[test]
    fn who_reaches_what_the_leader_had_at_the_last_fetch_was_caught_up_then() {
        let lag = Duration::from_millis(10);
        let mut progress = Progress::unknown(None);
        progress.fetched(told(0), Offset(5), at(100));
        assert_eq!(progress.last_caught_up, None);
        progress.fetched(told(5), Offset(9), at(107));
        assert_eq!(progress.last_caught_up, Some(at(100)));
        assert!(progress.is_caught_up(Offset(9), at(110), lag));
        assert!(!progress.is_caught_up(Offset(9), at(111), lag));
        assert!(progress.is_caught_up(Offset(5), at(999), lag), "there is nothing more");
        progress.fetched(told(9), Offset(9), at(120));
        assert_eq!(progress.last_caught_up, Some(at(120)));
    }

    #[test]
    fn who_has_everything_keeps_up_as_long_as_its_session_is_heard_of() {
        let lag = Duration::from_millis(10);
        let session = Arc::new(Heard::default());
        let mut progress = Progress::unknown(None);
        progress.fetched(told(5), Offset(5), at(100));
        progress.heard_with(&session);
        session.tell(at(150));
        assert_eq!(progress.last_caught_up(Offset(5)), Some(at(150)));
        progress.falls_behind(Offset(5));
        session.tell(at(170));
        assert_eq!(
            progress.last_caught_up(Offset(6)),
            Some(at(150)),
            "what is heard later says nothing of the new end"
        );
        assert!(progress.is_caught_up(Offset(6), at(160), lag));
        assert!(!progress.is_caught_up(Offset(6), at(161), lag));
        progress.falls_behind(Offset(6));
        assert_eq!(progress.last_caught_up(Offset(7)), Some(at(150)));
        progress.heard_no_more(Offset(7));
        assert_eq!(progress.last_caught_up(Offset(5)), Some(at(150)));
    }
}
