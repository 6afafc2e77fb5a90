//! Kafka's text checkpoint files: a version, a count, and a line per entry.
//!
//! A file that is absent or empty has no entries, as Kafka creates them empty. Anything else that does not fit is an
//! error for its log directory, never a shorter list.

use base::fs::Fs;
use base::{Offset, TopicPartition};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

const VERSION: i32 = 0;

/// A checkpoint file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system failed.
    #[error("checkpoint {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("checkpoint {} is malformed in line {line}: `{text}`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// The line, shortened.
        text: String,
    },
    /// The version is not 0.
    #[error("checkpoint {} has the unknown version {version}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it names.
        version: i32,
    },
    /// The count does not fit the lines.
    #[error("checkpoint {} names {expected} entries and holds {found}", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// The count in the second line.
        expected: usize,
        /// The lines after it.
        found: usize,
    },
}

/// The checkpoint files of a log directory: each has an offset per partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OffsetCheckpoint {
    /// Up to where each log is on stable storage.
    RecoveryPoint,
    /// Each replica's high watermark.
    HighWatermark,
    /// Where each log starts, if not at its first segment's base offset.
    LogStart,
    /// The first dirty offset of each compacted log.
    Cleaner,
}

impl OffsetCheckpoint {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::RecoveryPoint, Self::HighWatermark, Self::LogStart, Self::Cleaner];

    /// The file's name in the log directory.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::RecoveryPoint => "recovery-point-offset-checkpoint",
            Self::HighWatermark => "replication-offset-checkpoint",
            Self::LogStart => "log-start-offset-checkpoint",
            Self::Cleaner => "cleaner-offset-checkpoint",
        }
    }

    /// Reads the file in `log_dir`.
    pub fn read(self, fs: &dyn Fs, log_dir: &Path) -> Result<BTreeMap<TopicPartition, Offset>, CheckpointError> {
        let entries = read(fs, &log_dir.join(self.file_name()), parse_offset)?;
        Ok(entries.into_iter().collect())
    }

    /// Replaces the file in `log_dir`.
    pub fn write<'a>(
        self,
        fs: &dyn Fs,
        log_dir: &Path,
        offsets: impl IntoIterator<Item = (&'a TopicPartition, Offset)>,
    ) -> io::Result<()> {
        let lines = offsets
            .into_iter()
            .map(|(at, offset)| format!("{} {} {offset}", at.topic, at.partition));
        write(fs, &log_dir.join(self.file_name()), lines)
    }
}

fn parse_offset(line: &str) -> Option<(TopicPartition, Offset)> {
    let mut words = line.split_ascii_whitespace();
    let (topic, partition, offset) = (words.next()?, words.next()?, words.next()?);
    let at = TopicPartition::new(topic, partition.parse().ok()?);
    let offset = Offset(offset.parse().ok()?);
    words.next().is_none().then_some((at, offset))
}

/// Reads a checkpoint, each of whose entries `parse` understands.
pub fn read<T>(fs: &dyn Fs, path: &Path, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, CheckpointError> {
    match fs.read(path) {
        Ok(bytes) => decode(path, &bytes, parse),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(CheckpointError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Replaces the checkpoint at `path`, durably and at once.
pub fn write(fs: &dyn Fs, path: &Path, lines: impl IntoIterator<Item = String>) -> io::Result<()> {
    fs.replace(path, &encode(lines))
}

/// A checkpoint's bytes.
pub(crate) fn encode(lines: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut count = 0_usize;
    let mut body = String::new();
    for line in lines {
        body.push_str(&line);
        body.push('\n');
        count += 1;
    }
    let mut text = String::with_capacity(body.len() + 16);
    write!(text, "{VERSION}\n{count}\n").expect("writing to a String does not fail");
    text.push_str(&body);
    text.into_bytes()
}

fn decode<T>(path: &Path, bytes: &[u8], parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, CheckpointError> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let Some(version) = lines.next() else {
        return Ok(Vec::new());
    };
    let version = version.parse().map_err(|_| malformed(path, 1, version))?;
    if version != VERSION {
        return Err(CheckpointError::Version {
            path: path.to_owned(),
            version,
        });
    }
    let Some(count) = lines.next() else {
        return Ok(Vec::new());
    };
    let expected: usize = count.parse().map_err(|_| malformed(path, 2, count))?;
    let mut entries = Vec::with_capacity(expected.min(bytes.len()));
    for (line, number) in lines.zip(3..) {
        entries.push(parse(line).ok_or_else(|| malformed(path, number, line))?);
    }
    if entries.len() != expected {
        let found = entries.len();
        return Err(CheckpointError::Count {
            path: path.to_owned(),
            expected,
            found,
        });
    }
    Ok(entries)
}

fn malformed(path: &Path, line: usize, text: &str) -> CheckpointError {
    let text = text.chars().take(100).collect();
    CheckpointError::Malformed {
        path: path.to_owned(),
        line,
        text,
    }
}
