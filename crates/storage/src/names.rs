//! The names of a partition directory's files.

use base::Offset;

/// Marks a file that left the log and waits to be unlinked.
pub const DELETED: &str = ".deleted";
/// Marks the cleaner's output while it is written.
pub const CLEANED: &str = ".cleaned";
/// Marks the cleaner's finished output while it takes the place of its inputs.
pub const SWAP: &str = ".swap";

/// A kind of file that belongs to one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SegmentFile {
    /// Record batches.
    Log,
    /// Offset to position.
    OffsetIndex,
    /// Time to offset.
    TimeIndex,
    /// Aborted transactions.
    TransactionIndex,
}

impl SegmentFile {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TransactionIndex];

    /// What follows the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::OffsetIndex => "index",
            Self::TimeIndex => "timeindex",
            Self::TransactionIndex => "txnindex",
        }
    }

    /// The file's name for the segment that begins at `base`.
    pub fn name(self, base: Offset) -> String {
        format!("{:020}.{}", base.0, self.extension())
    }

    /// The kind and base offset in a name without suffix.
    pub fn parse(name: &str) -> Option<(Self, Offset)> {
        let (digits, extension) = name.split_once('.')?;
        let kind = Self::ALL.into_iter().find(|kind| kind.extension() == extension)?;
        if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some((kind, Offset(digits.parse().ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in SegmentFile::ALL {
            assert_eq!(SegmentFile::parse(&kind.name(Offset(12))), Some((kind, Offset(12))));
        }
        assert_eq!(SegmentFile::Log.name(Offset(7)), "00000000000000000007.log");
        for other in [
            "7.log",
            "00000000000000000007.log.deleted",
            "leader-epoch-checkpoint",
            "0000000000000000000x.log",
        ] {
            assert_eq!(SegmentFile::parse(other), None, "{other}");
        }
    }
}
