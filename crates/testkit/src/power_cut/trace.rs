//! Reading a recording. The layout of an event is described where it is written: `power-cut-shim`, `trace.rs`.

use anyhow::{Context, Result, bail};
use std::ops::Range;
use std::path::PathBuf;

/// `O_TRUNC` of Linux.
const TRUNCATE: u64 = 0o1000;

/// One recorded call.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// When it was made.
    pub(super) begin: u64,
    /// When it had returned.
    pub(super) end: u64,
    pub(super) change: Change,
}

/// What it did.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Open {
        path: PathBuf,
        inode: u64,
        truncate: bool,
    },
    Write {
        inode: u64,
        at: u64,
        data: Range<usize>,
    },
    SetLen {
        inode: u64,
        len: u64,
    },
    MakeDir {
        path: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    /// With `metadata`, what the file system knows of the file was committed too.
    SyncFile {
        inode: u64,
        metadata: bool,
    },
    WriteOut {
        inode: u64,
    },
    /// A part of the file only.
    WriteOutPart {
        inode: u64,
        part: Range<u64>,
    },
    Touch {
        inode: u64,
    },
    SyncDir {
        path: PathBuf,
    },
    SyncAll,
    Link {
        from: PathBuf,
        to: PathBuf,
    },
}

/// The events of a recording, in the order in which they were done. Data is a range of `bytes`.
pub(super) fn events(bytes: &[u8]) -> Result<Vec<Event>> {
    let mut reader = Reader { bytes, at: 0 };
    let mut events = Vec::new();
    while reader.at < bytes.len() {
        let from = reader.at;
        let event = reader.event().with_context(|| format!("the event at byte {from}"))?;
        events.push(event);
    }
    events.sort_by_key(|event| event.end);
    Ok(events)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, len: usize) -> Result<Range<usize>> {
        let range = self.at..self.at + len;
        anyhow::ensure!(range.end <= self.bytes.len(), "the recording ends within it");
        self.at = range.end;
        Ok(range)
    }

    fn number(&mut self) -> Result<u64> {
        let range = self.take(8)?;
        Ok(u64::from_le_bytes(self.bytes[range].try_into()?))
    }

    fn string(&mut self) -> Result<Range<usize>> {
        let range = self.take(4)?;
        let len = u32::from_le_bytes(self.bytes[range].try_into()?);
        self.take(usize::try_from(len)?)
    }

    fn path(&mut self) -> Result<PathBuf> {
        let range = self.string()?;
        Ok(std::str::from_utf8(&self.bytes[range])?.into())
    }

    fn event(&mut self) -> Result<Event> {
        self.take(4)?;
        let kind = self.take(1)?;
        let kind = self.bytes[kind.start];
        let (begin, end, inode, argument) = (self.number()?, self.number()?, self.number()?, self.number()?);
        let (path, other, data) = (self.path()?, self.path()?, self.string()?);
        let change = match kind {
            1 => Change::Open {
                path,
                inode,
                truncate: argument & TRUNCATE != 0,
            },
            2 => Change::Write {
                inode,
                at: argument,
                data,
            },
            3 => Change::SetLen { inode, len: argument },
            4 => Change::MakeDir { path },
            5 => Change::Remove { path },
            6 => Change::Rename { from: path, to: other },
            7 if path.as_os_str().is_empty() => Change::SyncFile {
                inode,
                metadata: argument == 1,
            },
            7 => Change::SyncDir { path },
            8 => Change::SyncAll,
            9 => Change::Link { from: path, to: other },
            10 => Change::WriteOut { inode },
            11 => Change::Touch { inode },
            12 => Change::WriteOutPart {
                inode,
                part: argument..u64::from_le_bytes(self.bytes[data].try_into()?),
            },
            kind => bail!("no event is of kind {kind}"),
        };
        Ok(Event { begin, end, change })
    }
}
