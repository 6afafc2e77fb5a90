//! The log cleaner's host: threads that look for the dirtiest compacted log and clean it (`log.cleaner.*`).
//!
//! A log whose cleaning fails for a reason of its own (a damaged batch, a map too small for one of its batches) is left
//! alone until the next start, and counted. The settings are read anew for every log, so that a change of a dynamic config
//! holds from the next one on, and the pace at once.

mod choose;
mod measures;
mod pass;
mod throttle;

pub use measures::Measures;

use crate::Broker;
use crate::removals::Removals;
use base::TopicPartition;
use base::metric::Registry;
use network::tick;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;
use storage::cleaner::{Cleaner, CleanerSettings};
use throttle::Throttle;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{error, info};

/// How often it is looked whether a thread must begin or has failed.
const LOOK: Duration = Duration::from_secs(5);

/// What the cleaner's threads share.
#[derive(Debug)]
pub struct LogCleaner {
    state: Mutex<State>,
    throttle: Throttle,
    measures: Measures,
}

#[derive(Debug, Default)]
struct State {
    in_progress: BTreeSet<TopicPartition>,
    /// By log directory.
    uncleanable: BTreeMap<PathBuf, BTreeSet<TopicPartition>>,
}

/// A partition that is not cleaned meanwhile.
#[derive(Debug)]
pub(crate) struct SetAside<'a> {
    cleaner: &'a LogCleaner,
    partition: TopicPartition,
}

impl Drop for SetAside<'_> {
    fn drop(&mut self) {
        self.cleaner.state().in_progress.remove(&self.partition);
    }
}

impl LogCleaner {
    /// A cleaner that has nothing in progress; its figures go to `registry`.
    pub fn new(registry: &Registry) -> Self {
        Self {
            state: Mutex::default(),
            throttle: Throttle::default(),
            measures: Measures::new(registry),
        }
    }

    /// Keeps the cleaner from a partition as long as what is answered is there; nothing if it is being cleaned.
    pub(crate) fn set_aside(&self, partition: &TopicPartition) -> Option<SetAside<'_>> {
        let is_free = self.state().in_progress.insert(partition.clone());
        is_free.then(|| SetAside {
            cleaner: self,
            partition: partition.clone(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it looks at the cleaner's state")
    }
}

/// Keeps `log.cleaner.threads` threads running until the broker stops, and waits for them then.
pub async fn run(broker: Arc<Broker>, removals: Removals) {
    if !broker.config.load().cleaner.log_cleaner_enable {
        info!("log.cleaner.enable is false: compacted topics are not compacted");
        return;
    }
    measures::show(&broker);
    let mut stopping = broker.stopping.clone();
    let mut threads: Vec<Option<JoinHandle<()>>> = Vec::new();
    while !*stopping.borrow() {
        let wanted = usize::try_from(broker.config.load().cleaner.log_cleaner_threads).unwrap_or(0);
        threads.resize_with(threads.len().max(wanted), || None);
        for (number, thread) in threads.iter_mut().enumerate() {
            if thread.as_ref().is_some_and(JoinHandle::is_finished) && thread.take().is_some_and(|t| t.join().is_err())
            {
                error!(number, "a thread of the log cleaner failed; it begins anew");
            }
            if thread.is_none() && number < wanted {
                *thread = spawn(&broker, &removals, number);
            }
        }
        rest(LOOK, &mut stopping).await;
    }
    let ended = network::thread::beside(move || {
        for thread in threads.into_iter().flatten() {
            if thread.join().is_err() {
                error!("a thread of the log cleaner failed");
            }
        }
    });
    if ended.await.is_err() {
        error!("the log cleaner was not waited for");
    }
}

/// Waits for about as long, or until the broker stops.
async fn rest(interval: Duration, stopping: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = tick::pause(interval) => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

fn spawn(broker: &Arc<Broker>, removals: &Removals, number: usize) -> Option<JoinHandle<()>> {
    let (broker, removals, tokio) = (Arc::clone(broker), removals.clone(), Handle::current());
    let thread = std::thread::Builder::new().name(format!("log-cleaner-{number}"));
    let spawned = thread.spawn(move || work(&broker, &removals, number, &tokio));
    spawned
        .inspect_err(|error| error!(%error, "a thread of the log cleaner cannot begin"))
        .ok()
}

/// What one thread does until the broker stops or fewer threads are wanted.
fn work(broker: &Broker, removals: &Removals, number: usize, tokio: &Handle) {
    let mut cleaner: Option<(CleanerSettings, Cleaner)> = None;
    while is_wanted(broker, number) {
        let settings = settings(broker);
        if cleaner.as_ref().is_none_or(|(old, _)| *old != settings) {
            cleaner = Some((settings, Cleaner::new(settings, secret(broker))));
        }
        let Some((_, means)) = &mut cleaner else { return };
        let cleaned = match choose::dirtiest(broker) {
            Some(chosen) => pass::clean(broker, removals, number, means, chosen),
            None => pass::Cleaned::No,
        };
        if cleaned == pass::Cleaned::No {
            means.rest();
            let backoff = broker.config.load().cleaner.log_cleaner_backoff;
            // Kafka allows 0, which would keep this thread busy.
            let backoff = backoff.max(Duration::from_millis(1));
            let mut stopping = broker.stopping.clone();
            tokio.block_on(rest(backoff, &mut stopping));
        }
    }
}

fn is_wanted(broker: &Broker, number: usize) -> bool {
    let threads = usize::try_from(broker.config.load().cleaner.log_cleaner_threads).unwrap_or(0);
    !*broker.stopping.borrow() && number < threads
}

/// One thread's share of the memory.
fn settings(broker: &Broker) -> CleanerSettings {
    let config = broker.config.load();
    let config = &config.cleaner;
    let threads = usize::try_from(config.log_cleaner_threads).unwrap_or(1).max(1);
    let dedupe = usize::try_from(config.log_cleaner_dedupe_buffer_size).unwrap_or(0);
    let io = usize::try_from(config.log_cleaner_io_buffer_size).unwrap_or(0);
    CleanerSettings {
        map_bytes: dedupe / threads,
        load_factor: config.log_cleaner_io_buffer_load_factor,
        // Half to read, half to write.
        io_bytes: io / threads / 2,
    }
}

fn secret(broker: &Broker) -> (u64, u64) {
    let mut rng = broker.rng.lock().expect("no code panics while it draws a number");
    (rng.next_u64(), rng.next_u64())
}
