//! Feels the pulse of the quorum's leader, on every node that follows one (ADR 15).
//!
//! A leader that hangs, or is cut off, keeps its connections, and `controller.quorum.fetch.timeout.ms` is long. Here its
//! silence is noticed sooner; what follows from it the machine decides (`Raft::on_leader_silent`).

use crate::active_controller::ActiveController;
use crate::driver::Command;
use crate::pulse::Pulse;
use crate::silence::{Mistakes, Silence};
use base::{Clock, Instant, LeaderEpoch, NodeId};
use client::{Address, Entrance};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// A leader that fell silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SilentLeader {
    /// Who.
    pub(crate) id: NodeId,
    /// When it was last found to be silent.
    pub(crate) at: Instant,
}

/// What it takes.
pub(crate) struct LeaderPulse {
    pub(crate) own: NodeId,
    pub(crate) active: watch::Receiver<ActiveController>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) clock: Arc<dyn Clock>,
    /// `riverrun.controller.silence.timeout.ms`
    pub(crate) patience: Duration,
    /// `controller.quorum.fetch.timeout.ms`: after that the machine needs no telling.
    pub(crate) longest: Duration,
    /// Who was silent, for whoever takes its place.
    pub(crate) silent: watch::Sender<Option<SilentLeader>>,
}

impl LeaderPulse {
    /// Runs until the node's part in the quorum ends.
    pub(crate) async fn run(mut self) {
        let mut changes = Mistakes::default();
        loop {
            let known = self.active.borrow_and_update().clone();
            match known.id.zip(known.address) {
                Some((leader, address)) if leader != self.own => {
                    if self.follow(leader, known.epoch, address, &mut changes).await.is_none() {
                        return;
                    }
                }
                Some(_) | None => {
                    if self.active.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Feels this leader's pulse until there is another one; `None` once the node stops.
    async fn follow(
        &mut self,
        leader: NodeId,
        epoch: LeaderEpoch,
        address: Address,
        changes: &mut Mistakes,
    ) -> Option<()> {
        let name = format!("raft-pulse-{}", self.own);
        let mut pulse = Pulse::new(address, Entrance::Controllers, name, self.patience);
        let mut silence = Silence::new(self.patience, self.longest, self.clock.now());
        let mut told = false;
        loop {
            tokio::select! {
                biased;
                changed = self.active.changed() => {
                    changed.ok()?;
                    let now = self.active.borrow().clone();
                    if now.epoch != epoch && told {
                        changes.add(self.clock.now());
                    }
                    if now.epoch != epoch || now.id != Some(leader) {
                        return Some(());
                    }
                }
                _ = pulse.feel(&mut silence, &self.clock) => {}
            }
            if silence.is_over(changes.factor(self.clock.now())) {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!(%leader, %epoch, silent_ms = silence.lasts().as_millis(), "the leader of the metadata quorum is silent");
                }
                self.tell(leader, epoch).await?;
            }
        }
    }

    async fn tell(&self, id: NodeId, epoch: LeaderEpoch) -> Option<()> {
        let at = self.clock.now();
        self.silent.send_replace(Some(SilentLeader { id, at }));
        let silent = self.patience;
        let tell = Command::Inspect(Box::new(move |replica| replica.on_leader_silent(epoch, silent)));
        self.commands.send(tell).await.ok()
    }
}
