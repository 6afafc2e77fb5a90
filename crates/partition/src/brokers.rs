//! What a leader has to know of the brokers that its followers run on.

use base::{BrokerEpoch, NodeId};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// A broker as it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerStanding {
    /// Its registration.
    pub epoch: BrokerEpoch,
    /// Whether it is at work.
    pub state: BrokerState,
}

/// Whether a broker is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerState {
    /// It is.
    Active,
    /// It is, but asked to shut down: it joins no in-sync replicas any more.
    ShuttingDown,
    /// The controller has not heard of it for too long.
    Fenced,
}

/// The registered brokers, and how long one may lag: shared by all partitions of a node, kept up by its host whenever
/// the cluster's metadata changes.
#[derive(Debug)]
pub struct Brokers {
    replica_lag_time_max: Duration,
    registered: RwLock<BTreeMap<NodeId, BrokerStanding>>,
}

impl Brokers {
    /// None yet; `replica_lag_time_max` is `replica.lag.time.max.ms`.
    pub fn new(replica_lag_time_max: Duration) -> Self {
        Self {
            replica_lag_time_max,
            registered: RwLock::default(),
        }
    }

    /// Takes over the brokers of a new image.
    pub fn replace(&self, registered: BTreeMap<NodeId, BrokerStanding>) {
        *self.registered.write().unwrap_or_else(PoisonError::into_inner) = registered;
    }

    /// One broker, if it is registered.
    pub fn standing(&self, node: NodeId) -> Option<BrokerStanding> {
        // Nothing panics while it is replaced: it is one assignment.
        let registered = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        registered.get(&node).copied()
    }

    /// How long a replica may be behind the leader's end before it is no longer in sync.
    pub fn replica_lag_time_max(&self) -> Duration {
        self.replica_lag_time_max
    }

    /// Whether a broker that last fetched with the registration `fetched_as` may join the in-sync replicas: it is at
    /// work, and has not restarted since it fetched (KIP-903). One that names no registration (-1) is an old one.
    pub(crate) fn may_join(&self, node: NodeId, fetched_as: Option<BrokerEpoch>) -> bool {
        let Some(fetched_as) = fetched_as else { return false };
        self.standing(node).is_some_and(|standing| {
            standing.state == BrokerState::Active && (fetched_as == BrokerEpoch::NONE || fetched_as == standing.epoch)
        })
    }

    /// Whether a fetch with the registration `fetching_as` comes from a broker that has been registered anew since, and
    /// so may have lost what it acknowledges.
    pub(crate) fn is_outdated(&self, node: NodeId, fetching_as: BrokerEpoch) -> bool {
        let registered = self
            .standing(node)
            .filter(|standing| standing.state != BrokerState::Fenced);
        fetching_as != BrokerEpoch::NONE && registered.is_some_and(|standing| standing.epoch > fetching_as)
    }

    /// Whether the broker is registered and not fenced.
    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        self.standing(node)
            .is_some_and(|standing| standing.state != BrokerState::Fenced)
    }
}
