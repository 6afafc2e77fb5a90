//! What is due when.

use std::sync::Arc;

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// What was taken over is to be waited for, and gone on with.
    TakenOver,
    /// Markers of this id that were not taken are sent again.
    Resend(Arc<str>),
    /// All markers of this id are written: the record that says so is due.
    Complete(Arc<str>),
    /// Transactions that took too long are looked for.
    AbortTimedOut,
    /// Ids that nobody uses any more are looked for.
    Expiry,
}

/// The deadlines.
pub type Timers = coordinator_runtime::Timers<Timer>;
