//! How far records are committed.

use crate::leadership::{Leading, Role};
use crate::partition::Partition;
use crate::wakes::Wakes;
use base::{Instant, Offset};

impl Partition {
    /// Records below this are on all in-sync replicas.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Records below this belong to no open transaction.
    pub fn last_stable_offset(&self) -> Offset {
        self.log
            .first_unstable_offset()
            .map_or(self.high_watermark, |first| first.min(self.high_watermark))
    }

    /// Time has passed, or a broker is no longer at work: a replica out of sync that held the high watermark back, as it kept up, may
    /// do so no more. At a partition where nothing is appended nobody else looks.
    pub fn look_again(&mut self, now: Instant) -> Wakes {
        if let Ok(leading) = self.role.leading_mut() {
            leading.tell_time(now);
        }
        self.advance_high_watermark()
    }

    /// Moves the high watermark as far as the replicas allow: never back.
    pub(crate) fn advance_high_watermark(&mut self) -> Wakes {
        let allowed = match &self.role {
            Role::Leader(leading) => self.committed_end(leading),
            // What was appended before may still come to stable storage, and be answered, while this node shuts down.
            Role::NotLeader(_) => self.is_alone_after_resigning().then(|| self.own_end()),
        };
        match allowed {
            Some(reached) if reached > self.high_watermark => self.move_high_watermark(reached),
            _ => Wakes::none(),
        }
    }

    /// What everyone has who must: the leader, the in-sync replicas with one that is being let in, and whoever keeps up
    /// and may be let in next, lest it be left behind for good. None while fewer than `min.insync.replicas` are in sync
    /// (KIP-966): what is committed is then never in fewer places than the topic asks for.
    fn committed_end(&self, leading: &Leading) -> Option<Offset> {
        let in_sync = leading.leadership.isr.len();
        if in_sync < leading.leadership.effective_min_isr(self.min_insync_replicas) {
            return None;
        }
        let end = self.log.log_end_offset();
        let lag = self.brokers.replica_lag_time_max();
        let maximal = leading.maximal_isr();
        let counts = leading.followers.iter().filter(|(node, follower)| {
            maximal.contains(node)
                || (follower.is_caught_up(end, leading.now, lag)
                    && self.brokers.may_join(**node, follower.broker_epoch))
        });
        Some(
            counts
                .map(|(_, follower)| follower.log_end)
                .fold(self.own_end(), Offset::min),
        )
    }

    /// Up to where this replica's own word is good. With `riverrun.durability=flush` that is where its log is on stable
    /// storage: nobody sees what a power cut could take back.
    pub(crate) fn own_end(&self) -> Offset {
        let end = self.log.acknowledged_end();
        self.cut_to.map_or(end, |cut| cut.min(end))
    }

    pub(crate) fn move_high_watermark(&mut self, reached: Offset) -> Wakes {
        self.high_watermark = reached;
        self.log.high_watermark_moved(reached);
        let mut wakes = self.fetches.reached(reached);
        wakes.merge(self.stable_fetches.reached(self.last_stable_offset()));
        wakes.merge(self.produces.reached(reached));
        wakes
    }
}
