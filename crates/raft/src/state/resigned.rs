//! Resigned: led this epoch and will not lead it again, because it stopped or was restarted.

use base::{Instant, LeaderEpoch};

/// A former leader of the current epoch.
#[derive(Debug)]
pub(crate) struct Resigned {
    /// The epoch it led.
    pub(crate) epoch: LeaderEpoch,
    /// When it stands for election again; never once it is shutting down.
    pub(crate) deadline: Option<Instant>,
}
