//! What a coordinator's operations have decided and not written yet.

use super::tenant::Tenant;
use base::{Instant, Offset};
use records::BatchBuilder;

/// How many operations share a batch at most.
const MAX_OPERATIONS: usize = 500;

/// What is decided and not written yet.
#[derive(Debug)]
pub(super) struct OpenBatch<T: Tenant> {
    /// Where it begins, unless another's batch comes between.
    pub(super) base: Offset,
    pub(super) builder: BatchBuilder,
    /// What it may grow to.
    pub(super) limit: usize,
    pub(super) operations: Vec<(Vec<T::Record>, T::Completion)>,
    /// When it is to be written at the latest, if by the clock.
    pub(super) due: Option<Instant>,
}

impl<T: Tenant> OpenBatch<T> {
    /// Whether so many bytes more are not too many for those who share it.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        self.operations.len() < MAX_OPERATIONS && self.builder.size() + bytes <= self.limit
    }
}
