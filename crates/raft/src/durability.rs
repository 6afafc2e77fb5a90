//! How far the log is known to be on stable storage.

use base::Offset;
use std::collections::VecDeque;

/// The flushed prefix of the log, and the flushes asked for whose end was not reported yet.
#[derive(Debug)]
pub(crate) struct Durability {
    flushed: Offset,
    /// What each flush under way will have made durable, in order.
    under_way: VecDeque<Offset>,
}

impl Durability {
    /// Nothing from `start` on is known to be durable: a process that died may have left it to the system's cache.
    pub(crate) fn from_start(start: Offset) -> Self {
        Self {
            flushed: start,
            under_way: VecDeque::new(),
        }
    }

    /// Up to where the log is durable.
    pub(crate) fn flushed(&self) -> Offset {
        self.flushed
    }

    /// Whether nothing asked for up to `end` is missing.
    pub(crate) fn covers(&self, end: Offset) -> bool {
        self.flushed >= end
    }

    /// Whether a flush under way will make everything below `end` durable.
    pub(crate) fn will_cover(&self, end: Offset) -> bool {
        self.under_way.back().is_some_and(|covered| *covered >= end)
    }

    /// A flush of everything below `end` was asked for.
    pub(crate) fn ask(&mut self, end: Offset) {
        self.under_way.push_back(end);
    }

    /// The oldest flush asked for is done.
    pub(crate) fn done(&mut self) {
        let covered = self.under_way.pop_front();
        self.flushed = covered.map_or(self.flushed, |covered| self.flushed.max(covered));
    }

    /// The log lost everything from `end` on: what a flush under way covers there is not what will stand there.
    pub(crate) fn truncate(&mut self, end: Offset) {
        self.flushed = self.flushed.min(end);
        for covered in &mut self.under_way {
            *covered = (*covered).min(end);
        }
    }

    /// The log begins anew at `end`, the end of a durable snapshot.
    pub(crate) fn restart(&mut self, end: Offset) {
        self.flushed = end;
        for covered in &mut self.under_way {
            *covered = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_does_not_cover_what_was_truncated_meanwhile() {
        let mut log = Durability::from_start(Offset(0));
        log.ask(Offset(10));
        assert!(log.will_cover(Offset(10)) && !log.covers(Offset(1)));
        log.truncate(Offset(5));
        log.ask(Offset(12));
        log.done();
        assert_eq!(log.flushed(), Offset(5));
        log.done();
        assert_eq!(log.flushed(), Offset(12));
        log.truncate(Offset(7));
        assert_eq!(log.flushed(), Offset(7));
        log.done();
        assert_eq!(log.flushed(), Offset(7));
    }
}
