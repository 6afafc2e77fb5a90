//! Putting the cleaner's output in the place of its inputs.

use super::output::remove_cleaned;
use crate::deletion::Doomed;
use crate::error::StorageError;
use crate::home::Home;
use crate::log::Log;
use crate::retention::Retired;
use crate::segment::Segment;
use std::io;
use std::sync::Arc;

/// An output that is whole and on stable storage, and what it was made from.
#[derive(Debug)]
#[must_use = "it must be installed or discarded"]
pub struct Cleaned {
    pub(super) home: Arc<Home>,
    pub(super) inputs: Vec<Arc<Segment>>,
    pub(super) output: Arc<Segment>,
}

impl Cleaned {
    /// Removes the output: the log has changed under it.
    pub fn discard(self) -> io::Result<()> {
        remove_cleaned(&self.home, self.output.base())
    }
}

/// An output that is part of the log; the files have yet to follow.
#[derive(Debug)]
#[must_use = "the files must follow"]
pub struct Swap {
    cleaned: Cleaned,
}

impl Log {
    /// Puts the output into the list of segments, if its inputs are still there; else gives it back. Until
    /// [`Log::finish_swap`] no segment leaves the log.
    pub fn install(&mut self, cleaned: Cleaned) -> Result<Swap, Cleaned> {
        let first = self
            .segments
            .iter()
            .position(|segment| Arc::ptr_eq(segment, &cleaned.inputs[0]));
        let Some(first) = first.filter(|_| !self.offline && !self.swapping) else {
            return Err(cleaned);
        };
        let range = first..first + cleaned.inputs.len();
        // The last segment is never cleaned, so the range ends before it.
        let found = self
            .segments
            .get(range.clone())
            .filter(|_| range.end < self.segments.len());
        let same = |found: &[Arc<Segment>]| found.iter().zip(&cleaned.inputs).all(|(a, b)| Arc::ptr_eq(a, b));
        if !found.is_some_and(same) {
            return Err(cleaned);
        }
        let output = Arc::clone(&cleaned.output);
        Arc::make_mut(&mut self.segments).splice(range, [output]);
        self.swapping = true;
        Ok(Swap { cleaned })
    }

    /// Notes how [`Swap::finish`] went: answers what is to be removed later, once the rest of it is renamed too, or takes the
    /// log offline.
    pub fn finish_swap(&mut self, swap: Swap, finished: Result<Doomed, StorageError>) -> Result<Retired, StorageError> {
        self.swapping = false;
        self.writing(|log| {
            let renamed = finished?;
            let inputs = swap.cleaned.inputs[1..].iter().map(|input| input.base());
            Ok(Retired {
                home: Arc::clone(&log.home),
                segments: Vec::new(),
                snapshots: inputs.filter(|base| log.producers.release_snapshot(*base)).collect(),
                renamed,
            })
        })
    }
}

impl Swap {
    /// Renames the files, without the lock: the output's to `.swap`, the inputs' to `.deleted`, the output's to what the
    /// log's are called. Each step is on stable storage before the next, so that a crash finds one of few states.
    pub fn finish(&self) -> Result<Doomed, StorageError> {
        let Cleaned { home, inputs, output } = &self.cleaned;
        for input in inputs {
            input.hold()?;
        }
        output.begin_swap()?;
        home.fs.sync_dir(&home.dir())?;
        let mut doomed = Doomed {
            segments: inputs.len(),
            files: Vec::new(),
        };
        for input in inputs {
            doomed.files.extend(input.mark_deleted()?);
        }
        home.fs.sync_dir(&home.dir())?;
        output.end_swap()?;
        output.rest()?;
        Ok(doomed)
    }
}
