//! What runs on one host: its runtime, as long as it has power.

use crate::clock::HostClock;
use base::Rng;
use broker::Broker;
use sim::Disk;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// What a host is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It has no power, or its process was killed.
    Off,
    /// Its process has begun, and does not serve yet.
    Starting,
    /// It serves.
    Serving,
    /// Its process has ended by itself, cleanly.
    Ended,
}

/// What the process tells the simulation.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) broker: Option<Arc<Broker>>,
    pub(crate) ended: Option<Result<(), String>>,
}

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) address: IpAddr,
    pub(crate) clock: HostClock,
    pub(crate) disk: Disk,
    pub(crate) rng: Rng,
    pub(crate) runtime: Option<Runtime>,
    pub(crate) told: Arc<Mutex<Told>>,
    pub(crate) stop: Option<watch::Sender<bool>>,
    /// Since when nothing of it runs, though it has power.
    pub(crate) frozen: Option<u64>,
}

/// A runtime whose time stands still unless it is told to go on.
pub(crate) fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without the operating system's help")
}

/// Runs it for one millisecond of its time.
pub(crate) fn run(runtime: &Runtime) {
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
}

/// Lets time pass without running anything: what was due meanwhile is due now.
pub(crate) fn pass(runtime: &Runtime, millis: u64) {
    runtime.block_on(tokio::time::advance(Duration::from_millis(millis)));
}

impl Host {
    pub(crate) fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn life(&self) -> Life {
        let told = self.told();
        match (&self.runtime, &told.ended, &told.broker) {
            (_, Some(_), _) => Life::Ended,
            (None, ..) => Life::Off,
            (Some(_), None, None) => Life::Starting,
            (Some(_), None, Some(_)) => Life::Serving,
        }
    }

    /// All that runs is gone, wherever it was.
    pub(crate) fn end(&mut self) {
        *self.told() = Told::default();
        self.stop = None;
        self.frozen = None;
        self.runtime = None;
    }
}
