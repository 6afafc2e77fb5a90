//! A snapshot's name: the end offset and epoch of what it contains, and the file names made of them.

use base::{LeaderEpoch, Offset};
use std::fmt;

/// The snapshot of everything below `end`, whose last record is of `epoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    /// The offset after its last record.
    pub end: Offset,
    /// The epoch of its last record.
    pub epoch: LeaderEpoch,
}

impl SnapshotId {
    /// The bootstrap snapshot of a dynamic quorum: it precedes the log, and is never replicated.
    pub const BOOTSTRAP: Self = Self {
        end: Offset::ZERO,
        epoch: LeaderEpoch(0),
    };

    /// The finished snapshot's file name.
    pub fn file_name(&self) -> String {
        format!("{self}.checkpoint")
    }

    /// The name of the file while it is written.
    pub fn part_file_name(&self) -> String {
        format!("{self}.checkpoint.part")
    }

    /// The id in the name of a finished snapshot file; `None` for any other name.
    pub fn parse_file_name(name: &str) -> Option<Self> {
        let (end, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
        if end.len() != 20 || epoch.len() != 10 {
            return None;
        }
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(end) || !digits(epoch) {
            return None;
        }
        Some(Self {
            end: Offset(end.parse().ok()?),
            epoch: LeaderEpoch(epoch.parse().ok()?),
        })
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:020}-{:010}", self.end.0, self.epoch.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas_and_read_back() {
        let id = SnapshotId {
            end: Offset(1234),
            epoch: LeaderEpoch(7),
        };
        assert_eq!(id.file_name(), "00000000000000001234-0000000007.checkpoint");
        assert_eq!(SnapshotId::parse_file_name(&id.file_name()), Some(id));
        for other in [
            "00000000000000001234-0000000007.checkpoint.part",
            "00000000000000001234-0000000007.checkpoint.deleted",
            "1234-7.checkpoint",
            "0000000000000000123x-0000000007.checkpoint",
            "00000000000000001234.log",
        ] {
            assert_eq!(SnapshotId::parse_file_name(other), None, "{other}");
        }
    }
}
