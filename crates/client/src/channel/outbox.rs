//! The writing half of a connection: requests in the order they were given, several in one system call.

use super::answers::Pending;
use bytes::Bytes;
use network::socket::WriteHalf;
use protocol::{Segment, Segments};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};

/// Parts that one system call takes.
const PARTS: usize = 64;

/// Calls gathered for one round of writing.
const ROUND: usize = 32;

/// A request on its way out.
#[derive(Debug)]
pub(super) struct Call {
    pub correlation: i32,
    /// The length prefix and the header.
    pub head: Bytes,
    pub body: Segments,
    /// Who waits for the answer; none for a request that is never answered.
    pub reply: Option<oneshot::Sender<Bytes>>,
}

/// A request of which part 0 (the head) to `part` - 1 are written, and `offset` bytes of `part`.
struct Progress {
    head: Bytes,
    body: Segments,
    part: usize,
    offset: usize,
}

impl Progress {
    /// What is left of part `part`; none behind the last one.
    fn left(&self, part: usize) -> Option<&[u8]> {
        let bytes = match part.checked_sub(1) {
            None => &self.head[..],
            Some(index) => match self.body.get(index)? {
                Segment::Bytes(bytes) => bytes,
                Segment::File(_) => unreachable!("a request holds its records in memory"),
            },
        };
        Some(if part == self.part {
            &bytes[self.offset..]
        } else {
            bytes
        })
    }

    /// Notes that `written` bytes went out; gives back those that belong to the next request, or none if this one is not
    /// finished.
    fn advance(&mut self, mut written: usize) -> Option<usize> {
        while let Some(left) = self.left(self.part).map(<[u8]>::len) {
            if written < left {
                self.offset += written;
                return None;
            }
            written -= left;
            self.part += 1;
            self.offset = 0;
        }
        Some(written)
    }
}

/// Writes calls until the connection ends or the last sender is gone.
pub(super) async fn write(mut socket: WriteHalf, pending: Arc<Pending>, mut calls: mpsc::Receiver<Call>) {
    let mut round = Vec::with_capacity(ROUND);
    while calls.recv_many(&mut round, ROUND).await > 0 {
        let mut under_way = VecDeque::with_capacity(round.len());
        for call in round.drain(..) {
            if let Some(reply) = call.reply {
                pending.push(call.correlation, reply);
            }
            under_way.push_back(Progress {
                head: call.head,
                body: call.body,
                part: 0,
                offset: 0,
            });
        }
        if let Err(error) = write_all(&mut socket, under_way).await {
            pending.fail(&error.to_string());
        }
        if !pending.is_open() {
            return;
        }
    }
}

async fn write_all(socket: &mut WriteHalf, mut under_way: VecDeque<Progress>) -> io::Result<()> {
    while !under_way.is_empty() {
        let mut slices = [IoSlice::new(&[]); PARTS];
        let left = under_way
            .iter()
            .flat_map(|call| (call.part..).map_while(|part| call.left(part)));
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(left.filter(|part| !part.is_empty())) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        let mut written = socket.write_vectored(&slices[..count]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(rest) = under_way.front_mut().and_then(|call| call.advance(written)) {
            under_way.pop_front();
            written = rest;
        }
    }
    Ok(())
}
