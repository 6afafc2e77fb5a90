//! Syncs the metadata log on a thread of its own, so that a leader's followers write while its own disk does.
//!
//! One flush at a time; what is appended meanwhile shares the next one.

use crate::error::QuorumError;
use network::thread::{Patience, Turn, Worker};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use storage::{Flush, StorageError};
use tokio::sync::Notify;

/// A flush and how it went.
pub(crate) type Flushed = (Flush, Result<(), StorageError>);

/// See the module.
#[derive(Debug)]
pub(crate) struct Flusher {
    jobs: Sender<Flush>,
    done: Receiver<Flushed>,
    wake: Arc<Notify>,
    thread: Worker,
    under_way: bool,
}

impl Flusher {
    /// Starts the thread; it ends with this.
    pub(crate) fn start() -> Result<Self, QuorumError> {
        let (jobs, next) = channel::<Flush>();
        let (report, done) = channel();
        let wake = Arc::new(Notify::new());
        let woken = Arc::clone(&wake);
        let run = move |patience| {
            let next = match patience {
                Patience::Wait => next.recv().map_err(TryRecvError::from),
                Patience::Look => next.try_recv(),
            };
            let flush = match next {
                Ok(flush) => flush,
                Err(TryRecvError::Empty) => return Turn::Nothing,
                Err(TryRecvError::Disconnected) => return Turn::End,
            };
            let result = flush.run();
            if report.send((flush, result)).is_err() {
                return Turn::End;
            }
            woken.notify_one();
            Turn::More
        };
        let thread = Worker::begin("metadata-flush".to_owned(), run).map_err(QuorumError::Thread)?;
        Ok(Self {
            jobs,
            done,
            wake,
            thread,
            under_way: false,
        })
    }

    /// Whether a flush is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.under_way
    }

    /// Begins a flush.
    ///
    /// # Panics
    /// If one is under way.
    pub(crate) fn begin(&mut self, flush: Flush) {
        assert!(!self.under_way, "one flush at a time");
        self.under_way = true;
        self.jobs.send(flush).expect("the thread lives as long as this");
    }

    /// What to wait for until a flush has ended; a flush may also have been taken note of already.
    pub(crate) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// The flush that has ended.
    pub(crate) fn ended(&mut self) -> Option<Flushed> {
        let flushed = self.done.try_recv().ok()?;
        self.under_way = false;
        Some(flushed)
    }

    /// Blocks until the flush under way has ended, if there is one.
    pub(crate) fn wait(&mut self) -> Option<Flushed> {
        if !self.under_way {
            return None;
        }
        self.thread.hurry();
        let flushed = self.done.recv().expect("the thread lives as long as this");
        self.under_way = false;
        Some(flushed)
    }
}
