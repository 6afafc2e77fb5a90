//! `partition.metadata`: the topic id of the partition in a directory, so that a topic created again is told apart.

use base::Uuid;
use base::fs::Fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file's name in the partition's directory.
pub const FILE_NAME: &str = "partition.metadata";
const VERSION: i32 = 0;

/// The file could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum PartitionMetadataError {
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// It is not a version of at least 0 and a topic id other than zero.
    #[error("{} does not name a topic id", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the topic id in `partition_dir`; `None` if there is no file.
pub fn read(fs: &dyn Fs, partition_dir: &Path) -> Result<Option<Uuid>, PartitionMetadataError> {
    let path = partition_dir.join(FILE_NAME);
    let bytes = match fs.read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PartitionMetadataError::Io { path, source }),
        Ok(bytes) => bytes,
    };
    let topic_id = parse(&String::from_utf8_lossy(&bytes));
    topic_id.map(Some).ok_or(PartitionMetadataError::Malformed { path })
}

/// Writes the topic id into `partition_dir`.
pub fn write(fs: &dyn Fs, partition_dir: &Path, topic_id: Uuid) -> io::Result<()> {
    let (path, bytes) = file(partition_dir, topic_id);
    fs.replace(&path, &bytes)
}

/// The file that names the topic id in `partition_dir`, and what it holds: to be written with many others.
pub fn file(partition_dir: &Path, topic_id: Uuid) -> (PathBuf, Vec<u8>) {
    let text = format!("version: {VERSION}\ntopic_id: {topic_id}");
    (partition_dir.join(FILE_NAME), text.into_bytes())
}

fn parse(text: &str) -> Option<Uuid> {
    let mut lines = text.lines();
    let version: i32 = lines.next()?.strip_prefix("version:")?.trim().parse().ok()?;
    let topic_id: Uuid = lines.next()?.strip_prefix("topic_id:")?.trim().parse().ok()?;
    (version >= VERSION && topic_id != Uuid::ZERO).then_some(topic_id)
}
