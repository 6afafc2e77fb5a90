//! The snapshot files beside the log: listed, read, written, and cleaned away when there is a newer one.

use crate::error::QuorumError;
use crate::metadata_log::MetadataLog;
use base::fs::{EntryKind, Fs, Open};
use base::{Offset, Timestamp};
use bytes::Bytes;
use metadata::image::Provenance;
use metadata::record_version::record_version;
use metadata::{Loader, MetadataImage, MetadataVersion};
use protocol::metadata_records::MetadataRecord;
use raft::snapshot::{self, SnapshotHeader, SnapshotWriter};
use raft::{SealedBatch, SnapshotId};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A finished snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotFile {
    pub(crate) id: SnapshotId,
    pub(crate) size: u64,
    pub(crate) written: Timestamp,
}

/// The finished snapshots in the log's directory, oldest first, the bootstrap snapshot among them. Files that a crash left
/// half written or half removed are removed.
pub(crate) fn list(log: &MetadataLog) -> Result<Vec<SnapshotFile>, QuorumError> {
    let mut found = Vec::new();
    for entry in log.fs().list(log.dir())? {
        if entry.kind != EntryKind::File {
            continue;
        }
        let path = log.dir().join(&entry.name);
        if let Some(id) = SnapshotId::parse_file_name(&entry.name) {
            found.push(file(&**log.fs(), id, &path)?);
        } else if entry.name.ends_with(".checkpoint.part") || entry.name.ends_with(".checkpoint.deleted") {
            log.fs().remove_file(&path)?;
        }
    }
    found.sort_by_key(|file| file.id);
    Ok(found)
}

/// The finished snapshot in the file at `path`.
pub(crate) fn file(fs: &dyn Fs, id: SnapshotId, path: &Path) -> io::Result<SnapshotFile> {
    Ok(SnapshotFile {
        id,
        size: fs.len(path)?,
        written: fs.modified(path)?,
    })
}

/// Reads a snapshot's header and the image that its records add up to.
pub(crate) fn read(log: &MetadataLog, id: SnapshotId) -> Result<(SnapshotHeader, MetadataImage), QuorumError> {
    read_image(&**log.fs(), &log.dir().join(id.file_name()))
}

/// As [`read`], from the file at `path`.
pub(crate) fn read_image(fs: &dyn Fs, path: &Path) -> Result<(SnapshotHeader, MetadataImage), QuorumError> {
    let (header, records) = read_records(fs, path)?;
    let mut image = MetadataImage::default();
    for record in &records {
        image.apply(record).map_err(|error| QuorumError::SnapshotRecord {
            path: path.to_owned(),
            error,
        })?;
    }
    Ok((header, image))
}

/// A loader that goes on from the snapshot `id`.
pub(crate) fn loader(id: SnapshotId, header: &SnapshotHeader, image: MetadataImage) -> Loader {
    let provenance = Provenance {
        last_contained_offset: Offset(id.end.0 - 1),
        last_contained_epoch: id.epoch,
        last_contained_timestamp: header.last_contained_timestamp,
    };
    Loader::new(image, provenance)
}

/// Reads the records of a file in the form of a snapshot, such as `bootstrap.checkpoint`.
pub(crate) fn read_records(fs: &dyn Fs, path: &Path) -> Result<(SnapshotHeader, Vec<MetadataRecord>), QuorumError> {
    let damaged = |error| QuorumError::Snapshot {
        path: path.to_owned(),
        error,
    };
    let mut records = Vec::new();
    let mut failed = None;
    let header = snapshot::read(&fs.read(path)?, |value| {
        match MetadataRecord::decode(&Bytes::copy_from_slice(value)) {
            Ok(record) => records.push(record),
            Err(error) => failed = Some(error),
        }
    });
    let header = header.map_err(damaged)?;
    match failed {
        Some(error) => Err(QuorumError::Record {
            offset: Offset(records.len() as i64),
            error,
        }),
        None => Ok((header, records)),
    }
}

/// A snapshot about to be written: everything it needs, so that it can be written away from the log.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    pub(crate) id: SnapshotId,
    pub(crate) header: SnapshotHeader,
    pub(crate) content: Content,
    pub(crate) now: Timestamp,
}

/// The records of a snapshot.
#[derive(Debug)]
pub(crate) enum Content {
    /// Those that make this image.
    Image(Box<MetadataImage>),
    /// These, at the newest metadata.version.
    Records(Vec<MetadataRecord>),
}

impl Content {
    fn into_records(self) -> (Vec<MetadataRecord>, MetadataVersion) {
        match self {
            Self::Image(image) => (image.to_records(), image.features.metadata_version_or_minimum()),
            Self::Records(records) => (records, MetadataVersion::LATEST_PRODUCTION),
        }
    }
}

impl Assignment {
    /// Writes the snapshot under a temporary name, syncs it, and gives it its name.
    pub(crate) fn write(self) -> Result<SnapshotFile, QuorumError> {
        let name = self.id.file_name();
        self.write_as(name.as_ref())
    }

    /// As [`Assignment::write`], under another name.
    pub(crate) fn write_as(self, name: &Path) -> Result<SnapshotFile, QuorumError> {
        let path = self.dir.join(name);
        let part = path.with_added_extension("part");
        let output = self.fs.open(&part, Open::Truncate)?;
        let mut position = 0;
        let mut write = |sealed: &SealedBatch| -> io::Result<()> {
            let header = sealed.batch.header_at(sealed.base, sealed.epoch);
            output.write_at(&header, position)?;
            output.write_at(sealed.batch.body(), position + header.len() as u64)?;
            position += sealed.batch.size() as u64;
            Ok(())
        };
        let (mut writer, first) = SnapshotWriter::begin(self.id, &self.header, self.now);
        write(&first)?;
        let (records, version) = self.content.into_records();
        for record in records {
            let value = record.encode(record_version(&record, version))?;
            if let Some(full) = writer.append(&value) {
                write(&full)?;
            }
        }
        for last in writer.finish() {
            write(&last)?;
        }
        output.sync()?;
        self.fs.rename(&part, &path)?;
        self.fs.sync_dir(&self.dir)?;
        Ok(file(&*self.fs, self.id, &path)?)
    }
}

/// How much is kept: `metadata.max.retention.bytes` and `metadata.max.retention.ms`; negative means no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    pub(crate) bytes: i64,
    pub(crate) ms: i64,
}

/// How many of the oldest snapshots, and the log below the next one, are to go. The newest always stays.
pub(crate) fn expired(snapshots: &[SnapshotFile], log_size: u64, retention: Retention, now: Timestamp) -> usize {
    let mut total = snapshots
        .iter()
        .map(|file| file.size)
        .sum::<u64>()
        .saturating_add(log_size);
    let mut expired = 0;
    for oldest in snapshots.iter().take(snapshots.len().saturating_sub(1)) {
        let too_large = u64::try_from(retention.bytes).is_ok_and(|limit| total > limit);
        let too_old = retention.ms >= 0 && now.0.saturating_sub(oldest.written.0) > retention.ms;
        if !too_large && !too_old {
            break;
        }
        total = total.saturating_sub(oldest.size);
        expired += 1;
    }
    expired
}

/// Removes a snapshot's file.
pub(crate) fn remove(log: &MetadataLog, id: SnapshotId) -> Result<(), QuorumError> {
    Ok(log.fs().remove_file(&log.dir().join(id.file_name()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::LeaderEpoch;

    #[test]
    fn the_oldest_go_while_there_is_too_much_and_the_newest_stays() {
        let file = |end, written| SnapshotFile {
            id: SnapshotId {
                end: Offset(end),
                epoch: LeaderEpoch(1),
            },
            size: 100,
            written: Timestamp(written),
        };
        let files = [file(10, 0), file(20, 50), file(30, 100)];
        let keep = |bytes, ms| expired(&files, 500, Retention { bytes, ms }, Timestamp(100));
        assert_eq!(keep(-1, -1), 0);
        assert_eq!(keep(800, -1), 0);
        assert_eq!(keep(799, -1), 1);
        assert_eq!(keep(0, -1), 2);
        assert_eq!(keep(-1, 99), 1);
        assert_eq!(keep(-1, 0), 2);
        assert_eq!(expired(&[], 500, Retention { bytes: 0, ms: 0 }, Timestamp(1)), 0);
    }
}
