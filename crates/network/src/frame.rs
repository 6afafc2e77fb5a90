//! Kafka's framing: a 4-byte big-endian length, then that many bytes.

use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::cell::Cell;

/// The least that is asked for by a read, in bytes.
const SMALL_READ: usize = 16 * 1024;
/// What is asked for once a read found more than it asked for: a peer that sends much is read from in few calls.
const FULL_READ: usize = 256 * 1024;
/// The most room made at once for a frame that has not arrived yet; a peer that only announces a length gets no more.
const LARGE_READ: usize = 1024 * 1024;
/// The largest memory that a thread keeps for its next connection: a producer's largest request by default, and some more.
const KEPT: usize = 2 * LARGE_READ;

thread_local! {
    /// The memory that the last connection gave back. What is read lands in memory that is in the processor's caches, and
    /// large reads cost no visits to the operating system for memory.
    static SPARE: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

/// Why a peer's bytes are no frame; the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is below zero.
    #[error("a frame announces a negative length ({len})")]
    NegativeLength {
        /// As announced.
        len: i32,
    },
    /// The length is over the limit.
    #[error(
        "a frame announces {len} bytes, more than socket.request.max.bytes ({limit}); an HTTP or TLS client on this port?"
    )]
    TooLarge {
        /// As announced.
        len: usize,
        /// The listener's limit.
        limit: usize,
    },
}

/// The bytes received on a connection and not yet consumed.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: BytesMut,
    /// How many bytes the frame at the front still lacks.
    missing: usize,
    /// How much memory `bytes` is part of.
    room: usize,
    /// How long `bytes` is once a read got all it asked for.
    asked: usize,
    pace: Pace,
}

/// How fast the bytes come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pace {
    /// A read gets all there is.
    #[default]
    Slow,
    /// A read has found more than it asked for.
    Fast,
}

impl FrameBuffer {
    /// The next whole frame without its length, if it is all there.
    ///
    /// # Errors
    /// If the announced length is negative or over `limit`.
    pub fn next_frame(&mut self, limit: usize) -> Result<Option<Bytes>, FrameError> {
        if std::mem::take(&mut self.asked) == self.bytes.len() && !self.bytes.is_empty() {
            self.pace = Pace::Fast;
        }
        let Some(prefix) = self.bytes.first_chunk::<4>() else {
            self.missing = 4 - self.bytes.len();
            return Ok(None);
        };
        let announced = i32::from_be_bytes(*prefix);
        let len = usize::try_from(announced).map_err(|_| FrameError::NegativeLength { len: announced })?;
        if len > limit {
            return Err(FrameError::TooLarge { len, limit });
        }
        let have = self.bytes.len() - 4;
        if have < len {
            self.missing = len - have;
            return Ok(None);
        }
        self.missing = 0;
        self.bytes.advance(4);
        Ok(Some(self.bytes.split_to(len).freeze()))
    }

    /// Whether nothing is left of what was received.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The connection waits: memory that it does not need meanwhile is given back, and a frame that has hardly begun does
    /// not hold on to what a large one needs.
    pub fn rest(&mut self) {
        if self.bytes.is_empty() {
            self.give_back();
        } else if self.room > SMALL_READ && self.bytes.len() <= self.room / 8 {
            self.move_to(BytesMut::with_capacity(self.bytes.len()));
        }
    }

    /// The buffer with room for the next read: enough for the frame that is coming, within bounds that grow with what
    /// the peer has really sent.
    pub fn for_reading(&mut self) -> Limit<&mut BytesMut> {
        let pace = match self.pace {
            Pace::Slow => SMALL_READ,
            Pace::Fast => FULL_READ,
        };
        let earned = LARGE_READ.max(self.bytes.len());
        let wanted = self.missing.min(earned).max(pace);
        // Towards the end of the memory, less is read before what is left of it is moved to the front.
        let least = self.missing.min(earned).max(SMALL_READ);
        if self.bytes.capacity() - self.bytes.len() < least && !self.bytes.try_reclaim(wanted) {
            self.make_room(wanted);
        }
        let room = self.bytes.capacity() - self.bytes.len();
        let asked = wanted.min(room);
        self.asked = self.bytes.len() + asked;
        (&mut self.bytes).limit(asked)
    }

    /// Memory with room for `wanted` bytes after those that are there.
    fn make_room(&mut self, wanted: usize) {
        let needed = self.bytes.len() + wanted;
        let spare = SPARE.take().filter(|spare| spare.capacity() >= needed);
        self.move_to(spare.unwrap_or_else(|| BytesMut::with_capacity(needed)));
    }

    /// Moves what has come to `other`, and gives the memory back in which it was.
    fn move_to(&mut self, mut other: BytesMut) {
        let room = other.capacity();
        other.extend_from_slice(&self.bytes);
        self.give_back();
        (self.bytes, self.room) = (other, room);
    }

    fn give_back(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let room = std::mem::take(&mut self.room);
        bytes.clear();
        // Not while a request still holds on to a part of it.
        if !(1..=KEPT).contains(&room) || !bytes.try_reclaim(room) {
            return;
        }
        let kept = SPARE.take().filter(|kept| kept.capacity() >= room);
        SPARE.set(Some(kept.unwrap_or(bytes)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> FrameBuffer {
        FrameBuffer {
            bytes: BytesMut::from(bytes),
            ..FrameBuffer::default()
        }
    }

    #[test]
    fn frames_come_out_one_by_one() {
        let mut buffer = buffer(&[0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(buffer.next_frame(10), Ok(Some(Bytes::from_static(&[7, 8]))));
        assert_eq!(buffer.next_frame(10), Ok(Some(Bytes::new())));
        assert_eq!(buffer.next_frame(10), Ok(None));
        buffer.for_reading().put_slice(&[9]);
        assert_eq!(buffer.next_frame(10), Ok(Some(Bytes::from_static(&[9]))));
    }

    #[test]
    fn hostile_lengths_take_no_memory() {
        assert_eq!(
            buffer(&[0xff; 4]).next_frame(10),
            Err(FrameError::NegativeLength { len: -1 })
        );
        assert_eq!(
            buffer(&[0, 0, 0, 11]).next_frame(10),
            Err(FrameError::TooLarge { len: 11, limit: 10 })
        );
        let mut large = buffer(&[0x7f, 0xff, 0xff, 0xff]);
        assert_eq!(large.next_frame(usize::MAX), Ok(None));
        assert!(large.for_reading().get_ref().capacity() <= 2 * LARGE_READ);
    }

    /// A frame of so many bytes, each of them `fill`.
    fn frame(len: usize, fill: u8) -> Vec<u8> {
        let mut bytes = u32::try_from(len).expect("a small frame").to_be_bytes().to_vec();
        bytes.resize(4 + len, fill);
        bytes
    }

    /// Receives `bytes` by reads that get all they ask for, as long as there are any; answers how many reads.
    fn receive(buffer: &mut FrameBuffer, mut bytes: &[u8], frames: &mut Vec<Bytes>) -> usize {
        let mut reads = 0;
        while !bytes.is_empty() {
            let mut room = buffer.for_reading();
            let (now, later) = bytes.split_at(room.remaining_mut().min(bytes.len()));
            room.put_slice(now);
            (bytes, reads) = (later, reads + 1);
            while let Some(frame) = buffer.next_frame(usize::MAX).expect("good frames") {
                frames.push(frame);
            }
        }
        reads
    }

    #[test]
    fn who_sends_much_is_read_from_in_few_calls() {
        let (mut buffer, mut frames) = (FrameBuffer::default(), Vec::new());
        let sent: Vec<u8> = (0..64).flat_map(|fill| frame(60_000, fill)).collect();
        let reads = receive(&mut buffer, &sent, &mut frames);
        assert!(reads <= 2 + sent.len().div_ceil(FULL_READ - 64 * 1024), "{reads}");
        assert_eq!(frames.len(), 64);
        for (fill, frame) in (0..).zip(frames) {
            assert!(
                frame.len() == 60_000 && frame.iter().all(|byte| *byte == fill),
                "{fill}"
            );
        }
    }

    #[test]
    fn memory_goes_from_connection_to_connection() {
        let large = frame(700_000, 1);
        let mut first = FrameBuffer::default();
        receive(&mut first, &large, &mut Vec::new());
        let at = first.bytes.as_ptr() as usize - large.len();
        first.rest();
        assert_eq!(first.bytes.capacity(), 0);
        let mut second = FrameBuffer::default();
        let (mut held, begun) = (Vec::new(), frame(9, 2));
        receive(&mut second, &begun[..6], &mut held);
        assert_eq!(second.bytes.as_ptr() as usize, at, "the first one's memory");
        second.rest();
        assert!(second.bytes.capacity() < SMALL_READ, "six bytes hold no more");
        let mut third = FrameBuffer::default();
        receive(&mut third, &large, &mut held);
        assert_eq!(held[0].as_ptr() as usize, at + 4, "the first one's memory again");
        third.rest();
        receive(&mut third, &large, &mut Vec::new());
        assert!(
            held[0].iter().all(|byte| *byte == 1),
            "what a request holds is not written over"
        );
        assert_ne!(third.bytes.as_ptr() as usize, at + large.len());
        receive(&mut second, &begun[6..], &mut held);
        assert_eq!(held[1], [2; 9][..]);
    }
}
