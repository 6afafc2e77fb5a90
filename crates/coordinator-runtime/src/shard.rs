//! The contract between a shard and its runtime.

use base::Offset;

/// A state that is the fold of a log of records.
///
/// `Clone` is the version mechanism: the runtime clones the state before every write and keeps one clone for each
/// uncommitted write, so the state must be made of persistent structures whose clone costs a few reference counts.
/// What is not in the log (sessions, deadlines, caches) is not part of the state and belongs to the host's side.
pub trait Shard: Clone {
    /// One record of the shard's log, decoded.
    type Record;
    /// Why a record cannot be applied: it contradicts the state, so either the log or the program is broken.
    type Error: std::error::Error;

    /// Applies the record at `offset`. The only way in which the state changes.
    fn replay(&mut self, offset: Offset, record: &Self::Record) -> Result<(), Self::Error>;

    /// Whether the record leaves every state as it is: then it needs no version of its own.
    fn is_without_effect(_record: &Self::Record) -> bool {
        false
    }
}

/// Whether an outcome's records may become durable in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// All in one batch, or none.
    Atomic,
    /// Any prefix of the records is a valid state too, so a long list may be cut into several batches.
    Splittable,
}

/// What an operation decided: the records to write, and the answer that becomes true once they are committed.
///
/// A refusal is an outcome too, with no records: it rests on the state the operation saw, which may not be committed yet,
/// and waits for it like any other answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outcome<R, T> {
    /// The records to append, in order; empty if nothing changes.
    pub records: Vec<R>,
    /// Whether the records may be cut into several batches.
    pub atomicity: Atomicity,
    /// The answer to the one who asked.
    pub response: T,
}

impl<R, T> Outcome<R, T> {
    /// An answer that changes nothing: a read or a refusal.
    pub fn unchanged(response: T) -> Self {
        Self::atomic(Vec::new(), response)
    }

    /// Records that are written together or not at all.
    pub fn atomic(records: Vec<R>, response: T) -> Self {
        Self {
            records,
            atomicity: Atomicity::Atomic,
            response,
        }
    }

    /// Records of which any prefix may be written.
    pub fn splittable(records: Vec<R>, response: T) -> Self {
        Self {
            records,
            atomicity: Atomicity::Splittable,
            response,
        }
    }

    /// The same outcome with its answer translated.
    pub fn map<U>(self, translate: impl FnOnce(T) -> U) -> Outcome<R, U> {
        Outcome {
            records: self.records,
            atomicity: self.atomicity,
            response: translate(self.response),
        }
    }
}
