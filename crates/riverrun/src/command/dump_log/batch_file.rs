//! The batches of a file, read one at a time.

use anyhow::{Context, bail};
use base::fs::{File, Fs, Open, RealFs};
use records::BatchView;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Up to and with the magic number; a tail shorter than this is no batch.
const HEAD: usize = 17;
const OVERHEAD: u64 = 12;
/// What is looked through at a time.
const PIECE: usize = 64 << 10;
/// The shortest batch of the oldest format.
const SHORTEST: i32 = 14;

/// A cursor over the batches of a file, within limits.
#[derive(Debug)]
pub struct BatchFile {
    path: PathBuf,
    file: Arc<dyn File>,
    /// Where the next batch begins.
    pub position: u64,
    /// Where the batches end at the latest.
    pub end: u64,
    buffer: Vec<u8>,
}

impl BatchFile {
    /// The batches from the file's beginning, in at most `max_bytes`.
    pub fn open(path: &Path, max_bytes: u64) -> anyhow::Result<Self> {
        let file = RealFs.open(path, Open::Read)?;
        let end = file.len()?.min(max_bytes);
        Ok(Self {
            path: path.to_owned(),
            file,
            position: 0,
            end,
            buffer: Vec::new(),
        })
    }

    /// The same file from `position` on, for at most `max_bytes`.
    pub fn seek(&mut self, position: u64, max_bytes: u64) -> anyhow::Result<()> {
        self.position = position;
        self.end = self.file.len()?.min(position.saturating_add(max_bytes));
        Ok(())
    }

    /// The next whole batch; none at the end, or at a tail that is no whole batch or nothing but zeros.
    pub fn next(&mut self) -> anyhow::Result<Option<BatchView<'_>>> {
        let mut head = [0; HEAD];
        if self.position + HEAD as u64 > self.end || self.file.read_at(&mut head, self.position)? < HEAD {
            return Ok(None);
        }
        let length = i32::from_be_bytes(*head[8..].first_chunk().expect("the head has 17 bytes"));
        if length == 0 && self.only_zeros_follow()? {
            // Room ahead of a log that is not closed.
            return Ok(None);
        }
        if length < SHORTEST {
            bail!(
                "Found record size {length} smaller than minimum record overhead ({SHORTEST}) in file {}",
                self.path.display()
            );
        }
        let size = u64::from(length.unsigned_abs()) + OVERHEAD;
        if size > self.end - self.position {
            return Ok(None);
        }
        // No more than the file has: its length was looked up.
        self.buffer.resize(usize::try_from(size)?, 0);
        self.file.read_at(&mut self.buffer, self.position)?;
        let position = self.position;
        self.position += size;
        let (batch, _) = BatchView::split(&self.buffer).with_context(|| format!("batch at position {position}"))?;
        Ok(Some(batch))
    }

    fn only_zeros_follow(&mut self) -> anyhow::Result<bool> {
        self.buffer.resize(PIECE, 0);
        let mut at = self.position;
        while at < self.end {
            match self.file.read_at(&mut self.buffer, at)? {
                0 => break,
                read if self.buffer[..read].iter().all(|byte| *byte == 0) => at += read as u64,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}
