//! Another log with the same records in the place of the replica's own: it was moved to another log directory (KIP-113).

use crate::partition::Partition;
use crate::wakes::Wakes;
use storage::Log;

/// Why a log cannot take this one's place now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotExchangeable {
    /// The replica is being deleted, or its directory has failed.
    #[error("the log takes nothing any more")]
    Offline,
    /// The cleaner is putting an output in place, or a cut is not written down yet.
    #[error("the log is being changed")]
    Busy,
    /// The other log does not begin and end where this one does.
    #[error("the logs differ")]
    Different,
}

impl Partition {
    /// Whether `log`, which holds what this replica's does and is on stable storage, can take its place.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check_exchange(&self, log: &Log) -> Result<(), NotExchangeable> {
        let extent = |log: &Log| (log.log_start_offset(), log.log_end_offset(), log.latest_epoch());
        if self.log.is_offline() || log.is_offline() {
            Err(NotExchangeable::Offline)
        } else if self.log.is_swapping() || self.cut_to.is_some() {
            Err(NotExchangeable::Busy)
        } else if extent(log) != extent(&self.log) || log.recovery_point() < log.log_end_offset() {
            Err(NotExchangeable::Different)
        } else {
            Ok(())
        }
    }

    /// Puts `log` in the place of the replica's own, which is answered: its role, its watermark and who waits stay. Whoever waits for
    /// stable storage has it.
    ///
    /// # Panics
    /// If [`Partition::check_exchange`] refuses it.
    pub fn exchange(&mut self, mut log: Log) -> (Log, Wakes) {
        assert_eq!(self.check_exchange(&log), Ok(()), "{}", self.topic_partition());
        log.succeed(&mut self.log);
        log.high_watermark_moved(self.high_watermark);
        let before = std::mem::replace(&mut self.log, log);
        let mut wakes = self.flushes.reached(self.log.recovery_point());
        wakes.merge(self.advance_high_watermark());
        (before, wakes)
    }
}
