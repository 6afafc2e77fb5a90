//! Future replicas that take the place of their replicas, in a recording (KIP-113).

use super::disk::Disk;
use super::namespace::{Action, NameChange};
use std::ffi::OsStr;
use std::ops::Range;

impl Disk {
    /// When each future replica had the name of its partition.
    #[must_use]
    pub fn exchanges(&self) -> Vec<u64> {
        self.promotions().map(|change| change.end).collect()
    }

    fn promotions(&self) -> impl Iterator<Item = &NameChange> {
        let ends = |name: &OsStr, end: &str| name.to_string_lossy().ends_with(end);
        self.names.iter().filter(move |change| match &change.action {
            Action::Move { from, to, .. } => ends(from, "-future") && !ends(to, "-delete"),
            Action::Add { .. } | Action::Remove { .. } => false,
        })
    }

    /// Plants a mistake: that name was not flushed when it was given. Answers from when to when each was not safe then.
    pub fn forget_syncs_of_exchanges(&mut self) -> Vec<Range<u64>> {
        let promotions: Vec<_> = self.promotions().map(|change| (change.dir, change.end)).collect();
        let mut unsafe_for = Vec::new();
        for (dir, named) in promotions {
            let next = |syncs: &[(usize, u64, u64)]| {
                let later = |(synced, begin, _): &(usize, u64, u64)| *synced == dir && *begin >= named;
                syncs.iter().position(later)
            };
            if let Some(own) = next(&self.dir_syncs) {
                let (_, begin, end) = self.dir_syncs.remove(own);
                self.commits.retain(|commit| *commit != (begin, end));
                self.barriers.retain(|barrier| *barrier != (begin, end));
            }
            if let Some(other) = next(&self.dir_syncs) {
                unsafe_for.push(named..self.dir_syncs[other].2);
            }
        }
        unsafe_for
    }
}
