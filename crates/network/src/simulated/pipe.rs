//! One direction of a connection: bytes under way, bytes that have arrived, and how it ends.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// How many bytes may be under way or unread.
const WINDOW: usize = 256 * 1024;

/// How a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// All that was sent arrives, and then the end.
    Finished,
    /// The connection breaks.
    Reset,
}

#[derive(Debug)]
enum Item {
    Data(Bytes),
    End(Ending),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    under_way: VecDeque<(u64, Item)>,
    bytes_under_way: usize,
    pub(super) arrived: BytesMut,
    pub(super) ended: Option<Ending>,
    /// Whoever could read it has closed its end.
    pub(super) reader_is_gone: bool,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

pub(super) fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pipe {
    pub(super) fn new(from: IpAddr, to: IpAddr) -> Self {
        Self {
            from,
            to,
            under_way: VecDeque::new(),
            bytes_under_way: 0,
            arrived: BytesMut::new(),
            ended: None,
            reader_is_gone: false,
            reader: None,
            writer: None,
        }
    }

    /// How much more can be sent before something is read.
    pub(super) fn room(&self) -> usize {
        WINDOW.saturating_sub(self.bytes_under_way + self.arrived.len())
    }

    /// Sends bytes that arrive at `due`, or after what was sent before.
    pub(super) fn send(&mut self, due: u64, bytes: &[u8]) {
        self.bytes_under_way += bytes.len();
        self.put(due, Item::Data(Bytes::copy_from_slice(bytes)));
    }

    /// Sends the end.
    pub(super) fn end(&mut self, due: u64, ending: Ending) {
        self.put(due, Item::End(ending));
    }

    fn put(&mut self, due: u64, item: Item) {
        let last = self.under_way.back().map_or(0, |(due, _)| *due);
        self.under_way.push_back((due.max(last), item));
    }

    /// Lets arrive what is due; answers who waits for it.
    pub(super) fn deliver(&mut self, now: u64) -> Option<Waker> {
        let mut came = false;
        while self.under_way.front().is_some_and(|(due, _)| *due <= now) {
            match self.under_way.pop_front() {
                Some((_, Item::Data(bytes))) if self.ended.is_none() => {
                    self.bytes_under_way -= bytes.len();
                    self.arrived.extend_from_slice(&bytes);
                }
                Some((_, Item::End(ending))) => _ = self.ended.get_or_insert(ending),
                Some((_, Item::Data(_))) | None => {}
            }
            came = true;
        }
        came.then(|| self.reader.take()).flatten()
    }

    /// It ends now; answers who waits for it.
    pub(super) fn break_now(&mut self, ending: Ending) -> Vec<Waker> {
        self.under_way.clear();
        self.bytes_under_way = 0;
        self.ended = Some(ending);
        [self.reader.take(), self.writer.take()].into_iter().flatten().collect()
    }
}
