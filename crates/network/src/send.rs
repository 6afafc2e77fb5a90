//! Answers on their way out: pieces of memory gathered into one `writev`, file regions by `sendfile`.

use crate::socket::Socket;
use base::fs::FileRegion;
use protocol::wire::{Segment, Segments};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::Poll;
use tokio::io::{AsyncWrite, AsyncWriteExt, Interest};

/// An answer with file regions that is not larger than this is read into memory: below it a `sendfile` of its own costs
/// more than the copy.
const COPY_UP_TO: u64 = 16 * 1024;
/// The most one `sendfile` call is asked for, so that one large fetch does not hold a worker.
const SENDFILE_CHUNK: u32 = 1024 * 1024;
/// How many pieces one `writev` takes.
const MAX_PIECES: usize = 64;
/// Answers are sent once this many bytes of them wait, even while more requests are there to be handled.
const FLUSH_ABOVE: u64 = 1024 * 1024;

/// Answers not yet written to the socket.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    answers: VecDeque<Segments>,
    waiting: u64,
    /// The piece of the front answer that is next, and how many of its bytes are written.
    piece: usize,
    written: u64,
}

impl Outbox {
    /// Adds an answer.
    pub(crate) fn push(&mut self, mut answer: Segments) -> io::Result<()> {
        if answer.has_files() && answer.len() <= COPY_UP_TO {
            answer = Segments::from(answer.read_all()?);
        }
        self.waiting += answer.len();
        self.answers.push_back(answer);
        Ok(())
    }

    /// Whether so much waits that it should be sent before more requests are handled.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting > FLUSH_ABOVE
    }

    /// Writes everything.
    pub(crate) async fn flush(&mut self, stream: &mut Socket) -> io::Result<()> {
        while let Some(front) = self.answers.front() {
            match front.get(self.piece) {
                None => {
                    self.answers.pop_front();
                    self.piece = 0;
                }
                Some(Segment::File(region)) => {
                    let region = region.clone();
                    send_region(stream, region).await?;
                    self.piece += 1;
                }
                Some(Segment::Bytes([])) => self.piece += 1,
                Some(Segment::Bytes(_)) => self.write_bytes(stream).await?,
            }
        }
        self.waiting = 0;
        Ok(())
    }

    /// One `writev` of the pieces in memory at the front, across answers, up to the first file region. What goes before
    /// that does not leave alone: a packet of its own would wake the peer for a few bytes.
    async fn write_bytes(&mut self, stream: &mut Socket) -> io::Result<()> {
        // The list of pieces is made for each attempt: kept while this waits, it would be a kilobyte of every connection's work.
        let written = poll_fn(|context| {
            let mut slices = [IoSlice::new(&[]); MAX_PIECES];
            match self.gather(&mut slices) {
                (count, Next::Nothing) => Pin::new(&mut *stream)
                    .poll_write_vectored(context, &slices[..count])
                    .map_ok(Some),
                (_, Next::File) => Poll::Ready(Ok(None)),
            }
        });
        let written = match written.await? {
            Some(written) => written,
            None => self.write_before_file(stream).await?,
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.advance(written as u64);
        Ok(())
    }

    /// Writes what a file region follows: the operating system need not send it at once.
    async fn write_before_file(&self, stream: &Socket) -> io::Result<usize> {
        loop {
            stream.writable().await?;
            let sent = stream.try_io(Interest::WRITABLE, || {
                let mut slices = [IoSlice::new(&[]); MAX_PIECES];
                let (count, _) = self.gather(&mut slices);
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                Ok(sendmsg(
                    stream,
                    &slices[..count],
                    &mut SendAncillaryBuffer::default(),
                    flags,
                )?)
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        }
    }

    /// The pieces in memory at the front; answers how many they are, and what follows them.
    fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_PIECES]) -> (usize, Next) {
        let mut count = 0;
        let mut first = self.piece;
        let mut skip = usize::try_from(self.written).unwrap_or(usize::MAX);
        for answer in &self.answers {
            for piece in (first..answer.count()).filter_map(|index| answer.get(index)) {
                let bytes = match piece {
                    Segment::Bytes(bytes) => bytes,
                    Segment::File(region) if region.file.fd().is_some() => return (count, Next::File),
                    Segment::File(_) => return (count, Next::Nothing),
                };
                if count == MAX_PIECES {
                    return (count, Next::Nothing);
                }
                if bytes.len() > skip {
                    slices[count] = IoSlice::new(&bytes[skip..]);
                    count += 1;
                }
                skip = 0;
            }
            first = 0;
        }
        (count, Next::Nothing)
    }

    /// Moves on by `count` bytes of pieces in memory.
    fn advance(&mut self, mut count: u64) {
        while let Some(front) = self.answers.front() {
            let Some(piece) = front.get(self.piece) else {
                self.answers.pop_front();
                self.piece = 0;
                continue;
            };
            let left = piece.len() - self.written;
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.written = 0;
            self.piece += 1;
            if count == 0 {
                return;
            }
        }
    }
}

/// What follows pieces in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing, or more in memory.
    Nothing,
    /// A region that is sent by `sendfile`.
    File,
}

async fn send_region(stream: &mut Socket, mut region: FileRegion) -> io::Result<()> {
    while region.len > 0 {
        let chunk = SENDFILE_CHUNK.min(region.len);
        let sent = match region.file.fd() {
            Some(_) => send_file(stream, &region, chunk).await?,
            None => copy_file(stream, &region, chunk).await?,
        };
        // The file was cut under the reader: what the frame's length promised cannot be sent any more.
        if sent == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        region.position += u64::from(sent);
        region.len -= sent;
    }
    Ok(())
}

async fn send_file(stream: &Socket, region: &FileRegion, chunk: u32) -> io::Result<u32> {
    loop {
        stream.writable().await?;
        let sent = stream.try_io(Interest::WRITABLE, || {
            let Some(file) = region.file.fd() else {
                return Err(io::ErrorKind::Unsupported.into());
            };
            let mut from = region.position;
            Ok(rustix::fs::sendfile(stream, file, Some(&mut from), chunk as usize)?)
        });
        match sent {
            Ok(count) => return u32::try_from(count).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// For files without a handle of the operating system, as the simulator's are.
async fn copy_file(stream: &mut Socket, region: &FileRegion, chunk: u32) -> io::Result<u32> {
    let mut buffer = vec![0; chunk as usize];
    let count = region.file.read_at(&mut buffer, region.position)?;
    stream.write_all(&buffer[..count]).await?;
    u32::try_from(count).map_err(io::Error::other)
}
