//! Damage that a scrub found in a closed segment, and what may take its place.
//!
//! What is known of damage is kept in memory only: it is true again, or not, when the next scrub has looked.

use crate::error::StorageError;
use base::Offset;

/// A stretch of a closed segment that is not what was written; batches begin at its start and at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its first byte.
    pub position: u64,
    /// The byte after its last.
    pub end: u64,
    /// No record in it has an offset below.
    pub from: Offset,
    /// Nor this one or one above.
    pub until: Offset,
}

/// Bytes that are to take the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Where in the segment.
    pub position: u64,
    /// Whole batches.
    pub bytes: Vec<u8>,
}

/// Why a segment is not patched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It was deleted, compacted or cut meanwhile: there is nothing to mend any more.
    #[error("the segment has left the log")]
    Gone,
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
