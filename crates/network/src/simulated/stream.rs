//! An end of a connection in the simulated network.

use super::pipe::{Ending, Pipe, lock};
use super::with;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An end of a connection: closed when it, or both its halves, are dropped.
#[derive(Debug)]
pub struct Stream {
    end: Arc<End>,
}

/// What is read.
#[derive(Debug)]
pub struct ReadHalf {
    end: Arc<End>,
}

/// What is written; the other side finds the end once it is dropped.
#[derive(Debug)]
pub struct WriteHalf {
    end: Arc<End>,
}

#[derive(Debug)]
struct End {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    /// The lives of this host and of the other that have the connection.
    lives: (u64, u64),
}

/// Both ends of a new connection: of who connects, and of who accepts.
pub(super) fn pair(incoming: &Arc<Mutex<Pipe>>, outgoing: &Arc<Mutex<Pipe>>, lives: (u64, u64)) -> (Stream, Stream) {
    let end = |incoming: &Arc<Mutex<Pipe>>, outgoing: &Arc<Mutex<Pipe>>, lives| Stream {
        end: Arc::new(End {
            incoming: Arc::clone(incoming),
            outgoing: Arc::clone(outgoing),
            lives,
        }),
    };
    (
        end(incoming, outgoing, lives),
        end(outgoing, incoming, (lives.1, lives.0)),
    )
}

impl Stream {
    /// Ready once something has come, or the end.
    pub fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        self.end.poll_readable(cx)
    }

    /// The two halves.
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        let read = ReadHalf {
            end: Arc::clone(&self.end),
        };
        (read, WriteHalf { end: self.end })
    }
}

impl End {
    fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut pipe = lock(&self.incoming);
        if !pipe.arrived.is_empty() || pipe.ended.is_some() {
            return Poll::Ready(());
        }
        pipe.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_read(&self, cx: &Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.poll_readable(cx).is_pending() {
            return Poll::Pending;
        }
        let mut pipe = lock(&self.incoming);
        if pipe.ended == Some(Ending::Reset) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = pipe.arrived.len().min(buf.remaining());
        let bytes = pipe.arrived.split_to(count);
        buf.put_slice(&bytes);
        let writer = pipe.writer.take();
        drop(pipe);
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&self, cx: &Context<'_>, bufs: &[&[u8]]) -> Poll<io::Result<usize>> {
        // What was learnt from the other direction: that nobody is there any more.
        if lock(&self.incoming).ended == Some(Ending::Reset) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut pipe = lock(&self.outgoing);
        let mut room = pipe.room();
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let (from, to) = (pipe.from, pipe.to);
        let Some((due, back, is_lost, is_refused)) = with(|state| {
            let due = state.now + state.delay(from, to);
            let is_lost = state.dark.contains(&from) || state.dark.contains(&to);
            let is_refused = state.life(to) != self.lives.1;
            (due, due + state.delay(to, from), is_lost, is_refused)
        }) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let mut written = 0;
        for buf in bufs {
            let taken = &buf[..buf.len().min(room)];
            if !is_lost && !is_refused && !pipe.reader_is_gone {
                pipe.send(due, taken);
            }
            room -= taken.len();
            written += taken.len();
        }
        let is_refused = !is_lost && (is_refused || pipe.reader_is_gone);
        drop(pipe);
        if is_refused {
            lock(&self.incoming).end(back, Ending::Reset);
        }
        Poll::Ready(Ok(written))
    }

    fn finish(&self) {
        let mut pipe = lock(&self.outgoing);
        let (from, to) = (pipe.from, pipe.to);
        let due = with(|state| {
            let is_lost = state.dark.contains(&from) || state.life(from) != self.lives.0;
            (!is_lost).then(|| state.now + state.delay(from, to))
        });
        if let Some(Some(due)) = due {
            pipe.end(due, Ending::Finished);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.finish();
        lock(&self.incoming).reader_is_gone = true;
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        self.end.finish();
    }
}

macro_rules! read {
    ($name:ident) => {
        impl AsyncRead for $name {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                self.end.poll_read(cx, buf)
            }
        }
    };
}

macro_rules! write {
    ($name:ident) => {
        impl AsyncWrite for $name {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.end.poll_write(cx, &[buf])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let bufs: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
                self.end.poll_write(cx, &bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.end.finish();
                Poll::Ready(Ok(()))
            }
        }
    };
}

read!(Stream);
read!(ReadHalf);
write!(Stream);
write!(WriteHalf);
