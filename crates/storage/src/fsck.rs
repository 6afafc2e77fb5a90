//! Looking at log directories without a broker: what is damaged, where, and what helps.
//!
//! Nothing here changes a file but [`repair`]. Kafka's directories are looked at the same way as ours.

pub mod directory;
pub mod index;
pub mod partition;
pub mod repair;
pub mod segment;

use std::fmt;
use std::path::PathBuf;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// Where in the file, in bytes, if it is one place.
    pub position: Option<u64>,
    /// What is wrong.
    pub problem: Problem,
    /// What helps.
    pub remedy: Remedy,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path.display())?;
        if let Some(position) = self.position {
            write!(out, " at byte {position}")?;
        }
        write!(out, ": {} ({})", self.problem, self.remedy)
    }
}

/// What can be wrong. Texts of other errors are kept as text, for they are only shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A batch is not what was written: its checksum, codec, block or records.
    #[error("the batch at offset {offset} is damaged: {what}")]
    Batch {
        /// Its base offset, as far as the header can be believed.
        offset: i64,
        /// What is wrong with it.
        what: String,
    },
    /// Batches must follow one another.
    #[error("the batch at offset {found} comes after offset {previous}")]
    Order {
        /// The batch's base offset.
        found: i64,
        /// The last offset before it.
        previous: i64,
    },
    /// Batches must end where the next segment begins.
    #[error("the batch that ends at offset {found} reaches into the next segment, which begins at {end}")]
    Beyond {
        /// The batch's last offset.
        found: i64,
        /// Where the next segment begins.
        end: i64,
    },
    /// Bytes that begin no batch: the rest of the file cannot be read.
    #[error("{len} bytes are no batch: {what}")]
    Unreadable {
        /// From the position to the end of the file.
        len: u64,
        /// Why they are no batch.
        what: String,
    },
    /// The last segment ends within a batch: the tail of a write that was torn.
    #[error("the last {len} bytes are no whole batch: {what}")]
    TornTail {
        /// From the position to the end of the file.
        len: u64,
        /// Why they are no batch.
        what: String,
    },
    /// An index does not fit its segment.
    #[error("the index does not fit its segment: {0}")]
    Index(String),
    /// A small file cannot be read.
    #[error("{0}")]
    File(String),
    /// What an interrupted broker left.
    #[error("was left by an interrupted broker")]
    Leftover,
    /// A name that a log directory should not hold.
    #[error("is not the name of anything that belongs here")]
    Name,
    /// The file system failed.
    #[error("cannot be read: {0}")]
    Io(String),
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// Nothing need be done: the next start of a broker sees to it.
    Start,
    /// [`repair`] can do it without losing a record.
    Repair,
    /// Only another replica, or a backup, has what was lost.
    Replica,
}

impl fmt::Display for Remedy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Start => "the next start sees to it",
            Self::Repair => "can be repaired",
            Self::Replica => "only another replica has it",
        })
    }
}

#[cfg(test)]
mod tests;
