//! Making room ahead of a log's end.

use crate::error::StorageError;
use crate::log::Log;
use crate::room::{Piece, Room};
use base::fs::{File, Fs};
use std::path::Path;
use std::sync::Arc;

/// Room is made only while at least this part of the volume is free, or this much.
const FREE_PART: u64 = 8;
const FREE: u64 = 4 << 30;
/// What is written at once, while the partition is locked.
const STEP: usize = 128 << 10;

static ZEROS: [u8; STEP] = [0; STEP];

/// How far room is made.
#[derive(Clone, Debug)]
pub enum RoomStep {
    /// Not all of it.
    More,
    /// All of it, and this file is to be synced.
    Written(Arc<dyn File>),
    /// Nobody wants it any more.
    Void,
}

impl Log {
    /// The room to be made now: flushes have been small of late, and little is left. Whoever gets it makes it with [`Log::make_room`].
    pub fn wants_room(&mut self) -> Option<Room> {
        if self.config.preallocate || self.offline {
            return None;
        }
        let segment = self.active_segment();
        let (base, size) = (segment.base(), segment.size());
        self.ahead.wanted(base, size, u64::from(self.config.segment_bytes))
    }

    /// Makes some of the room; the file to be synced once all of it is made. An error concerns the room only: the log is as it was.
    pub fn make_room(&mut self, room: &Room) -> Result<RoomStep, StorageError> {
        if self.offline {
            return Ok(RoomStep::Void);
        }
        let segment = Arc::clone(self.active_segment());
        let file = segment.log()?;
        // Nobody appends meanwhile: the log is ours. What begins at the end or above belongs to no batch.
        match self.ahead.next_piece(room, segment.base(), segment.size(), STEP as u64) {
            Piece::Void => Ok(RoomStep::Void),
            Piece::Nothing => Ok(RoomStep::Written(file)),
            Piece::At(range) => {
                let len = usize::try_from(range.end - range.start).map_or(STEP, |len| len.min(STEP));
                file.write_at(&ZEROS[..len], range.start)?;
                Ok(RoomStep::More)
            }
        }
    }

    /// Makes the room at once and waits until it is safe: for who flushes with nobody beside. Where there is no space for it, nothing is
    /// made.
    ///
    /// # Errors
    /// If the sync fails: the log is offline then, as after any other that failed.
    pub fn make_room_now(&mut self, room: &Room) -> Result<(), StorageError> {
        if !is_spacious(&*self.home.fs, &self.home.dir()) {
            self.room_failed(room);
            return Ok(());
        }
        loop {
            match self.make_room(room) {
                Ok(RoomStep::More) => {}
                Ok(RoomStep::Written(file)) => {
                    self.writing(|_| Ok(file.sync()?))?;
                    self.room_is_safe(room);
                    return Ok(());
                }
                Ok(RoomStep::Void) => return Ok(()),
                Err(_) => {
                    self.room_failed(room);
                    return Ok(());
                }
            }
        }
    }

    /// The file of [`RoomStep::Written`] was synced.
    pub fn room_is_safe(&mut self, room: &Room) {
        self.ahead.is_safe(room);
    }

    /// There was no space for it, or no descriptor: nobody tries again before some flushes have passed.
    pub fn room_failed(&mut self, room: &Room) {
        self.ahead.failed(room);
    }
}

/// Whether the volume has space enough that room may be made: it must not be what fills it.
pub fn is_spacious(fs: &dyn Fs, path: &Path) -> bool {
    fs.space(path)
        .is_ok_and(|space| space.usable >= FREE.min(space.total / FREE_PART))
}
