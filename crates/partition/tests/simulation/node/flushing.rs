//! Stable storage: one flush at a time, which takes its time.

use super::{Running, Surroundings, Timer};
use storage::Durability;

impl Running {
    pub(super) fn begin_flush(&mut self, around: &mut Surroundings<'_>) {
        let Some(partition) = &mut self.partition else { return };
        let log = partition.log();
        let is_awaited = log.flush_awaited();
        // Where nobody waits for it, the disk is written now and then.
        let is_due = log.config().durability == Durability::Os && around.rng.below(40) == 0;
        if self.flush.is_some() || !(is_awaited || is_due) {
            return;
        }
        if let Ok(Some(flush)) = partition.log_mut().prepare_flush() {
            self.flush = Some(flush);
            around
                .timers
                .push((1 + around.rng.below(around.slowest_disk), Timer::RunFlush));
        }
    }

    pub(super) fn run_flush(&mut self, around: &mut Surroundings<'_>) {
        if let Some(flush) = &self.flush {
            self.flushed = Some(flush.run());
            around.timers.push((around.rng.below(3), Timer::FinishFlush));
        }
    }

    pub(super) fn finish_flush(&mut self, around: &mut Surroundings<'_>) {
        let (Some(flush), Some(result)) = (self.flush.take(), self.flushed.take()) else {
            return;
        };
        if let Some(partition) = &mut self.partition {
            partition.finish_flush(flush, result, around.instant()).fire();
        }
    }
}
