//! One partition's directory.

use super::index::Indexes;
use super::segment::{Depth, Place, Walk};
use super::{Finding, Problem, Remedy};
use crate::dirs::partition_metadata;
use crate::leader_epoch::LeaderEpochCache;
use crate::names::{CLEANED, DELETED, SWAP, SegmentFile};
use crate::producer_state::snapshot;
use base::Offset;
use base::fs::{EntryKind, Fs};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Segments.
    pub segments: u64,
    /// Batches.
    pub batches: u64,
    /// Bytes of batches.
    pub bytes: u64,
}

impl Extent {
    /// Adds another extent.
    pub fn add(&mut self, other: Self) {
        self.segments += other.segments;
        self.batches += other.batches;
        self.bytes += other.bytes;
    }
}

/// Looks at everything in a partition's directory. The log of the cluster's metadata is one too.
pub fn check(fs: &Arc<dyn Fs>, dir: &Path, depth: Depth, findings: &mut Vec<Finding>) -> io::Result<Extent> {
    let mut bases = Vec::new();
    for entry in fs.list(dir)?.into_iter().filter(|entry| entry.kind == EntryKind::File) {
        let path = dir.join(&entry.name);
        match SegmentFile::parse(&entry.name) {
            Some((SegmentFile::Log, base)) => bases.push(base),
            Some(_) => {}
            None => check_small(fs, &path, &entry.name, findings)?,
        }
    }
    check_epochs(fs, dir, findings);
    if let Err(error) = partition_metadata::read(fs.as_ref(), dir) {
        findings.push(whole(
            dir.join("partition.metadata"),
            Problem::File(error.to_string()),
            Remedy::Replica,
        ));
    }
    bases.sort_unstable();
    let mut extent = Extent::default();
    let mut end = Offset(0);
    for (number, base) in bases.iter().enumerate() {
        let place = if number + 1 == bases.len() {
            Place::Last
        } else {
            Place::Closed
        };
        if *base < end {
            let problem = Problem::Order {
                found: base.0,
                previous: end.0 - 1,
            };
            findings.push(whole(dir.join(SegmentFile::Log.name(*base)), problem, Remedy::Replica));
        }
        let (seen, next) = check_segment(fs.as_ref(), dir, *base, place, depth, findings)?;
        extent.add(seen);
        end = next;
    }
    Ok(extent)
}

/// Looks at one segment and its indexes; answers what was there, and the offset after it.
pub fn check_segment(
    fs: &dyn Fs,
    dir: &Path,
    base: Offset,
    place: Place,
    depth: Depth,
    findings: &mut Vec<Finding>,
) -> io::Result<(Extent, Offset)> {
    let mut walk = Walk::open(fs, &dir.join(SegmentFile::Log.name(base)), base, place, depth)?;
    let mut indexes = Indexes::read(fs, dir, base)?;
    let mut extent = Extent {
        segments: 1,
        ..Extent::default()
    };
    let mut whole = true;
    while let Some(seen) = walk.next_batch()? {
        extent.batches += 1;
        extent.bytes += seen.header.size() as u64;
        let damaged = walk.take_findings();
        if damaged.is_empty() {
            indexes.see(&seen);
        }
        whole &= damaged.is_empty();
        findings.extend(damaged);
    }
    let damaged = walk.take_findings();
    whole &= damaged.is_empty();
    findings.extend(damaged);
    if whole {
        // Of a damaged segment the indexes cannot be judged; they are made anew when it is repaired.
        findings.extend(indexes.finish());
    }
    Ok((extent, walk.next_offset()))
}

fn whole(path: PathBuf, problem: Problem, remedy: Remedy) -> Finding {
    Finding {
        path,
        position: None,
        problem,
        remedy,
    }
}

fn check_small(fs: &Arc<dyn Fs>, path: &Path, name: &str, findings: &mut Vec<Finding>) -> io::Result<()> {
    if [DELETED, CLEANED, SWAP, ".tmp"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
    {
        findings.push(whole(path.to_owned(), Problem::Leftover, Remedy::Start));
    } else if name.ends_with(".snapshot") {
        if let Err(error) = snapshot::decode(&fs.read(path)?) {
            findings.push(whole(path.to_owned(), Problem::File(error.to_string()), Remedy::Repair));
        }
    } else if name.ends_with(".checkpoint") {
        // A snapshot of the cluster's metadata: batches, and renamed into place only when whole.
        let mut walk = Walk::open(fs.as_ref(), path, Offset(0), Place::Closed, Depth::Records)?;
        while walk.next_batch()?.is_some() {}
        findings.extend(walk.take_findings());
    }
    Ok(())
}

fn check_epochs(fs: &Arc<dyn Fs>, dir: &Path, findings: &mut Vec<Finding>) {
    if let Err(error) = LeaderEpochCache::open(Arc::clone(fs), dir.to_owned()) {
        let path = dir.join(crate::leader_epoch::FILE_NAME);
        findings.push(whole(path, Problem::File(error.to_string()), Remedy::Replica));
    }
}
