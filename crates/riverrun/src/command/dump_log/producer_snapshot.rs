//! Producer snapshots.

use base::fs::{Fs, RealFs};
use std::io::Write;
use std::path::Path;
use storage::producer_state::BatchMetadata;
use storage::producer_state::snapshot::{SnapshotEntry, SnapshotError, decode};

/// Prints a producer snapshot; one that is damaged gets a line on stderr.
pub fn dump(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<()> {
    match decode(&RealFs.read(path)?) {
        Ok(entries) => entries.iter().try_for_each(|entry| print(entry, out)),
        Err(SnapshotError::Checksum { stored, computed }) => Ok(writeln!(
            err,
            "Snapshot is corrupt (CRC is no longer valid). Stored crc: {stored}. Computed crc: {computed}"
        )?),
        Err(SnapshotError::Version(version)) => {
            Ok(writeln!(err, "Snapshot contained an unknown file version {version}")?)
        }
        Err(error @ SnapshotError::Length { .. }) => Ok(writeln!(err, "Snapshot failed schema validation: {error}")?),
    }
}

fn print(entry: &SnapshotEntry, out: &mut dyn Write) -> anyhow::Result<()> {
    let open = match entry.current_txn_first_offset.0 {
        offset @ 0.. => format!("OptionalLong[{offset}]"),
        _ => "OptionalLong.empty".to_owned(),
    };
    write!(
        out,
        "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {open} lastTimestamp: {}",
        entry.producer_id, entry.epoch, entry.coordinator_epoch, entry.timestamp
    )?;
    if entry.last_offset.0 >= 0 {
        let batch = BatchMetadata {
            last_sequence: entry.last_sequence,
            last_offset: entry.last_offset,
            offset_delta: entry.offset_delta,
            timestamp: entry.timestamp,
        };
        write!(
            out,
            " firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
            batch.first_sequence(),
            batch.last_sequence,
            batch.last_offset,
            batch.offset_delta,
            batch.timestamp
        )?;
    }
    Ok(writeln!(out)?)
}
