//! How a coordinator makes its batches, and what they wait for.

use records::compression::Codec;
use std::time::Duration;

/// How long an operation waits for others to share a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linger {
    /// It does not: each has a batch of its own.
    Never,
    /// No longer than there is somebody who waits for the coordinator.
    WhileAwaited,
    /// So long from the first operation on.
    For(Duration),
}

impl Linger {
    /// As `group.coordinator.append.linger.ms` says it.
    pub(crate) fn from_millis(millis: i32) -> Self {
        match u64::try_from(millis) {
            Ok(0) => Self::Never,
            Ok(millis) => Self::For(Duration::from_millis(millis)),
            Err(_) => Self::WhileAwaited,
        }
    }
}

/// How a coordinator makes its batches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batches {
    /// How they are compressed.
    pub(crate) codec: Codec,
    /// What they wait for.
    pub(crate) linger: Linger,
}
