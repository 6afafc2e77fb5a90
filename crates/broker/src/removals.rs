//! What was deleted and renamed away, removed once its delay is over (`file.delete.delay.ms`).

use crate::Broker;
use base::{Clock, Instant};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use storage::Doomed;
use tokio::sync::mpsc;
use tracing::warn;

/// How many removals may wait; more wait for the queue.
const REMOVALS: usize = 100_000;

/// Something to be removed once its delay is over.
#[derive(Debug)]
pub enum Removal {
    /// A partition's directory.
    Directory(PathBuf),
    /// Files of segments.
    Files(Doomed),
}

/// The queue of what is to be removed later.
#[derive(Clone, Debug)]
pub struct Removals {
    queue: mpsc::Sender<(Instant, Removal)>,
    clock: Arc<dyn Clock>,
}

impl Removals {
    /// A queue, and the end from which [`remove_when_due`] takes.
    pub fn new(clock: Arc<dyn Clock>) -> (Self, Due) {
        let (queue, due) = mpsc::channel(REMOVALS);
        (Self { queue, clock }, Due { queue: due })
    }

    /// A partition's directory, already renamed away.
    pub fn directory(&self, path: PathBuf, delay_ms: i64) {
        self.push(Removal::Directory(path), delay_ms);
    }

    /// Segment files, already renamed away.
    pub fn files(&self, doomed: Doomed, delay_ms: i64) {
        if !doomed.files.is_empty() {
            self.push(Removal::Files(doomed), delay_ms);
        }
    }

    fn push(&self, removal: Removal, delay_ms: i64) {
        let due = self
            .clock
            .now()
            .plus(Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0)));
        if let Err(error) = self.queue.try_send((due, removal)) {
            // Names with `.deleted` and `-delete` are removed at the next start.
            warn!(%error, "too much waits to be removed; it stays until the next start");
        }
    }
}

/// The far end of [`Removals`].
#[derive(Debug)]
pub struct Due {
    queue: mpsc::Receiver<(Instant, Removal)>,
}

impl Due {
    /// What was asked for next, if anything was.
    #[cfg(test)]
    pub(crate) fn next(&mut self) -> Option<Removal> {
        self.queue.try_recv().ok().map(|(_, removal)| removal)
    }
}

/// Removes what is due, as long as anyone can ask for more.
pub async fn remove_when_due(broker: Arc<Broker>, mut due: Due) {
    let mut waiting: BTreeMap<Instant, Vec<Removal>> = BTreeMap::new();
    loop {
        let first = waiting.keys().next();
        let wait = first.map_or(Duration::MAX, |at| at.since(broker.clock.now()));
        tokio::select! {
            asked = due.queue.recv() => match asked {
                Some((at, removal)) => waiting.entry(at).or_default().push(removal),
                None => return,
            },
            () = tokio::time::sleep(wait) => {
                if let Some((_, removals)) = waiting.pop_first() {
                    remove(&broker, removals).await;
                }
            }
        }
    }
}

async fn remove(broker: &Broker, removals: Vec<Removal>) {
    for removal in removals {
        let fs = Arc::clone(&broker.fs);
        let removed = network::thread::beside(move || match &removal {
            Removal::Directory(path) => fs.remove_dir(path).map_err(|error| error.to_string()),
            Removal::Files(doomed) => doomed.remove(fs.as_ref()).map_err(|error| error.to_string()),
        });
        if let Ok(Err(error)) = removed.await {
            warn!(%error, "deleted files cannot be removed");
        }
    }
}
