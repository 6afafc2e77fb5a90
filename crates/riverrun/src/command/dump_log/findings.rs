//! What was found wrong with the files, said at the end on stderr.

use std::io::{self, Write};
use std::path::{Path, PathBuf, absolute};

/// Pairs of numbers that should agree, by file in the order of finding.
type ByFile = Vec<(PathBuf, Vec<(i64, i64)>)>;

/// Everything found.
#[derive(Debug, Default)]
pub struct Findings {
    index_mismatches: ByFile,
    time_mismatches: ByFile,
    times_out_of_order: ByFile,
    offsets_not_found: ByFile,
    gaps: ByFile,
}

impl Findings {
    /// The index says that a batch ends at `indexed`; the log has one that ends at `logged`.
    pub fn index_mismatch(&mut self, path: &Path, indexed: i64, logged: i64) {
        add(&mut self.index_mismatches, path, (indexed, logged));
    }

    /// The time index says that a batch's latest time is `indexed`; the log says `logged`.
    pub fn time_mismatch(&mut self, path: &Path, indexed: i64, logged: i64) {
        add(&mut self.time_mismatches, path, (indexed, logged));
    }

    /// The time index goes back from `previous` to `indexed`.
    pub fn time_out_of_order(&mut self, path: &Path, indexed: i64, previous: i64) {
        add(&mut self.times_out_of_order, path, (indexed, previous));
    }

    /// No batch ends at the time index's `indexed`; the next one ends at `logged`, -1 if there is none.
    pub fn offset_not_found(&mut self, path: &Path, indexed: i64, logged: i64) {
        add(&mut self.offsets_not_found, path, (indexed, logged));
    }

    /// The record after `first` has not the next offset but `second`: compaction or aborted appends leave such gaps.
    pub fn gap(&mut self, path: &Path, first: i64, second: i64) {
        add(&mut self.gaps, path, (first, second));
    }

    /// Says it all.
    pub fn print(&self, err: &mut dyn Write) -> io::Result<()> {
        let tables = [
            (
                &self.index_mismatches,
                "Mismatches in :",
                "  Index offset: ",
                ", log offset: ",
            ),
            (
                &self.time_mismatches,
                "Found timestamp mismatch in :",
                "  Index timestamp: ",
                ", log timestamp: ",
            ),
            (
                &self.times_out_of_order,
                "Found out of order timestamp in :",
                "  Index timestamp: ",
                ", Previously indexed timestamp: ",
            ),
            (
                &self.offsets_not_found,
                "The following indexed offsets are not found in :",
                "Indexed offset: ",
                ", found log offset: ",
            ),
            (&self.gaps, "Non-consecutive offsets in ", "  ", " is followed by "),
        ];
        for (files, title, before, between) in tables {
            for (path, pairs) in files {
                writeln!(err, "{title}{}", path.display())?;
                for (first, second) in pairs {
                    writeln!(err, "{before}{first}{between}{second}")?;
                }
            }
        }
        Ok(())
    }
}

fn add(files: &mut ByFile, path: &Path, pair: (i64, i64)) {
    let path = absolute(path).unwrap_or_else(|_| path.to_owned());
    match files.iter_mut().find(|(known, _)| *known == path) {
        Some((_, pairs)) => pairs.push(pair),
        None => files.push((path, vec![pair])),
    }
}
