//! What a fetcher knows of its leader: the session, the partitions, and how each stands.

use super::followed::Partitions;
use super::lane::Follow;
use super::request;
use super::session::{Plan, Session};
use crate::Broker;
use base::NodeId;
use partition::Truncated;
use std::sync::Arc;
use tokio::time::Instant;

/// A fetcher's state, without its connection.
pub(super) struct Following {
    pub(super) broker: Arc<Broker>,
    /// The leader.
    pub(super) source: NodeId,
    pub(super) session: Session,
    pub(super) partitions: Partitions,
}

impl Following {
    pub(super) fn new(broker: Arc<Broker>, source: NodeId) -> Self {
        Self {
            broker,
            source,
            session: Session::default(),
            partitions: Partitions::default(),
        }
    }

    /// What the next request asks for; nothing if no partition is ready.
    pub(super) fn plan(&mut self, now: Instant) -> Option<Plan> {
        let most = self.broker.config.load().replication.replica_fetch_max_bytes;
        let is_exceeded = self.broker.throttles.follower.is_exceeded(self.broker.clock.now());
        let is_held = |follow: &Follow| is_exceeded && follow.hosted.throttled().as_follower;
        let source = self.source;
        let position = |follow: &Follow| request::position(source, follow, most);
        self.partitions.plan(&mut self.session, now, position, is_held)
    }

    /// Counts what came for a partition.
    pub(super) fn count(&self, follow: &Follow, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.broker.measures.replication.bytes_in.add(bytes as u64);
        if follow.hosted.throttled().as_follower {
            self.broker
                .throttles
                .follower
                .count(bytes as u64, self.broker.clock.now());
        }
    }

    /// What was cut off goes once its delay is over.
    pub(super) fn remove_later(&self, follow: &Follow, truncated: Truncated) {
        let delay = follow.hosted.lock_quietly().log().config().file_delete_delay_ms;
        self.broker.fetchers.removals().files(truncated.doomed, delay);
    }
}
