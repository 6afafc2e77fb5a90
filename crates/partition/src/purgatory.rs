//! Requests that wait for a partition: fetches for more records, produces for the high watermark.

use crate::wakes::{Signal, Wakes};
use base::Offset;
use std::sync::Arc;

/// Those who wait for one partition. Empty, it takes no memory of its own.
#[derive(Debug, Default)]
pub struct Purgatory {
    waiting: Vec<Waiting>,
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
        match self
            .waiting
            .iter_mut()
            .find(|waiting| Arc::ptr_eq(&waiting.signal, signal))
        {
            Some(waiting) => waiting.until = until,
            None => self.waiting.push(Waiting {
                until,
                signal: Arc::clone(signal),
            }),
        }
    }

    /// Takes `signal` out, if it is in.
    pub fn leave(&mut self, signal: &Arc<Signal>) {
        self.waiting.retain(|waiting| !Arc::ptr_eq(&waiting.signal, signal));
    }

    /// Those whose offset has been reached.
    pub fn reached(&mut self, offset: Offset) -> Wakes {
        if self.waiting.is_empty() {
            return Wakes::none();
        }
        let mut due = Vec::new();
        self.waiting.retain(|waiting| {
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
        Wakes::these(self.waiting.drain(..).map(|waiting| waiting.signal).collect())
    }
}
