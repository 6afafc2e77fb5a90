//! Requests that wait for a partition: fetches for more records, produces for the high watermark.

use crate::wakes::{Signal, Wakes};
use base::Offset;
use std::sync::Arc;

/// Those who wait for one partition. A partition has several, and hardly anybody waits in any: while nobody ever did, it is a
/// pointer to nothing.
#[derive(Debug, Default)]
pub struct Purgatory {
    #[allow(
        clippy::box_collection,
        reason = "a third of a list's size, in each of six for each of thousands of partitions"
    )]
    waiting: Option<Box<Vec<Waiting>>>,
}

#[derive(Debug)]
struct Waiting {
    /// Wake once the watched offset has reached this.
    until: Offset,
    signal: Arc<Signal>,
}

impl Purgatory {
    /// Parks `signal` until the watched offset is at least `until`. A signal waits at most once per partition: parking it
    /// again moves it.
    pub fn park(&mut self, signal: &Arc<Signal>, until: Offset) {
        let waiting = self.waiting.get_or_insert_default();
        match waiting.iter_mut().find(|waiting| Arc::ptr_eq(&waiting.signal, signal)) {
            Some(waiting) => waiting.until = until,
            None => waiting.push(Waiting {
                until,
                signal: Arc::clone(signal),
            }),
        }
    }

    /// Takes `signal` out, if it is in.
    pub fn leave(&mut self, signal: &Arc<Signal>) {
        if let Some(waiting) = &mut self.waiting {
            waiting.retain(|waiting| !Arc::ptr_eq(&waiting.signal, signal));
        }
    }

    /// Those whose offset has been reached.
    pub fn reached(&mut self, offset: Offset) -> Wakes {
        let Some(waiting) = self.waiting.as_mut().filter(|waiting| !waiting.is_empty()) else {
            return Wakes::none();
        };
        let mut due = Vec::new();
        waiting.retain(|waiting| {
            let is_due = waiting.until <= offset;
            if is_due {
                due.push(Arc::clone(&waiting.signal));
            }
            !is_due
        });
        Wakes::these(due)
    }

    /// Everyone: the partition is no longer ours, was truncated or is deleted, and each must look again.
    pub fn everyone(&mut self) -> Wakes {
        let waiting = self.waiting.take().unwrap_or_default();
        Wakes::these(waiting.into_iter().map(|waiting| waiting.signal).collect())
    }
}
