//! A broker that may be gone: its connection to the controller ended, or a controller that has just become active has not
//! heard of it yet (ADR 11), or it does not answer (ADR 15). What proves it is found out elsewhere; here it is decided what follows.

use super::Outcome;
use crate::context::OpContext;
use crate::fencing;
use crate::state::ControllerState;
use base::{Instant, NodeId};
use metadata::image::{BrokerEpoch, BrokerImage, Listener};

/// That a broker may be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// The broker.
    pub broker: NodeId,
    /// Which registration of it.
    pub epoch: BrokerEpoch,
    /// Since when: a later sign of life refutes it.
    pub since: Instant,
    /// Where the broker would answer, if it lived.
    pub listeners: Vec<Listener>,
}

/// The unfenced brokers.
pub fn at_work(state: &ControllerState) -> Outcome<Vec<NodeId>> {
    let brokers = state.image().brokers.iter().filter(|broker| !broker.fenced);
    Outcome::unchanged(brokers.map(|broker| broker.id).collect())
}

/// Takes note that the way to a broker is lost; none if it is not registered.
pub fn suspect(state: &ControllerState, cx: &mut OpContext<'_>, broker: NodeId) -> Outcome<Option<Suspicion>> {
    let Some(registration) = state.broker(broker) else {
        return Outcome::unchanged(None);
    };
    cx.sessions.lose(broker);
    Outcome::unchanged(Some(Suspicion {
        broker,
        epoch: registration.epoch,
        since: cx.now,
        listeners: registration.listeners.clone(),
    }))
}

/// Whether nothing refutes a suspicion yet.
pub fn holds(state: &ControllerState, cx: &OpContext<'_>, suspicion: &Suspicion) -> Outcome<bool> {
    Outcome::unchanged(suspected(state, cx, suspicion).is_some())
}

/// The broker's process has ended: it is fenced, and its next incarnation may register at once. Unless something refutes
/// it; answers whether nothing did.
pub fn confirm(state: &ControllerState, cx: &mut OpContext<'_>, suspicion: &Suspicion) -> Outcome<bool> {
    let Some(broker) = suspected(state, cx, suspicion) else {
        return Outcome::unchanged(false);
    };
    cx.sessions.end(broker.id);
    if broker.fenced {
        return Outcome::unchanged(true);
    }
    cx.sessions.fence(broker.id);
    Outcome::splittable(fencing::fence(state, cx.settings, broker), true)
}

/// What becomes of a broker that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is fenced, as if its session had run out.
    Fenced,
    /// It was heard of meanwhile, or is registered anew.
    Refuted,
    /// Nobody would gain by its fence: its session decides.
    Spared,
}

/// The broker does not answer, though its session lasts: it is fenced, if that gives any partition a leader, or in-sync
/// replicas, that answer.
pub fn fence_silent(state: &ControllerState, cx: &mut OpContext<'_>, suspicion: &Suspicion) -> Outcome<Verdict> {
    let Some(broker) = suspected(state, cx, suspicion) else {
        return Outcome::unchanged(Verdict::Refuted);
    };
    if broker.fenced || !fencing::is_of_use(state, broker) {
        return Outcome::unchanged(Verdict::Spared);
    }
    cx.sessions.end(broker.id);
    cx.sessions.fence(broker.id);
    Outcome::splittable(fencing::fence(state, cx.settings, broker), Verdict::Fenced)
}

fn suspected<'a>(state: &'a ControllerState, cx: &OpContext<'_>, suspicion: &Suspicion) -> Option<&'a BrokerImage> {
    let broker = state.broker(suspicion.broker)?;
    let same = broker.epoch == suspicion.epoch;
    let silent = !cx.sessions.heard_since(broker.id, broker.epoch, suspicion.since);
    (same && silent).then_some(broker.as_ref())
}
