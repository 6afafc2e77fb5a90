//! The follower's side of an incremental fetch session (KIP-227): what the leader knows already is not said again.

use crate::fetch_session::{INITIAL, next_epoch};
use base::{LeaderEpoch, NodeId, Offset, Uuid};
use partition::FetchPosition;
use protocol::ErrorCode;
use rustc_hash::FxHashMap;

/// A partition as replicas name it among themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The topic's id.
    pub topic: Uuid,
    /// The partition's index.
    pub index: i32,
}

/// From where a follower fetches a partition, and what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first offset wanted: the end of its log.
    pub fetch_offset: i64,
    /// The start of its log.
    pub log_start_offset: i64,
    /// The epoch in which it follows.
    pub leader_epoch: i32,
    /// The epoch of its last record, -1 without any.
    pub last_fetched_epoch: i32,
    /// At most so many bytes.
    pub max_bytes: i32,
}

impl Position {
    /// As the partition knows what it asked `leader`.
    pub(super) fn as_asked(&self, leader: NodeId) -> FetchPosition {
        FetchPosition {
            leader,
            current_leader_epoch: LeaderEpoch(self.leader_epoch),
            offset: Offset(self.fetch_offset),
            last_fetched_epoch: LeaderEpoch(self.last_fetched_epoch),
            log_start_offset: Offset(self.log_start_offset),
        }
    }
}

/// What the next request says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The session's id, 0 for a new one.
    pub session_id: i32,
    /// The session's epoch.
    pub session_epoch: i32,
    /// The partitions named.
    pub named: Vec<(PartitionId, Position)>,
    /// The partitions that the leader shall forget.
    pub forgotten: Vec<PartitionId>,
}

/// Why an answer cannot be used. The session begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The leader refused the request as a whole.
    #[error("the leader answered {0}")]
    Refused(ErrorCode),
    /// It answered a partition that was not asked for.
    #[error("the leader answered partition {} of topic {}, which was not asked for", .0.index, .0.topic)]
    NotAsked(PartitionId),
    /// It left partitions out of an answer that must have all.
    #[error("the leader answered {answered} of {asked} partitions")]
    Incomplete {
        /// How many were asked for.
        asked: usize,
        /// How many came.
        answered: usize,
    },
}

/// One session with one leader; from request to answer and so on, never two requests at a time.
#[derive(Debug, Default)]
pub struct Session {
    /// 0 while there is none.
    id: i32,
    /// The epoch of the next request.
    epoch: i32,
    /// What the leader was told and has not been told to forget.
    told: FxHashMap<PartitionId, Position>,
}

impl Session {
    /// Whether the next request names every partition.
    pub fn is_full(&self) -> bool {
        self.epoch == INITIAL
    }

    /// What the leader was last told of a partition.
    pub fn told(&self, id: PartitionId) -> Option<&Position> {
        self.told.get(&id)
    }

    /// The request that begins a session with all of `wanted`; the one before, if any, ends by it.
    pub fn begin(&mut self, wanted: Vec<(PartitionId, Position)>) -> Plan {
        self.epoch = INITIAL;
        self.told = wanted.iter().copied().collect();
        Plan {
            session_id: self.id,
            session_epoch: INITIAL,
            named: wanted,
            forgotten: Vec::new(),
        }
    }

    /// The session's next request: `changes` are the partitions that may stand elsewhere than the leader knows, each
    /// with its position, or none if it is not to be fetched now.
    pub fn go_on(&mut self, changes: impl IntoIterator<Item = (PartitionId, Option<Position>)>) -> Plan {
        debug_assert!(!self.is_full(), "a full request names every partition");
        let mut plan = Plan {
            session_id: self.id,
            session_epoch: self.epoch,
            ..Plan::default()
        };
        for (id, position) in changes {
            match position {
                Some(position) if self.told.get(&id) == Some(&position) => {}
                Some(position) => {
                    self.told.insert(id, position);
                    plan.named.push((id, position));
                }
                None if self.told.remove(&id).is_some() => plan.forgotten.push(id),
                None => {}
            }
        }
        plan
    }

    /// Takes note of an answer: its session id, error, and partitions.
    pub fn answered(
        &mut self,
        session_id: i32,
        error: ErrorCode,
        partitions: impl Iterator<Item = PartitionId>,
    ) -> Result<(), SessionError> {
        let checked = self.check(error, partitions);
        match checked {
            Ok(()) if session_id == 0 => self.end(),
            Ok(()) => {
                self.id = session_id;
                self.epoch = next_epoch(self.epoch);
            }
            Err(SessionError::Refused(ErrorCode::FetchSessionIdNotFound)) => self.end(),
            Err(_) => self.lose(),
        }
        checked
    }

    fn check(&self, error: ErrorCode, partitions: impl Iterator<Item = PartitionId>) -> Result<(), SessionError> {
        if error != ErrorCode::None {
            return Err(SessionError::Refused(error));
        }
        let mut answered = 0;
        for id in partitions {
            if !self.told.contains_key(&id) {
                return Err(SessionError::NotAsked(id));
            }
            answered += 1;
        }
        let asked = self.told.len();
        if self.is_full() && answered != asked {
            return Err(SessionError::Incomplete { asked, answered });
        }
        Ok(())
    }

    /// The answer to the last request will not come: whether the leader took note of it is not known. The next request
    /// ends the session and begins another.
    pub fn lose(&mut self) {
        self.epoch = INITIAL;
    }

    /// There is no session any more.
    fn end(&mut self) {
        (self.id, self.epoch) = (0, INITIAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PartitionId = PartitionId {
        topic: Uuid([7; 16]),
        index: 0,
    };
    const B: PartitionId = PartitionId {
        topic: Uuid([7; 16]),
        index: 1,
    };
    const C: PartitionId = PartitionId {
        topic: Uuid([8; 16]),
        index: 0,
    };

    fn at(fetch_offset: i64) -> Position {
        Position {
            fetch_offset,
            log_start_offset: 0,
            leader_epoch: 3,
            last_fetched_epoch: 3,
            max_bytes: 1000,
        }
    }

    fn begun() -> Session {
        let mut session = Session::default();
        let plan = session.begin(vec![(A, at(1)), (B, at(2))]);
        assert_eq!((plan.session_id, plan.session_epoch, plan.named.len()), (0, 0, 2));
        session
            .answered(77, ErrorCode::None, [A, B].into_iter())
            .expect("all that was asked for");
        session
    }

    #[test]
    fn only_what_changed_is_said_again() {
        let mut session = begun();
        let plan = session.go_on([(A, Some(at(1))), (B, Some(at(9))), (C, Some(at(0)))]);
        assert_eq!((plan.session_id, plan.session_epoch), (77, 1));
        assert_eq!(plan.named, [(B, at(9)), (C, at(0))]);
        assert_eq!(plan.forgotten, []);
        session
            .answered(77, ErrorCode::None, [C].into_iter())
            .expect("it is in the session");
        let plan = session.go_on([(A, None), (A, None)]);
        assert_eq!((plan.session_epoch, plan.named.len(), plan.forgotten), (2, 0, vec![A]));
        assert_eq!(
            session.answered(77, ErrorCode::None, [A].into_iter()),
            Err(SessionError::NotAsked(A))
        );
        assert!(session.is_full());
    }

    #[test]
    fn a_session_that_was_lost_is_ended_by_the_next() {
        let mut session = begun();
        session.go_on([]);
        session.lose();
        let plan = session.begin(vec![(A, at(1))]);
        assert_eq!(
            (plan.session_id, plan.session_epoch),
            (77, 0),
            "the leader may free its slot"
        );
    }

    #[test]
    fn a_session_that_the_leader_forgot_begins_anew() {
        let mut session = begun();
        session.go_on([]);
        let refused = session.answered(0, ErrorCode::FetchSessionIdNotFound, std::iter::empty());
        assert_eq!(refused, Err(SessionError::Refused(ErrorCode::FetchSessionIdNotFound)));
        assert_eq!(session.begin(vec![(A, at(1))]).session_id, 0);
    }

    #[test]
    fn a_leader_without_a_slot_is_told_everything_each_time() {
        let mut session = Session::default();
        session.begin(vec![(A, at(1))]);
        session
            .answered(0, ErrorCode::None, [A].into_iter())
            .expect("it is whole");
        assert!(session.is_full());
        session.begin(vec![(A, at(1)), (B, at(1))]);
        let answered = session.answered(0, ErrorCode::None, [A].into_iter());
        assert_eq!(answered, Err(SessionError::Incomplete { asked: 2, answered: 1 }));
    }
}
