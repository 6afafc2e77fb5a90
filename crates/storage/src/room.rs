//! Room ahead of a log's end: blocks that are written already, so that a small flush changes data and nothing else (ADR 18).
//!
//! A flush that makes a file grow waits for the file's metadata as well, and where many files grew, for that of each. Where small
//! flushes follow one another, zeros are written beyond the end, as much as the segment holds by then, and made safe by a thread
//! beside. A crash leaves them behind, as it does with Kafka's own `log.preallocate`: recovery ends at the first zeros, here and
//! there. Completing the segment and closing the log cut them off.

use base::Offset;
use std::ops::Range;
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

/// What is to be written of a room.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Zeros, there.
    At(Range<u64>),
    /// All of it is.
    Nothing,
    /// Nobody wants it any more.
    Void,
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
    /// Where in the segment's file it is.
    pub fn range(&self) -> Range<u64> {
        self.from..self.until
    }

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

    /// The room to be made now in the segment at `base`, which holds `size` bytes and may come to hold `most`.
    pub(crate) fn wanted(&mut self, base: Offset, size: u64, most: u64) -> Option<Room> {
        let step = size.max(self.mean * FLUSHES).clamp(LEAST, MOST);
        let is_wanted = self.base == Some(base)
            && self.making == Making::Nobody
            && self.flushes >= ENOUGH
            && self.mean <= SMALL
            && self.interval <= SELDOM
            && self.safe < size + step / 2;
        let (from, until) = (self.written.max(size), (size + step).min(most));
        if !is_wanted || until <= from {
            return None;
        }
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        self.making = Making::Somebody(number);
        Some(Room {
            number,
            base,
            from,
            until,
        })
    }

    /// Where the next piece of `room` is to be written, of which at most so many bytes at once, in the segment at `base` that holds
    /// `size`; it counts as written from now on.
    pub(crate) fn next_piece(&mut self, room: &Room, base: Offset, size: u64, most: u64) -> Piece {
        if base != room.base || !self.is_making(room) {
            return Piece::Void;
        }
        let from = self.written.max(size);
        if from >= room.until {
            return Piece::Nothing;
        }
        // What a write that fails may leave is beyond the end as well.
        self.written = room.until.min(from + most);
        Piece::At(from..self.written)
    }

    /// All of `room` is on stable storage.
    pub(crate) fn is_safe(&mut self, room: &Room) {
        if self.is_making(room) && self.written >= room.until {
            self.safe = self.safe.max(room.until);
            self.making = Making::Nobody;
        }
    }

    /// Nobody makes `room`, nor any other before some flushes have passed.
    pub(crate) fn failed(&mut self, room: &Room) {
        if self.is_making(room) {
            self.making = Making::Nobody;
            self.flushes = 0;
        }
    }

    /// Whether the file of the segment at `base` may be longer than `size`.
    pub(crate) fn is_beyond(&self, base: Offset, size: u64) -> bool {
        self.base == Some(base) && self.written > size
    }
}
