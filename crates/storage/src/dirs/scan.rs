//! What a log directory holds.

use super::METADATA_DIR;
use super::name::{DirKind, PartitionDirName};
use super::partition_metadata::{self, PartitionMetadataError};
use base::fs::{EntryKind, Fs};
use base::{TopicPartition, Uuid};
use std::io;
use std::path::{Path, PathBuf};

/// Directories that belong to no partition and are passed over: tiered storage's cache, and what `fsck` leaves.
pub const NO_PARTITIONS: [&str; 2] = ["remote-log-index-cache", "lost+found"];

/// One partition directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDir {
    /// The partition; the topic of a `-delete` or `-stray` directory may have been cut.
    pub partition: TopicPartition,
    /// The directory.
    pub path: PathBuf,
    /// The id of its topic, if the directory tells and was asked: [`PartitionDir::read_topic_id`].
    pub topic_id: Option<Uuid>,
}

impl PartitionDir {
    /// Reads the topic's id. With ten thousand partitions this takes a while, and is better done by several at a time.
    pub fn read_topic_id(&mut self, fs: &dyn Fs) -> Result<(), PartitionMetadataError> {
        self.topic_id = partition_metadata::read(fs, &self.path)?;
        Ok(())
    }
}

/// The partition directories of a log directory, each list in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The logs in use.
    pub current: Vec<PartitionDir>,
    /// Logs being moved here.
    pub future: Vec<PartitionDir>,
    /// Deleted logs, to be removed.
    pub deleted: Vec<PartitionDir>,
    /// Logs kept for a human.
    pub stray: Vec<PartitionDir>,
    /// The log of the cluster's metadata, which is no ordinary partition.
    pub metadata: Option<PathBuf>,
}

/// The log directory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file system failed.
    #[error("log directory {}: {source}", path.display())]
    Io {
        /// The log directory.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// A directory is neither a partition's nor one that Kafka knows: log directories hold nothing else.
    #[error(
        "found directory {}, whose name is not of the form topic-partition or topic-partition.id-delete (or -future, \
         -stray): a log directory should hold nothing but Kafka's topic data",
        path.display()
    )]
    UnknownDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// A partition's topic id could not be read.
    #[error(transparent)]
    PartitionMetadata(#[from] PartitionMetadataError),
}

/// Sorts the directories in `log_dir` by their names; what is in them is not looked at.
pub fn scan(fs: &dyn Fs, log_dir: &Path) -> Result<Scan, ScanError> {
    let listed = fs.list(log_dir).map_err(|source| ScanError::Io {
        path: log_dir.to_owned(),
        source,
    })?;
    let mut scan = Scan::default();
    for entry in listed {
        let path = log_dir.join(&entry.name);
        if entry.kind != EntryKind::Dir || NO_PARTITIONS.contains(&entry.name.as_str()) {
            continue;
        }
        if entry.name == METADATA_DIR {
            scan.metadata = Some(path);
            continue;
        }
        let name = PartitionDirName::parse(&entry.name);
        let name = name.ok_or_else(|| ScanError::UnknownDirectory { path: path.clone() })?;
        let list = match name.kind {
            DirKind::Current => &mut scan.current,
            DirKind::Future => &mut scan.future,
            DirKind::Delete => &mut scan.deleted,
            DirKind::Stray => &mut scan.stray,
        };
        list.push(PartitionDir {
            partition: name.partition,
            path,
            topic_id: None,
        });
    }
    Ok(scan)
}
