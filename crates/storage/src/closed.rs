//! Closed segments as a scrub holds them: read through, kept from readers where they are damaged, and patched.

use crate::damage::{Damage, Patch, PatchError};
use crate::fsck::segment::{Depth, Walk};
use crate::log::Log;
use crate::names::SegmentFile;
use crate::segment::Segment;
use crate::view::LogView;
use base::Offset;
use base::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A segment that nothing is appended to any more, as a scrub holds it.
#[derive(Clone, Debug)]
pub struct ClosedSegment {
    segment: Arc<Segment>,
    end: Offset,
}

impl LogView {
    /// The closed segments, the oldest first.
    pub fn closed(&self) -> impl Iterator<Item = ClosedSegment> + '_ {
        let (_, closed) = self.segments.split_last().expect("a log has at least one segment");
        closed.iter().enumerate().map(|(number, segment)| ClosedSegment {
            segment: Arc::clone(segment),
            end: self.end_of(number),
        })
    }
}

impl ClosedSegment {
    /// The file of batches, under the name it has now.
    pub fn path(&self) -> PathBuf {
        self.segment.path(SegmentFile::Log)
    }

    /// A walk over it, which goes on whatever becomes of the segment.
    ///
    /// # Errors
    /// If its file cannot be opened: it may have been removed since.
    pub fn walk(&self, depth: Depth) -> io::Result<Walk> {
        self.walk_from(0, self.segment.base(), depth)
    }

    /// A walk that begins at the batch at `position`, whose first offset is at least `next`.
    ///
    /// # Errors
    /// As [`ClosedSegment::walk`].
    pub fn walk_from(&self, position: u64, next: Offset, depth: Depth) -> io::Result<Walk> {
        let (file, size) = (self.segment.log()?, self.segment.size());
        Ok(Walk::over_closed(
            file,
            self.path(),
            position..size,
            next..self.end,
            depth,
        ))
    }

    /// The bytes at `position`; fewer where the file ends.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn read(&self, position: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let read = self.segment.log()?.read_at(&mut bytes, position)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// From now on nobody is served from these stretches, which are all that are known of in the segment.
    pub fn quarantine(&self, damages: &[Damage]) {
        self.segment.set_damages(damages.to_vec());
    }
}

impl Log {
    /// Puts other bytes in the place of damaged ones. What they make whole is served again once [`ClosedSegment::quarantine`]
    /// says so; the file answered is to be synced before.
    ///
    /// # Errors
    /// If the segment is no longer a closed one of this log, or cannot be written: then the log goes offline.
    pub fn patch(&mut self, closed: &ClosedSegment, patches: &[Patch]) -> Result<Arc<dyn File>, PatchError> {
        let (_, before) = self.segments.split_last().expect("a log has at least one segment");
        let size = closed.segment.size();
        let is_there = before.iter().any(|segment| Arc::ptr_eq(segment, &closed.segment));
        let fits = |patch: &Patch| patch.position + patch.bytes.len() as u64 <= size;
        if !is_there || !patches.iter().all(fits) {
            return Err(PatchError::Gone);
        }
        let file = self.writing(|_| {
            let file = closed.segment.log()?;
            for patch in patches {
                file.write_at(&patch.bytes, patch.position)?;
            }
            Ok(file)
        })?;
        Ok(file)
    }
}
