//! A log directory: its own files, and its partitions one after the other.

use super::partition::{self, Extent};
use super::segment::Depth;
use super::{Finding, Problem, Remedy};
use crate::checkpoint::OffsetCheckpoint;
use crate::dirs::meta_properties::MetaProperties;
use crate::dirs::name::{DirKind, PartitionDirName};
use crate::dirs::{METADATA_DIR, NO_PARTITIONS};
use base::fs::{EntryKind, Fs};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The partitions' directories, deleted ones left out; what does not belong there is found.
pub fn partitions(fs: &dyn Fs, log_dir: &Path, findings: &mut Vec<Finding>) -> io::Result<Vec<PathBuf>> {
    let mut dirs = Vec::new();
    for entry in fs
        .list(log_dir)?
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Dir)
    {
        let path = log_dir.join(&entry.name);
        if entry.name == METADATA_DIR {
            dirs.push(path);
            continue;
        }
        match PartitionDirName::parse(&entry.name).map(|name| name.kind) {
            Some(DirKind::Current | DirKind::Future | DirKind::Stray) => dirs.push(path),
            Some(DirKind::Delete) => findings.push(found(path, Problem::Leftover, Remedy::Start)),
            None if NO_PARTITIONS.contains(&entry.name.as_str()) => {}
            None => findings.push(found(path, Problem::Name, Remedy::Replica)),
        }
    }
    Ok(dirs)
}

/// Looks at the files that are not any partition's.
pub fn check_own_files(fs: &dyn Fs, log_dir: &Path, findings: &mut Vec<Finding>) {
    if let Err(error) = MetaProperties::read(fs, log_dir) {
        let path = log_dir.join("meta.properties");
        findings.push(found(path, Problem::File(error.to_string()), Remedy::Replica));
    }
    for checkpoint in OffsetCheckpoint::ALL {
        if let Err(error) = checkpoint.read(fs, log_dir) {
            let path = log_dir.join(checkpoint.file_name());
            findings.push(found(path, Problem::File(error.to_string()), Remedy::Repair));
        }
    }
}

/// Looks at a whole log directory. What cannot be read is a finding, not the end.
pub fn check(fs: &Arc<dyn Fs>, log_dir: &Path, depth: Depth, findings: &mut Vec<Finding>) -> io::Result<Extent> {
    check_own_files(fs.as_ref(), log_dir, findings);
    let mut extent = Extent::default();
    for dir in partitions(fs.as_ref(), log_dir, findings)? {
        match partition::check(fs, &dir, depth, findings) {
            Ok(seen) => extent.add(seen),
            Err(error) => findings.push(found(dir, Problem::Io(error.to_string()), Remedy::Replica)),
        }
    }
    Ok(extent)
}

fn found(path: PathBuf, problem: Problem, remedy: Remedy) -> Finding {
    Finding {
        path,
        position: None,
        problem,
        remedy,
    }
}
