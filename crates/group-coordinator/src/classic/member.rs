//! A member of a group.

use bytes::Bytes;
use coordinator_runtime::Token;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A way of dividing the work that a member can do, with what it says about itself in that protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// For consumers, the assignor.
    pub name: Arc<str>,
    /// The member's subscription, opaque to the coordinator.
    pub metadata: Bytes,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its id, given by the coordinator.
    pub id: Arc<str>,
    /// Its static name (KIP-345).
    pub instance_id: Option<Arc<str>>,
    /// As the client calls itself.
    pub client_id: Arc<str>,
    /// Where it is, with Java's leading slash.
    pub client_host: Arc<str>,
    /// How long it may take to rejoin.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// In the order of its preference.
    pub protocols: Vec<Protocol>,
    /// Its part of the work in this generation.
    pub assignment: Bytes,
    /// Who waits for the answer to its JoinGroup.
    pub(crate) awaiting_join: Option<Token>,
    /// Who waits for the answer to its SyncGroup.
    pub(crate) awaiting_sync: Option<Token>,
    /// Its first join was not answered yet: it cannot send heartbeats.
    pub(crate) is_new: bool,
}

impl Member {
    /// What it says about itself in a protocol.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|known| known.name.as_ref() == protocol);
        found.map_or_else(Bytes::new, |known| known.metadata.clone())
    }

    /// The first of its protocols that everybody can do.
    pub(crate) fn vote(&self, counts: &BTreeMap<Arc<str>, usize>, members: usize) -> Option<Arc<str>> {
        let everyones = |protocol: &&Protocol| counts.get(&protocol.name) == Some(&members);
        self.protocols
            .iter()
            .find(everyones)
            .map(|protocol| Arc::clone(&protocol.name))
    }

    /// Whether its silence is no reason to remove it: it waits for us.
    pub(crate) fn waits_for_us(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    pub(crate) fn session_timeout(&self) -> Duration {
        millis(self.session_timeout_ms)
    }
}

/// Milliseconds from the wire; negative counts as 0.
pub(crate) fn millis(millis: i32) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
