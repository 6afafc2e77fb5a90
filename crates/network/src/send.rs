//! Answers on their way out: small pieces gathered into one `writev`, file regions by `sendfile`.

use base::fs::FileRegion;
use bytes::Bytes;
use protocol::wire::{Segment, Segments};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

/// File regions up to this size are read and sent along with what surrounds them: below it a `sendfile` of its own
/// costs more than the copy.
const COPY_BELOW: u32 = 16 * 1024;
/// The most one `sendfile` call is asked for, so that one large fetch does not hold a worker.
const SENDFILE_CHUNK: usize = 1024 * 1024;
/// How many pieces one `writev` takes.
const MAX_PIECES: usize = 64;
/// Answers are sent once this many bytes of them wait, even while more requests are there to be handled.
const FLUSH_ABOVE: usize = 1024 * 1024;

/// Answers not yet written to the socket.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Segment>,
    waiting: usize,
}

impl Outbox {
    /// Adds an answer.
    pub(crate) fn push(&mut self, segments: Segments) {
        self.waiting += segments.len();
        self.pieces.extend(segments);
    }

    /// Whether so much waits that it should be sent before more requests are handled.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting > FLUSH_ABOVE
    }

    /// Writes everything.
    pub(crate) async fn flush(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        while let Some(piece) = self.pieces.front() {
            match piece {
                Segment::File(region) if region.len > COPY_BELOW => {
                    let region = region.clone();
                    self.pieces.pop_front();
                    send_file(stream, &region).await?;
                }
                Segment::File(region) => {
                    let copied = read_region(region)?;
                    self.pieces[0] = Segment::Bytes(copied);
                }
                Segment::Bytes(_) => self.write_bytes(stream).await?,
            }
        }
        self.waiting = 0;
        Ok(())
    }

    /// One `writev` of the byte pieces at the front (small file regions among them are read first).
    async fn write_bytes(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        for piece in self.pieces.iter_mut().take(MAX_PIECES) {
            match piece {
                Segment::File(region) if region.len > COPY_BELOW => break,
                Segment::File(region) => *piece = Segment::Bytes(read_region(region)?),
                Segment::Bytes(_) => {}
            }
        }
        let mut slices = [IoSlice::new(&[]); MAX_PIECES];
        let mut count = 0;
        for piece in self.pieces.iter().take(MAX_PIECES) {
            let Segment::Bytes(bytes) = piece else { break };
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        let written = stream.write_vectored(&slices[..count]).await?;
        self.consume(written)
    }

    fn consume(&mut self, mut written: usize) -> io::Result<()> {
        let mut progress = written > 0;
        while let Some(Segment::Bytes(front)) = self.pieces.front_mut() {
            if front.len() > written {
                *front = front.slice(written..);
                break;
            }
            progress = true;
            written -= front.len();
            self.pieces.pop_front();
            if written == 0 {
                break;
            }
        }
        if progress { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }
}

fn read_region(region: &FileRegion) -> io::Result<Bytes> {
    let mut buffer = vec![0; region.len as usize];
    if region.file.read_at(&mut buffer, region.position)? < buffer.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Bytes::from(buffer))
}

async fn send_file(stream: &mut TcpStream, region: &FileRegion) -> io::Result<()> {
    let mut position = region.position;
    let end = region.position + u64::from(region.len);
    while position < end {
        let chunk = SENDFILE_CHUNK.min(usize::try_from(end - position).unwrap_or(SENDFILE_CHUNK));
        let Some(file) = region.file.fd() else {
            let mut copied = region.clone();
            copied.position = position;
            copied.len = u32::try_from(chunk).expect("a chunk is at most a mebibyte");
            stream.write_all(&read_region(&copied)?).await?;
            position += chunk as u64;
            continue;
        };
        stream.writable().await?;
        let sent = stream.try_io(Interest::WRITABLE, || {
            let mut from = position;
            Ok(rustix::fs::sendfile(&*stream, file, Some(&mut from), chunk)?)
        });
        match sent {
            // The file was cut under the reader: what was promised in the frame's length cannot be sent any more.
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => position += count as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
