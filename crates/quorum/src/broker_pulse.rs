//! Feels the pulse of the brokers while this node is the active controller: one that hangs or is cut off is fenced long
//! before its session runs out (ADR 15).
//!
//! Silence alone proves little, so it is held against a broker only if there has been a way to it, if most of the others
//! are heard (else it is this node that is cut off), if no heartbeat of it came meanwhile, and if anybody gains by the fence.
//! Whoever is fenced wrongly is back with its next heartbeat, and is given more time from then on.

use crate::active_controller::ActiveController;
use crate::handle::Entrance;
use crate::leader_pulse::SilentLeader;
use crate::pulse::{Beat, Pulse};
use crate::silence::{Mistakes, Silence};
use base::{Clock, Instant, NodeId};
use client::Address;
use controller::op::broker_suspicion::{Suspicion, Verdict, fence_silent};
use metadata::Published;
use metadata::image::{BrokerEpoch, BrokerImage, Listener, SecurityProtocol};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A leader whose silence brought this node into office fell silent no longer ago than this.
const RECENTLY: Duration = Duration::from_secs(5);

/// What all watches share.
#[derive(Clone)]
pub(crate) struct BrokerPulses {
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) own: NodeId,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) clock: Arc<dyn Clock>,
    /// `riverrun.broker.silence.timeout.ms`
    pub(crate) patience: Duration,
    /// `broker.session.timeout.ms`: after that the session decides.
    pub(crate) session: Duration,
    pub(crate) notes: Notes,
}

/// What is known of the brokers.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<BTreeMap<NodeId, Note>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Note {
    silent: Duration,
    mistakes: Mistakes,
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registration, and where it answers.
type Watched = (BrokerEpoch, Address);

impl BrokerPulses {
    /// Runs until the node's part in the quorum ends.
    pub(crate) async fn run(
        self,
        mut active: watch::Receiver<ActiveController>,
        silent: watch::Receiver<Option<SilentLeader>>,
    ) {
        loop {
            let now = active.borrow_and_update().clone();
            if now.id == Some(self.own) {
                let predecessor = silent.borrow().filter(|it| self.clock.now().since(it.at) < RECENTLY);
                let in_office = self.clone().watch_all(predecessor.map(|it| it.id));
                tokio::select! {
                    () = in_office => return,
                    changed = active.changed() => if changed.is_err() { return },
                }
            } else if active.changed().await.is_err() {
                return;
            }
        }
    }

    /// Keeps a watch for each registered broker. Whoever drops it drops them.
    async fn watch_all(mut self, predecessor: Option<NodeId>) {
        self.notes.lock().clear();
        let mut watches: BTreeMap<NodeId, (Watched, Owned)> = BTreeMap::new();
        loop {
            let wanted = self.wanted();
            watches.retain(|id, (watched, _)| wanted.get(id) == Some(watched));
            for (id, watched) in wanted {
                watches.entry(id).or_insert_with(|| {
                    let watch = self.watch(id, &watched, predecessor == Some(id));
                    (watched, Owned(tokio::spawn(watch.keep())))
                });
            }
            if self.published.changed().await.is_err() {
                return;
            }
        }
    }

    fn wanted(&mut self) -> BTreeMap<NodeId, Watched> {
        let published = self.published.borrow_and_update();
        let others = published.image.brokers.iter().filter(|broker| broker.id != self.own);
        others
            .filter_map(|broker| Some((broker.id, (broker.epoch, address(broker)?))))
            .collect()
    }

    fn watch(&self, id: NodeId, (epoch, address): &Watched, is_silent: bool) -> Watch {
        let now = self.clock.now();
        let name = format!("controller-pulse-{}", self.own);
        let mut silence = Silence::new(self.patience, self.session, now);
        if is_silent {
            silence.presume();
        }
        Watch {
            pulse: Pulse::new(address.clone(), client::Entrance::Brokers, name, self.patience),
            is_reached: is_silent,
            silence,
            heard: now,
            fenced: None,
            id,
            epoch: *epoch,
            shared: self.clone(),
        }
    }
}

/// Where a broker can be asked without credentials.
fn address(broker: &BrokerImage) -> Option<Address> {
    let open = |listener: &&Listener| listener.security_protocol == SecurityProtocol::Plaintext;
    let listener = broker.listeners.iter().find(open)?;
    Some(Address {
        host: listener.host.clone(),
        port: listener.port,
    })
}

/// A task that ends when it is dropped.
struct Owned(JoinHandle<()>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The watch of one registration.
struct Watch {
    shared: BrokerPulses,
    id: NodeId,
    epoch: BrokerEpoch,
    pulse: Pulse,
    silence: Silence,
    /// Whether there has been a way to it.
    is_reached: bool,
    /// When it last gave a sign of life.
    heard: Instant,
    /// When it was fenced for its silence.
    fenced: Option<Instant>,
}

impl Watch {
    async fn keep(mut self) {
        if self.is_over() {
            self.decide().await;
        }
        while self.is_due().await {
            match self.pulse.feel(&mut self.silence, &self.shared.clock).await {
                Beat::Answer => self.hear(),
                Beat::Mute => self.is_reached = true,
                Beat::Waiting | Beat::Unreached => {}
            }
            self.note_silence();
            if self.is_over() {
                self.decide().await;
            }
        }
    }

    /// Waits until the broker is at work, or was fenced only just now; `false` if there will be nothing to watch any more.
    async fn is_due(&mut self) -> bool {
        let (id, epoch) = (self.id, self.epoch);
        let is_at_work = |published: &Published| {
            let broker = published.image.brokers.get(id);
            broker.is_some_and(|broker| broker.epoch == epoch && !broker.fenced)
        };
        if is_at_work(&self.shared.published.borrow()) {
            // With a heartbeat, if it was fenced.
            self.come_back();
            return true;
        }
        let now = self.shared.clock.now();
        if self.fenced.is_some_and(|at| now.since(at) < self.shared.session) {
            return true;
        }
        self.fenced = None;
        let is_there = self.shared.published.wait_for(is_at_work).await.is_ok();
        self.rest();
        is_there
    }

    /// There was a sign of life.
    fn rest(&mut self) {
        let now = self.shared.clock.now();
        self.silence.broken(now);
        self.heard = now;
    }

    fn hear(&mut self) {
        self.heard = self.shared.clock.now();
        self.is_reached = true;
        self.come_back();
    }

    /// If it was fenced for its silence, it was so wrongly: its session lasted.
    fn come_back(&mut self) {
        let Some(at) = self.fenced.take() else { return };
        self.rest();
        let silent = self.heard.since(at).as_millis();
        tracing::info!(broker = %self.id, after_ms = silent, "a broker that was fenced for its silence is back");
        self.shared
            .notes
            .lock()
            .entry(self.id)
            .or_default()
            .mistakes
            .add(self.heard);
    }

    fn note_silence(&self) {
        self.shared.notes.lock().entry(self.id).or_default().silent = self.silence.lasts();
    }

    /// Whether the broker has been silent for too long, and this node hears most of the others.
    fn is_over(&self) -> bool {
        if !self.is_reached || self.fenced.is_some() {
            return false;
        }
        let published = self.shared.published.borrow();
        let mut notes = self.shared.notes.lock();
        let factor = notes
            .entry(self.id)
            .or_default()
            .mistakes
            .factor(self.shared.clock.now());
        if !self.silence.is_over(factor) {
            return false;
        }
        // Who is cut off hears nobody; some it may have heard a little later than others.
        let at_work = || published.image.brokers.unfenced().filter(|broker| broker.id != self.id);
        let is_silent = |id: &NodeId| notes.get(id).is_some_and(|note| note.silent > self.shared.patience / 2);
        let silent = 1 + at_work().filter(|broker| is_silent(&broker.id)).count();
        silent * 2 <= 1 + at_work().count()
    }

    async fn decide(&mut self) {
        let suspicion = Suspicion {
            broker: self.id,
            epoch: self.epoch,
            since: self.heard,
            listeners: Vec::new(),
        };
        let silent = self.silence.lasts().as_millis();
        let decided = self
            .shared
            .entrance
            .operate(move |state, cx| fence_silent(state, cx, &suspicion));
        match decided.await {
            Ok(Verdict::Fenced) => {
                tracing::info!(broker = %self.id, silent_ms = silent, "fenced a broker that does not answer");
                self.fenced = Some(self.shared.clock.now());
            }
            // A heartbeat came, or it is another process by now.
            Ok(Verdict::Refuted) => self.rest(),
            // Its session decides; or this node is not in office any more.
            Ok(Verdict::Spared) | Err(_) => {}
        }
    }
}
