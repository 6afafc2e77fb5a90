//! How far a replica has come, as its leader sees it.

use base::{Offset, Timestamp};

/// What the leader knows of one replica from its fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaProgress {
    /// The end of its log: the offset it last asked for.
    pub end: Option<Offset>,
    /// When it last asked.
    pub last_fetch: Timestamp,
    /// When it last had everything the leader had.
    pub last_caught_up: Timestamp,
    leader_end_at_last_fetch: Offset,
}

impl ReplicaProgress {
    /// Nothing heard yet.
    pub(crate) const SILENT: Self = Self {
        end: None,
        last_fetch: Timestamp::NONE,
        last_caught_up: Timestamp::NONE,
        leader_end_at_last_fetch: Offset::NONE,
    };

    /// It asked for `fetched` when the leader's log ended at `leader_end`.
    pub(crate) fn on_fetch(&mut self, now: Timestamp, fetched: Offset, leader_end: Offset) {
        if fetched >= leader_end {
            self.last_caught_up = self.last_caught_up.max(now);
        } else if self.leader_end_at_last_fetch > Offset::ZERO && fetched >= self.leader_end_at_last_fetch {
            // What it lacks came after its previous fetch: it was caught up then.
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.end = Some(fetched);
        self.last_fetch = self.last_fetch.max(now);
        self.leader_end_at_last_fetch = leader_end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_caught_up_when_it_has_what_the_leader_had_at_its_previous_fetch() {
        let mut progress = ReplicaProgress::SILENT;
        for (now, fetched, leader_end, caught_up) in [
            (10, 0, 5, -1),
            (20, 5, 5, 20),
            (30, 5, 9, 20),
            (40, 7, 12, 20),
            (50, 12, 15, 40),
        ] {
            progress.on_fetch(Timestamp(now), Offset(fetched), Offset(leader_end));
            assert_eq!(progress.last_caught_up, Timestamp(caught_up), "at {now}");
            assert_eq!(
                (progress.end, progress.last_fetch),
                (Some(Offset(fetched)), Timestamp(now))
            );
        }
    }
}
