//! Offset, time and transaction indexes: printed, and held against the log beside them.

use super::batch_file::BatchFile;
use super::findings::Findings;
use super::segment::{self, max_timestamp};
use super::{Request, base_offset};
use anyhow::{Context, bail};
use base::fs::{Fs, RealFs};
use std::io::Write;
use std::path::{Path, absolute};
use storage::index::txn::{AbortedTxn, ENTRY_LEN};

/// What is wanted of the indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Their entries, and what is wrong with them.
    Print,
    /// Only what is wrong with them.
    VerifyOnly,
    /// Only the check of a starting broker.
    SanityOnly,
}

const OFFSET_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;

struct OffsetEntry {
    offset: i64,
    position: u64,
}

struct TimeEntry {
    timestamp: i64,
    offset: i64,
}

/// Prints an offset index.
pub fn dump_offsets(
    request: &Request,
    path: &Path,
    findings: &mut Findings,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let base = base_offset(path)?;
    let mut log = BatchFile::open(&path.with_extension("log"), u64::MAX)?;
    let bytes = RealFs.read(path)?;
    let entries = offset_entries(&bytes, base);
    if entries.is_empty() {
        return Ok(writeln!(out, "{} is empty.", path.display())?);
    }
    if request.indexes == Mode::SanityOnly {
        check_offsets(path, base, &bytes, &entries)?;
        return Ok(writeln!(out, "{} passed sanity check.", path.display())?);
    }
    for (number, entry) in entries.iter().enumerate() {
        if is_unused(entry.offset, base, number) {
            break;
        }
        log.seek(entry.position, request.max_message_size as u64)?;
        let batch = log.next()?.with_context(|| {
            format!(
                "no batch of up to {} bytes at position {}",
                request.max_message_size, entry.position
            )
        })?;
        let last_offset = batch.header().last_offset().0;
        if last_offset != entry.offset {
            findings.index_mismatch(path, entry.offset, last_offset);
        }
        if request.indexes == Mode::Print {
            writeln!(out, "offset: {} position: {}", entry.offset, entry.position)?;
        }
    }
    Ok(())
}

/// Prints a time index.
pub fn dump_times(request: &Request, path: &Path, findings: &mut Findings, out: &mut dyn Write) -> anyhow::Result<()> {
    let base = base_offset(path)?;
    let mut log = BatchFile::open(&path.with_extension("log"), u64::MAX)?;
    let bytes = RealFs.read(path)?;
    let entries = time_entries(&bytes, base);
    if request.indexes == Mode::SanityOnly {
        check_times(path, base, &bytes, &entries)?;
        return Ok(writeln!(out, "{} passed sanity check.", path.display())?);
    }
    let offset_index = path.with_extension("index");
    let offsets = if RealFs.exists(&offset_index) {
        RealFs.read(&offset_index)?
    } else {
        Vec::new()
    };
    let offsets = offset_entries(&offsets, base);
    let mut previous = -1;
    for (number, entry) in entries.iter().enumerate() {
        if is_unused(entry.offset, base, number) {
            break;
        }
        let below = offsets
            .iter()
            .enumerate()
            .take_while(|(number, below)| !is_unused(below.offset, base, *number));
        let below = below.filter(|(_, below)| below.offset <= entry.offset).last();
        log.seek(below.map_or(0, |(_, below)| below.position), u64::MAX)?;
        verify_time(path, entry, previous, &mut log, findings)?;
        if request.indexes == Mode::Print {
            writeln!(out, "timestamp: {} offset: {}", entry.timestamp, entry.offset)?;
        }
        previous = entry.timestamp;
    }
    Ok(())
}

/// Looks for the batch that ends at the entry's offset and compares its latest time.
fn verify_time(
    path: &Path,
    entry: &TimeEntry,
    previous: i64,
    log: &mut BatchFile,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    while let Some(batch) = log.next()? {
        let last_offset = batch.header().last_offset().0;
        if last_offset < entry.offset {
            continue;
        }
        if last_offset > entry.offset {
            findings.offset_not_found(path, entry.offset, last_offset);
            return Ok(());
        }
        let logged = max_timestamp(&batch, &mut segment::block(&batch)?)?;
        if logged != entry.timestamp {
            findings.time_mismatch(path, entry.timestamp, logged);
        }
        if previous >= entry.timestamp {
            findings.time_out_of_order(path, entry.timestamp, previous);
        }
        return Ok(());
    }
    findings.offset_not_found(path, entry.offset, -1);
    Ok(())
}

/// Prints a transaction index.
pub fn dump_transactions(path: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let bytes = RealFs.read(path)?;
    let (entries, rest) = bytes.as_chunks::<ENTRY_LEN>();
    for entry in entries {
        let Ok(aborted) = AbortedTxn::decode(entry) else {
            let version = i16::from_be_bytes([entry[0], entry[1]]);
            bail!("Unexpected aborted transaction version {version}, current version is 0");
        };
        writeln!(
            out,
            "version: 0 producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
            aborted.producer_id, aborted.first_offset, aborted.last_offset, aborted.last_stable_offset
        )?;
    }
    if !rest.is_empty() {
        bail!(
            "the transaction index ends within an entry: {} bytes are left",
            rest.len()
        );
    }
    Ok(())
}

/// An index that was not trimmed ends in zeros; only its first entry may be for the base offset.
fn is_unused(offset: i64, base: i64, number: usize) -> bool {
    offset == base && number > 0
}

fn offset_entries(bytes: &[u8], base: i64) -> Vec<OffsetEntry> {
    let (entries, _) = bytes.as_chunks::<OFFSET_ENTRY>();
    let entry = |bytes: &[u8; OFFSET_ENTRY]| OffsetEntry {
        offset: base.wrapping_add(i32_at(bytes, 0)),
        position: i32_at(bytes, 4).unsigned_abs(),
    };
    entries.iter().map(entry).collect()
}

fn time_entries(bytes: &[u8], base: i64) -> Vec<TimeEntry> {
    let (entries, _) = bytes.as_chunks::<TIME_ENTRY>();
    let entry = |bytes: &[u8; TIME_ENTRY]| TimeEntry {
        timestamp: i64::from_be_bytes(*bytes.first_chunk().expect("an entry has twelve bytes")),
        offset: base.wrapping_add(i32_at(bytes, 8)),
    };
    entries.iter().map(entry).collect()
}

fn i32_at(bytes: &[u8], at: usize) -> i64 {
    i64::from(i32::from_be_bytes(
        *bytes[at..].first_chunk().expect("the field is within the entry"),
    ))
}

fn check_offsets(path: &Path, base: i64, bytes: &[u8], entries: &[OffsetEntry]) -> anyhow::Result<()> {
    let path = absolute(path)?;
    if let Some(last) = entries.last()
        && last.offset < base
    {
        bail!(
            "Corrupt index found, index file {} has non-zero size but the last offset is {} which is less than the \
             base offset {base}",
            path.display(),
            last.offset
        );
    }
    check_length("Index", &path, bytes, OFFSET_ENTRY)
}

fn check_times(path: &Path, base: i64, bytes: &[u8], entries: &[TimeEntry]) -> anyhow::Result<()> {
    let path = absolute(path)?;
    if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
        let found = format!(
            "Corrupt time index found, time index file ({}) has non-zero size but",
            path.display()
        );
        if last.timestamp < first.timestamp {
            bail!(
                "{found} the last timestamp is {} which is less than the first timestamp {}",
                last.timestamp,
                first.timestamp
            );
        }
        if last.offset < base {
            bail!(
                "{found} the last offset is {} which is less than the first offset {base}",
                last.offset
            );
        }
    }
    check_length("Time index", &path, bytes, TIME_ENTRY)
}

fn check_length(kind: &str, path: &Path, bytes: &[u8], entry: usize) -> anyhow::Result<()> {
    if !bytes.len().is_multiple_of(entry) {
        bail!(
            "{kind} file {} is corrupt, found {} bytes which is neither positive nor a multiple of {entry}",
            path.display(),
            bytes.len()
        );
    }
    Ok(())
}
