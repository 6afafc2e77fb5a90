//! A log directory, one entry of `log.dirs`: its identity, its lock, and the partitions in it.

pub mod clean_shutdown;
pub mod meta_properties;
pub mod name;
pub mod partition_metadata;
mod scan;

#[cfg(test)]
mod tests;

pub use clean_shutdown::CleanShutdown;
pub use meta_properties::{MetaProperties, MetaPropertiesError};
pub use name::{DirKind, PartitionDirName};
pub use partition_metadata::PartitionMetadataError;
pub use scan::{NO_PARTITIONS, PartitionDir, Scan, ScanError, scan};

use base::fs::{Fs, Lock};
use std::io;
use std::path::Path;

/// The file whose lock says that a broker uses the directory.
pub const LOCK_FILE: &str = ".lock";
/// The partition directory of the cluster's metadata.
pub const METADATA_DIR: &str = "__cluster_metadata-0";

/// Takes the directory for this process, until the lock is dropped; `WouldBlock` if another broker has it.
pub fn lock(fs: &dyn Fs, log_dir: &Path) -> io::Result<Box<dyn Lock>> {
    fs.lock(&log_dir.join(LOCK_FILE))
}
