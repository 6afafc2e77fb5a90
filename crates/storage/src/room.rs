//! Room ahead of a log's end: blocks that are written already, so that a small flush changes data and nothing else (ADR 18).
//!
//! A flush that makes a file grow waits for the file's metadata as well, and where many files grew, for that of each. Where small
//! flushes follow one another, zeros are written beyond the end, as much as the segment holds by then, and made safe by a thread
//! beside. A crash leaves them behind, as it does with Kafka's own `log.preallocate`: recovery ends at the first zeros, here and
//! there. Completing the segment and closing the log cut them off.

use crate::error::StorageError;
use crate::log::Log;
use base::Offset;
use base::fs::{File, Fs};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Flushes of a log of no more bytes than this, in the mean, are small: with larger ones, writing everything twice costs
/// more than it saves.
const SMALL: u64 = 96 << 10;
/// After so many flushes the mean is known.
const ENOUGH: u32 = 4;
/// Where flushes are further apart in the mean, nobody gains by it. (A controller with nothing to do flushes each half second.)
const SELDOM: Duration = Duration::from_millis(600);
/// How many flushes the mean looks back.
const LOOK_BACK: u32 = 8;
/// The least room made at once and the most; in between it is what the segment holds, so that small partitions stay small, or enough
/// for so many flushes.
const LEAST: u64 = 32 << 10;
const MOST: u64 = 512 << 10;
const FLUSHES: u64 = 16;
/// Room is made only while at least this part of the volume is free, or this much.
const FREE_PART: u64 = 8;
const FREE: u64 = 4 << 30;
/// What is written at once, while the partition is locked.
const STEP: usize = 128 << 10;

static ZEROS: [u8; STEP] = [0; STEP];
/// The number of the next room.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// What a log knows of the room ahead of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ahead {
    /// The segment that the positions are of; none before the first flush.
    base: Option<Offset>,
    /// Up to where its file was flushed last.
    flushed: u64,
    /// Up to where zeros were written.
    written: u64,
    /// Up to where they, and with them the file's length, are on stable storage.
    safe: u64,
    /// Flushes seen, as far as they matter.
    flushes: u32,
    /// Bytes of a flush, in the mean.
    mean: u64,
    /// Time from one to the next, in the mean.
    interval: Duration,
    making: Making,
}

/// Whether somebody makes room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Making {
    #[default]
    Nobody,
    /// The room of that number.
    Somebody(u64),
}

/// Room that somebody makes.
#[derive(Debug)]
#[must_use = "nobody else makes room until it is told how this went"]
pub struct Room {
    /// Of all rooms of all logs: a log that was cut, or replaced by another, knows nothing of it any more.
    number: u64,
    base: Offset,
    from: u64,
    until: u64,
}

impl Room {
    /// About how many bytes are written for it.
    pub fn bytes(&self) -> u64 {
        self.until.saturating_sub(self.from)
    }
}

impl Ahead {
    /// Notes that the file of the segment at `base` was flushed up to `position`, so long after the flush before.
    pub(crate) fn flushed(&mut self, base: Offset, position: u64, since: Duration) {
        if self.base != Some(base) {
            *self = Self {
                base: Some(base),
                flushed: position,
                flushes: self.flushes,
                mean: self.mean,
                interval: self.interval,
                ..Self::default()
            };
            return;
        }
        let bytes = position.saturating_sub(self.flushed);
        self.flushed = self.flushed.max(position);
        self.flushes = self.flushes.saturating_add(1);
        (self.mean, self.interval) = match self.flushes {
            1 => (bytes, since),
            _ => (
                (self.mean * u64::from(LOOK_BACK - 1) + bytes) / u64::from(LOOK_BACK),
                (self.interval * (LOOK_BACK - 1) + since) / LOOK_BACK,
            ),
        };
    }

    /// The log was cut: nothing is known of what was behind.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What a flush of the segment at `base` up to `position` writes over, if it does nothing else.
    pub(crate) fn overwritten(&self, base: Offset, position: u64) -> Option<Range<u64>> {
        (self.base == Some(base) && position <= self.safe).then(|| self.flushed.min(position)..position)
    }

    fn is_making(&self, room: &Room) -> bool {
        self.base == Some(room.base) && self.making == Making::Somebody(room.number)
    }

    /// Whether the file of the segment at `base` may be longer than `size`.
    pub(crate) fn is_beyond(&self, base: Offset, size: u64) -> bool {
        self.base == Some(base) && self.written > size
    }
}

impl Log {
    /// The room to be made now: flushes have been small of late, and little is left. Whoever gets it makes it with [`Log::make_room`].
    pub fn wants_room(&mut self) -> Option<Room> {
        let segment = self.active_segment();
        let (base, size) = (segment.base(), segment.size());
        let ahead = &mut self.ahead;
        let step = size.max(ahead.mean * FLUSHES).clamp(LEAST, MOST);
        let is_wanted = ahead.base == Some(base)
            && ahead.making == Making::Nobody
            && ahead.flushes >= ENOUGH
            && ahead.mean <= SMALL
            && ahead.interval <= SELDOM
            && ahead.safe < size + step / 2
            && !self.config.preallocate
            && !self.offline;
        let until = (size + step).min(u64::from(self.config.segment_bytes));
        if !is_wanted || until <= ahead.written.max(size) {
            return None;
        }
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        ahead.making = Making::Somebody(number);
        let from = ahead.written.max(size);
        Some(Room {
            number,
            base,
            from,
            until,
        })
    }

    /// Makes some of the room; the file to be synced once all of it is made. None if the log has gone on without it. An error concerns
    /// the room only: the log is as it was.
    pub fn make_room(&mut self, room: &Room) -> Result<RoomStep, StorageError> {
        let segment = Arc::clone(self.active_segment());
        if self.offline || segment.base() != room.base || !self.ahead.is_making(room) {
            return Ok(RoomStep::Void);
        }
        let file = segment.log()?;
        // Nobody appends meanwhile: the log is ours. What begins at the end or above belongs to no batch.
        let from = self.ahead.written.max(segment.size());
        if from >= room.until {
            return Ok(RoomStep::Written(file));
        }
        let len = usize::try_from(room.until - from).map_or(STEP, |left| left.min(STEP));
        // What a failed write may have left is beyond the end as well.
        self.ahead.written = from + len as u64;
        file.write_at(&ZEROS[..len], from)?;
        Ok(RoomStep::More)
    }

    /// Makes the room at once and waits until it is safe: for who flushes with nobody beside. Where there is no space for it, nothing is
    /// made.
    ///
    /// # Errors
    /// If the sync fails: the log is offline then, as after any other that failed.
    pub fn make_room_now(&mut self, room: Room) -> Result<(), StorageError> {
        if !is_spacious(&*self.home.fs, &self.home.dir()) {
            self.room_failed(&room);
            return Ok(());
        }
        loop {
            match self.make_room(&room) {
                Ok(RoomStep::More) => {}
                Ok(RoomStep::Written(file)) => {
                    self.writing(|_| Ok(file.sync()?))?;
                    self.room_is_safe(&room);
                    return Ok(());
                }
                Ok(RoomStep::Void) => return Ok(()),
                Err(_) => {
                    self.room_failed(&room);
                    return Ok(());
                }
            }
        }
    }

    /// The file of [`RoomStep::Written`] was synced.
    pub fn room_is_safe(&mut self, room: &Room) {
        let ahead = &mut self.ahead;
        if ahead.is_making(room) && ahead.written >= room.until {
            ahead.safe = ahead.safe.max(room.until);
            ahead.making = Making::Nobody;
        }
    }

    /// There was no space for it, or no descriptor: nobody tries again before some flushes have passed.
    pub fn room_failed(&mut self, room: &Room) {
        if self.ahead.is_making(room) {
            self.ahead.making = Making::Nobody;
            self.ahead.flushes = 0;
        }
    }
}

/// Whether the volume has space enough that room may be made: it must not be what fills it.
pub fn is_spacious(fs: &dyn Fs, path: &Path) -> bool {
    fs.space(path)
        .is_ok_and(|space| space.usable >= FREE.min(space.total / FREE_PART))
}

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
