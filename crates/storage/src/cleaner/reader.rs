//! Reading a segment batch by batch, in pieces of the cleaner's buffer.

use super::error::CleaningError;
use super::pace::{Pace, PaceSetter};
use crate::segment::Segment;
use base::fs::File;
use records::compression::{Codec, decompress};
use records::{BatchError, BatchView, ProduceRules};
use std::sync::Arc;

/// Reads a segment from one position to its end; every batch's checksum is compared.
pub(super) struct BatchReader<'a> {
    segment: &'a Segment,
    file: Arc<dyn File>,
    chunk: usize,
    /// Where in the file the buffer ends.
    position: u64,
    end: u64,
    /// Where in the buffer the next batch begins.
    at: usize,
    buffer: &'a mut Vec<u8>,
}

impl<'a> BatchReader<'a> {
    pub(super) fn new(
        segment: &'a Segment,
        from: u64,
        chunk: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Self, CleaningError> {
        buffer.clear();
        Ok(Self {
            segment,
            file: segment.log()?,
            chunk: chunk.max(records::HEADER_LEN),
            position: from,
            end: segment.size(),
            at: 0,
            buffer,
        })
    }

    /// The next batch; none at the end.
    pub(super) fn next(&mut self, pace: &mut PaceSetter<'_>) -> Result<Option<BatchView<'_>>, CleaningError> {
        let len = loop {
            let error = match BatchView::split(&self.buffer[self.at..]) {
                Ok((batch, _)) => match batch.check() {
                    Ok(()) => break batch.bytes().len(),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let kept = self.buffer.len() - self.at;
            let left = self.end - self.position;
            if kept == 0 && left == 0 {
                return Ok(None);
            }
            match error {
                BatchError::Partial { needed, .. } if needed as u64 <= kept as u64 + left && left > 0 => {
                    self.fill(needed, kept, left, pace)?;
                }
                error => {
                    return Err(CleaningError::Batch {
                        segment: self.segment.base(),
                        position: self.position - kept as u64,
                        error,
                    });
                }
            }
        };
        let from = self.at;
        self.at += len;
        let (batch, _) = BatchView::split(&self.buffer[from..self.at]).expect("split above");
        Ok(Some(batch))
    }

    /// Moves what is left to the front and reads on, at least up to `needed` bytes.
    fn fill(&mut self, needed: usize, kept: usize, left: u64, pace: &mut PaceSetter<'_>) -> Result<(), CleaningError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let more = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(self.chunk.max(needed).saturating_sub(kept).max(1));
        if pace(more) == Pace::Stop {
            return Err(CleaningError::Stopped);
        }
        self.buffer.resize(kept + more, 0);
        let read = self.file.read_at(&mut self.buffer[kept..], self.position)?;
        if read < more {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        self.position += read as u64;
        Ok(())
    }
}

/// The records' block of a batch, decompressed into `scratch` if need be.
pub(super) fn records_block<'a>(batch: &BatchView<'a>, scratch: &'a mut Vec<u8>) -> Result<&'a [u8], CleaningError> {
    let unreadable = CleaningError::Records(batch.header().base_offset);
    match Codec::from_id(batch.header().attributes.codec_id()) {
        Some(Codec::None) => Ok(batch.body()),
        Some(codec) => {
            decompress(codec, batch.body(), ProduceRules::MAX_DECOMPRESSED_BYTES, scratch).map_err(|_| unreadable)?;
            Ok(scratch)
        }
        None => Err(unreadable),
    }
}
