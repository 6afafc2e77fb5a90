//! What is in a file, and what of it is safe.

use super::Disk;
use base::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

/// What was done to a file since its last sync.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

impl Change {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::SetLen(len) => content.resize(*len, 0),
            Self::Write(position, bytes) => {
                let end = position + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*position..end].copy_from_slice(bytes);
            }
        }
    }
}

impl Inode {
    /// A file that is safe as it is.
    pub(super) fn safe(content: Vec<u8>) -> Self {
        Self {
            durable: content.clone(),
            current: content,
            pending: Vec::new(),
        }
    }

    pub(super) fn content(&self) -> &[u8] {
        &self.current
    }

    pub(super) fn durable(&self) -> &[u8] {
        &self.durable
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.change(Change::SetLen(len));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            change.apply(&mut self.durable);
        }
    }
}

/// An open file.
#[derive(Debug)]
pub(super) struct OpenFile {
    disk: Disk,
    inode: usize,
}

impl OpenFile {
    pub(super) fn new(disk: Disk, inode: usize) -> Self {
        Self { disk, inode }
    }
}

fn position(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

impl File for OpenFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let content = state.inodes[self.inode].content();
        let from = content.len().min(position(at));
        let count = buffer.len().min(content.len() - from);
        buffer[..count].copy_from_slice(&content[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.take_change()?;
        state.inodes[self.inode].change(Change::Write(position(at), bytes.to_vec()));
        Ok(())
    }

    fn write_vectored_at(&self, slices: &[IoSlice<'_>], mut at: u64) -> io::Result<()> {
        for slice in slices {
            self.write_at(slice, at)?;
            at += slice.len() as u64;
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[self.inode].content().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.take_change()?;
        state.inodes[self.inode].set_len(position(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.take_change()?;
        state.may_sync()?;
        state.inodes[self.inode].sync();
        Ok(())
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
