//! What an interrupted broker leaves in a partition's directory, and the segments that are there in the end.

use crate::error::StorageError;
use crate::home::Home;
use crate::names::{CLEANED, DELETED, SWAP, SegmentFile};
use crate::producer_state::snapshot_offset;
use crate::scan::HeaderScan;
use base::Offset;
use base::fs::{EntryKind, Open};
use std::collections::{BTreeMap, BTreeSet};

/// The files of the segments, by base offset.
pub(crate) type Listing = BTreeMap<Offset, BTreeSet<SegmentFile>>;

/// What a partition's directory holds.
pub(crate) struct Contents {
    /// The segments.
    pub(crate) segments: Listing,
    /// The offsets of the producer snapshots.
    pub(crate) snapshots: BTreeSet<Offset>,
}

/// Removes files that nobody wants any more, completes a swap that was under way, and says what there is then. Without
/// leftovers the directory is listed once: a start does this ten thousand times. A directory that is absent is created.
pub(crate) fn clear(home: &Home) -> Result<Contents, StorageError> {
    let names = match file_names(home) {
        Err(StorageError::Io(std::io::ErrorKind::NotFound)) => {
            home.fs.create_dir(&home.dir())?;
            Vec::new()
        }
        names => names?,
    };
    let is_leftover = |name: &String| [DELETED, CLEANED, SWAP].iter().any(|suffix| name.ends_with(suffix));
    let names = if names.iter().any(is_leftover) {
        clear_leftovers(home, &names)?;
        file_names(home)?
    } else {
        names
    };
    Ok(Contents {
        segments: segments(home, &names)?,
        snapshots: names.iter().filter_map(|name| snapshot_offset(name)).collect(),
    })
}

fn clear_leftovers(home: &Home, names: &[String]) -> Result<(), StorageError> {
    let mut cleaned = Vec::new();
    let mut swaps = Vec::new();
    for name in names {
        if name.ends_with(DELETED) && !name.ends_with(".checkpoint.deleted") {
            home.fs.remove_file(&home.path(name))?;
        } else if let Some(file) = with_suffix(name, CLEANED) {
            cleaned.push(file);
        } else if let Some(file) = with_suffix(name, SWAP) {
            swaps.push(file);
        }
    }
    // Outputs that were not finished, and with them what was finished of the same work: the inputs are all still there.
    // The finished ones go first, and for good: alone they would count as a swap to complete.
    let first_cleaned = cleaned.iter().map(|(_, base)| *base).min();
    let (stale, swaps): (Vec<_>, Vec<_>) = swaps
        .into_iter()
        .partition(|(_, base)| first_cleaned.is_some_and(|first| *base >= first));
    remove_all(home, &stale, SWAP)?;
    remove_all(home, &cleaned, CLEANED)?;
    complete_swap(home, &swaps)
}

/// The cleaner's output takes the place of its inputs.
fn complete_swap(home: &Home, swaps: &[(SegmentFile, Offset)]) -> Result<(), StorageError> {
    let logs = || {
        swaps
            .iter()
            .filter(|(kind, _)| *kind == SegmentFile::Log)
            .map(|(_, base)| *base)
    };
    if let (Some(first), Some(last)) = (logs().min(), logs().max()) {
        let end = end_of(home, last)?;
        for (base, kinds) in segments(home, &file_names(home)?)? {
            let replaced = first <= base && (base < end || base == last);
            for kind in kinds.into_iter().filter(|_| replaced) {
                home.fs.remove_file(&home.path(&kind.name(base)))?;
            }
        }
        home.fs.sync_dir(&home.dir())?;
    }
    // The batches first, and for good: as long as they are there with the suffix, the inputs are removed again.
    let (batches, others): (Vec<_>, Vec<_>) = swaps.iter().partition(|(kind, _)| *kind == SegmentFile::Log);
    for files in [batches, others] {
        for (kind, base) in &files {
            home.fs
                .rename(&home.path(&(kind.name(*base) + SWAP)), &home.path(&kind.name(*base)))?;
        }
        if !files.is_empty() {
            home.fs.sync_dir(&home.dir())?;
        }
    }
    Ok(())
}

fn remove_all(home: &Home, files: &[(SegmentFile, Offset)], suffix: &str) -> Result<(), StorageError> {
    for (kind, base) in files {
        home.fs.remove_file(&home.path(&(kind.name(*base) + suffix)))?;
    }
    if !files.is_empty() {
        home.fs.sync_dir(&home.dir())?;
    }
    Ok(())
}

/// The offset after the last record of a finished output.
fn end_of(home: &Home, base: Offset) -> Result<Offset, StorageError> {
    let file = home
        .fs
        .open(&home.path(&(SegmentFile::Log.name(base) + SWAP)), Open::Read)?;
    let mut scan = HeaderScan::new(&*file, 0, file.len()?);
    let mut end = base;
    while let Some(placed) = scan.next()? {
        end = placed.header.next_offset();
    }
    Ok(end)
}

/// The segments' files; those without a file of batches are removed.
fn segments(home: &Home, names: &[String]) -> Result<Listing, StorageError> {
    let mut listing = Listing::new();
    for name in names {
        if let Some((kind, base)) = SegmentFile::parse(name) {
            listing.entry(base).or_default().insert(kind);
        }
    }
    for (base, kinds) in listing.extract_if(.., |_, kinds| !kinds.contains(&SegmentFile::Log)) {
        for kind in kinds {
            home.fs.remove_file(&home.path(&kind.name(base)))?;
        }
    }
    Ok(listing)
}

fn file_names(home: &Home) -> Result<Vec<String>, StorageError> {
    let entries = home.fs.list(&home.dir())?;
    let files = entries.into_iter().filter(|entry| entry.kind == EntryKind::File);
    Ok(files.map(|entry| entry.name).collect())
}

fn with_suffix(name: &str, suffix: &str) -> Option<(SegmentFile, Offset)> {
    SegmentFile::parse(name.strip_suffix(suffix)?)
}
