//! Kafka's framing: a 4-byte big-endian length, then that many bytes.

use bytes::{Buf, Bytes, BytesMut};

/// The least room made for a read, in bytes.
const SMALL_READ: usize = 16 * 1024;
/// The most room made at once for a frame that has not arrived yet; a peer that only announces a length gets no more.
const LARGE_READ: usize = 1024 * 1024;

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
}

impl FrameBuffer {
    /// The next whole frame without its length, if it is all there.
    ///
    /// # Errors
    /// If the announced length is negative or over `limit`.
    pub fn next_frame(&mut self, limit: usize) -> Result<Option<Bytes>, FrameError> {
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

    /// Whether nothing is waiting, so that the connection may give its memory back while it waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Gives the memory back.
    pub fn release(&mut self) {
        self.bytes = BytesMut::new();
    }

    /// The buffer with room for the next read: enough for the frame that is coming, within bounds that grow with what
    /// the peer has really sent.
    pub fn for_reading(&mut self) -> &mut BytesMut {
        let earned = LARGE_READ.max(self.bytes.len());
        self.bytes.reserve(self.missing.clamp(SMALL_READ, earned));
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> FrameBuffer {
        FrameBuffer {
            bytes: BytesMut::from(bytes),
            missing: 0,
        }
    }

    #[test]
    fn frames_come_out_one_by_one() {
        let mut buffer = buffer(&[0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(buffer.next_frame(10), Ok(Some(Bytes::from_static(&[7, 8]))));
        assert_eq!(buffer.next_frame(10), Ok(Some(Bytes::new())));
        assert_eq!(buffer.next_frame(10), Ok(None));
        buffer.for_reading().extend_from_slice(&[9]);
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
        assert!(large.for_reading().capacity() <= 2 * LARGE_READ);
    }
}
