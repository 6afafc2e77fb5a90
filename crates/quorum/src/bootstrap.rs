//! The first records of a new cluster, as the format command left them.

use crate::error::QuorumError;
use crate::snapshots::read_records;
use base::fs::Fs;
use metadata::MetadataVersion;
use metadata::bootstrap::{bootstrap_records, feature_level};
use protocol::metadata_records::MetadataRecord;
use raft::SnapshotId;
use std::path::Path;
use storage::dirs::METADATA_DIR;

/// The file that releases up to 4.3 write beside the partitions.
pub const BOOTSTRAP_FILE: &str = "bootstrap.checkpoint";

/// The bootstrap records in `metadata_dir`: of `bootstrap.checkpoint`, or of the bootstrap snapshot where newer releases
/// put them (KIP-1170), or, if the directory was formatted without any, those of the newest metadata.version.
pub(crate) fn read(fs: &dyn Fs, metadata_dir: &Path) -> Result<Vec<MetadataRecord>, QuorumError> {
    let places = [
        metadata_dir.join(BOOTSTRAP_FILE),
        metadata_dir.join(METADATA_DIR).join(SnapshotId::BOOTSTRAP.file_name()),
    ];
    for path in places {
        if !fs.exists(&path) {
            continue;
        }
        let (_, records) = read_records(fs, &path)?;
        if feature_level(&records, MetadataVersion::FEATURE_NAME) > 0 {
            return Ok(records);
        }
    }
    Ok(bootstrap_records(MetadataVersion::LATEST_PRODUCTION, &[]))
}
