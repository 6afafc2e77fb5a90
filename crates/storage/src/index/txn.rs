//! The transaction index of a segment: which transactions were aborted by markers in it.
//!
//! 34 bytes an entry, in the order of the markers. The file is absent until the first abort.

use crate::producer_state::CompletedTxn;
use base::fs::{File, Fs, Open};
use base::{Offset, ProducerId};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The suffix of a transaction index.
pub const SUFFIX: &str = ".txnindex";
/// The bytes of an entry.
pub const ENTRY_LEN: usize = 34;
const VERSION: i16 = 0;

/// A transaction that ended with an ABORT marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Its producer.
    pub producer_id: ProducerId,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The offset of its marker.
    pub last_offset: Offset,
    /// The last stable offset when the marker was appended.
    pub last_stable_offset: Offset,
}

impl AbortedTxn {
    /// The entry for an aborted transaction.
    pub fn new(completed: &CompletedTxn, last_stable_offset: Offset) -> Self {
        Self {
            producer_id: completed.producer_id,
            first_offset: completed.first_offset,
            last_offset: completed.last_offset,
            last_stable_offset,
        }
    }

    /// The entry's bytes.
    pub fn encode(&self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        bytes[0..2].copy_from_slice(&VERSION.to_be_bytes());
        bytes[2..10].copy_from_slice(&self.producer_id.0.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.first_offset.0.to_be_bytes());
        bytes[18..26].copy_from_slice(&self.last_offset.0.to_be_bytes());
        bytes[26..34].copy_from_slice(&self.last_stable_offset.0.to_be_bytes());
        bytes
    }

    /// The entry in these bytes; `Err` carries a version other than 0.
    pub fn decode(bytes: &[u8; ENTRY_LEN]) -> Result<Self, i16> {
        let field = |at: usize| i64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let version = i16::from_be_bytes([bytes[0], bytes[1]]);
        if version != VERSION {
            return Err(version);
        }
        Ok(Self {
            producer_id: ProducerId(field(2)),
            first_offset: Offset(field(10)),
            last_offset: Offset(field(18)),
            last_stable_offset: Offset(field(26)),
        })
    }
}

/// A transaction index is not what it should be; it is rebuilt from its segment.
#[derive(Debug, thiserror::Error)]
pub enum TxnIndexError {
    /// The file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The length is no multiple of an entry, an entry's version is unknown, or the entries are out of order.
    #[error("transaction index {} is corrupt at entry {entry}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The number of the bad entry, from 0.
        entry: usize,
    },
}

/// What a read wants to know of one segment's index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// The aborted transactions that overlap the range, in order.
    pub aborted: Vec<AbortedTxn>,
    /// Whether later segments have none: an abort was found whose last stable offset reaches the end of the range.
    pub complete: bool,
}

/// The transaction index of one segment; aborts are rare, so its entries are kept in memory.
#[derive(Debug)]
pub struct TransactionIndex {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    file: Option<Arc<dyn File>>,
    entries: Vec<AbortedTxn>,
}

impl TransactionIndex {
    /// Opens the index of the segment that starts at `base_offset`, and checks it; no file means no aborts.
    pub fn open(fs: Arc<dyn Fs>, path: PathBuf, base_offset: Offset) -> Result<Self, TxnIndexError> {
        let mut index = Self {
            fs,
            path,
            file: None,
            entries: Vec::new(),
        };
        if !index.fs.exists(&index.path) {
            return Ok(index);
        }
        let bytes = index.fs.read(&index.path)?;
        index.entries = decode_all(&index.path, &bytes, base_offset)?;
        index.file = Some(index.fs.open(&index.path, Open::Write)?);
        Ok(index)
    }

    /// An empty index in place of whatever is at `path`.
    pub fn reset(fs: Arc<dyn Fs>, path: PathBuf) -> io::Result<Self> {
        match fs.remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        Ok(Self {
            fs,
            path,
            file: None,
            entries: Vec::new(),
        })
    }

    /// Adds an abort; the file is created with the first.
    ///
    /// # Panics
    /// If its marker does not lie above those in the index: the markers of a log come in order.
    pub fn append(&mut self, aborted: AbortedTxn) -> io::Result<()> {
        let in_order = self
            .entries
            .last()
            .is_none_or(|last| last.last_offset < aborted.last_offset);
        assert!(in_order, "abort markers are appended in the order of the log");
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(self.fs.open(&self.path, Open::Create)?),
        };
        file.write_at(&aborted.encode(), (self.entries.len() * ENTRY_LEN) as u64)?;
        self.entries.push(aborted);
        Ok(())
    }

    /// The entries, in the order of their markers.
    pub fn entries(&self) -> &[AbortedTxn] {
        &self.entries
    }

    /// The aborted transactions that overlap `fetch_offset..upper_bound`.
    pub fn collect(&self, fetch_offset: Offset, upper_bound: Offset) -> Collected {
        let mut collected = Collected::default();
        for aborted in &self.entries {
            if aborted.last_offset >= fetch_offset && aborted.first_offset < upper_bound {
                collected.aborted.push(*aborted);
            }
            if aborted.last_stable_offset >= upper_bound {
                collected.complete = true;
                break;
            }
        }
        collected
    }

    /// Drops the aborts whose marker is at `offset` or above.
    pub fn truncate_to(&mut self, offset: Offset) -> io::Result<()> {
        let kept = self.entries.partition_point(|aborted| aborted.last_offset < offset);
        if kept < self.entries.len() {
            self.entries.truncate(kept);
            if let Some(file) = &self.file {
                file.set_len((kept * ENTRY_LEN) as u64)?;
            }
        }
        Ok(())
    }

    /// Puts the file on stable storage.
    pub fn flush(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.sync())
    }

    /// The file's path, where it is or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file exists.
    pub fn on_disk(&self) -> bool {
        self.file.is_some()
    }

    /// The file, if there is one, has been renamed.
    pub fn moved_to(&mut self, path: PathBuf) {
        self.path = path;
    }
}

fn decode_all(path: &Path, bytes: &[u8], base_offset: Offset) -> Result<Vec<AbortedTxn>, TxnIndexError> {
    let (chunks, rest) = bytes.as_chunks::<ENTRY_LEN>();
    let corrupt = |entry| TxnIndexError::Corrupt {
        path: path.to_owned(),
        entry,
    };
    if !rest.is_empty() {
        return Err(corrupt(chunks.len()));
    }
    let mut entries: Vec<AbortedTxn> = Vec::with_capacity(chunks.len());
    for (number, chunk) in chunks.iter().enumerate() {
        let aborted = AbortedTxn::decode(chunk).map_err(|_| corrupt(number))?;
        let in_order = entries.last().is_none_or(|last| last.last_offset < aborted.last_offset);
        if aborted.last_offset < base_offset || !in_order {
            return Err(corrupt(number));
        }
        entries.push(aborted);
    }
    Ok(entries)
}
