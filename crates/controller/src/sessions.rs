//! The brokers' sessions: when each was last heard of and how far it has come. Not in the log: a new leader starts anew.

use crate::state::ControllerState;
use base::{Instant, NodeId, Offset};
use metadata::image::{BrokerEpoch, BrokerImage};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How far one registered broker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    /// The last metadata record it said it applied.
    metadata_offset: Offset,
    /// The end of the records that moved its leaderships away, once it asked to shut down.
    controlled_shutdown_offset: Option<Offset>,
}

const NO_PROGRESS: Progress = Progress {
    metadata_offset: Offset::NONE,
    controlled_shutdown_offset: None,
};

/// What a broker may do; derived from its registration and its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerControlState {
    /// Registered, but not to lead or be seen.
    Fenced,
    /// At work.
    Unfenced,
    /// Handing over its leaderships.
    ControlledShutdown,
    /// It may go.
    ShutdownNow,
}

/// The sessions of all brokers, as the active controller keeps them.
#[derive(Clone, Debug)]
pub struct Sessions {
    timeout: Duration,
    /// When each registration was last heard of.
    contacts: BTreeMap<(NodeId, BrokerEpoch), Instant>,
    progress: BTreeMap<NodeId, Progress>,
    /// Brokers whose connection ended, and that were not heard of since.
    lost: BTreeSet<NodeId>,
}

impl Sessions {
    /// The sessions of a controller that just became active: nobody is fenced at once, every unfenced broker has a whole
    /// session timeout to find it.
    pub fn activate(timeout: Duration, state: &ControllerState, now: Instant) -> Self {
        let mut sessions = Self {
            timeout,
            contacts: BTreeMap::new(),
            progress: BTreeMap::new(),
            lost: BTreeSet::new(),
        };
        for broker in state.image().brokers.iter().filter(|broker| !broker.fenced) {
            sessions.contacts.insert((broker.id, broker.epoch), now);
        }
        sessions
    }

    /// Ends the sessions of a broker that is known to be gone: its next incarnation may register at once.
    pub fn end(&mut self, broker: NodeId) {
        self.contacts.retain(|(id, _), _| *id != broker);
        self.lost.remove(&broker);
    }

    /// Takes note that the broker's connection ended.
    pub fn lose(&mut self, broker: NodeId) {
        self.lost.insert(broker);
    }

    /// Whether the broker's connection ended, and it was not heard of since.
    pub fn is_lost(&self, broker: NodeId) -> bool {
        self.lost.contains(&broker)
    }

    /// Whether that registration of the broker was heard of later than `since`.
    pub fn heard_since(&self, broker: NodeId, epoch: BrokerEpoch, since: Instant) -> bool {
        self.contacts
            .get(&(broker, epoch))
            .is_some_and(|contact| *contact > since)
    }

    /// Takes note of a sign of life.
    pub fn touch(&mut self, broker: NodeId, epoch: BrokerEpoch, now: Instant) {
        self.contacts.insert((broker, epoch), now);
        self.lost.remove(&broker);
    }

    /// Whether that registration of the broker was heard of within the session timeout.
    pub fn is_valid(&self, broker: NodeId, epoch: BrokerEpoch, now: Instant) -> bool {
        let contact = self.contacts.get(&(broker, epoch));
        contact.is_some_and(|contact| now.since(*contact) <= self.timeout)
    }

    /// When the next session runs out, if nothing is heard until then.
    pub fn next_expiry(&self) -> Option<Instant> {
        let expiry = |contact: &Instant| contact.plus(self.timeout).plus(Duration::from_nanos(1));
        self.contacts.values().map(expiry).min()
    }

    /// Removes one session that ran out.
    pub fn take_expired(&mut self, now: Instant) -> Option<(NodeId, BrokerEpoch)> {
        let timeout = self.timeout;
        let expired = self.contacts.iter().find(|(_, contact)| now.since(**contact) > timeout);
        let (key, _) = expired?;
        let key = *key;
        self.contacts.remove(&key);
        Some(key)
    }

    /// Takes note that a new incarnation of the broker registered: it has not come anywhere yet.
    pub fn register(&mut self, broker: NodeId) {
        self.progress.insert(broker, NO_PROGRESS);
    }

    /// Takes note of what a heartbeat said.
    pub fn record_offset(&mut self, broker: NodeId, metadata_offset: Offset) {
        self.progress.entry(broker).or_insert(NO_PROGRESS).metadata_offset = metadata_offset;
    }

    /// Takes note that the broker is fenced: a controlled shutdown is over.
    pub fn fence(&mut self, broker: NodeId) {
        self.progress
            .entry(broker)
            .or_insert(NO_PROGRESS)
            .controlled_shutdown_offset = None;
    }

    /// Takes note that the broker hands over its leaderships with the records up to `offset`; only the first call counts.
    pub fn begin_controlled_shutdown(&mut self, broker: NodeId, offset: Offset) {
        let progress = self.progress.entry(broker).or_insert(NO_PROGRESS);
        progress.controlled_shutdown_offset.get_or_insert(offset);
    }

    /// Forgets a broker that is no longer registered.
    pub fn unregister(&mut self, broker: NodeId) {
        self.progress.remove(&broker);
        self.lost.remove(&broker);
    }

    /// Whether the broker hands over its leaderships.
    pub fn is_shutting_down(&self, broker: NodeId) -> bool {
        self.controlled_shutdown_offset(broker).is_some()
    }

    /// Up to where the others must come before the broker may go.
    pub fn controlled_shutdown_offset(&self, broker: NodeId) -> Option<Offset> {
        self.progress.get(&broker)?.controlled_shutdown_offset
    }

    /// What the broker may do.
    pub fn control_state(&self, broker: &BrokerImage) -> BrokerControlState {
        if self.is_shutting_down(broker.id) {
            BrokerControlState::ControlledShutdown
        } else if broker.fenced {
            BrokerControlState::Fenced
        } else {
            BrokerControlState::Unfenced
        }
    }

    /// How far the slowest of the brokers at work has come; `None` if none is at work.
    pub fn lowest_active_offset(&self, state: &ControllerState) -> Option<Offset> {
        let at_work = state
            .image()
            .brokers
            .unfenced()
            .filter(|broker| !self.is_shutting_down(broker.id));
        at_work
            .map(|broker| {
                self.progress
                    .get(&broker.id)
                    .map_or(Offset::NONE, |progress| progress.metadata_offset)
            })
            .min()
    }
}
