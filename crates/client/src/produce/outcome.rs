//! What became of a batch, and of a record in it.

use crate::error::ClientError;
use base::{Offset, Timestamp};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What became of a batch; shared by all its records.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    done: OnceLock<(Result<Written, ClientError>, Instant)>,
    changed: Notify,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    /// The offset of the first record; [`Offset::NONE`] if the broker did not tell.
    pub base: Offset,
    /// When the broker appended it; none if the topic keeps the producers' times.
    pub append_time: Timestamp,
}

impl Outcome {
    pub fn settle(&self, result: Result<Written, ClientError>) {
        drop(self.done.set((result, Instant::now())));
        self.changed.notify_waiters();
    }
}

/// Where a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The partition.
    pub partition: i32,
    /// The offset; [`Offset::NONE`] without acknowledgement.
    pub offset: Offset,
    /// When the broker appended it; none if the topic keeps the producers' times.
    pub append_time: Timestamp,
}

/// A record on its way.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub(super) outcome: Arc<Outcome>,
    pub(super) partition: i32,
    pub(super) index: u32,
}

impl Receipt {
    /// What became of the record, if that is settled.
    pub fn peek(&self) -> Option<Result<Delivered, ClientError>> {
        let (result, _) = self.outcome.done.get()?;
        let result = result.clone();
        Some(result.map(|written| Delivered {
            partition: self.partition,
            offset: match written.base {
                Offset::NONE => Offset::NONE,
                base => base.plus(i64::from(self.index)),
            },
            append_time: written.append_time,
        }))
    }

    /// The partition that the record goes to.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// When it was settled.
    pub fn settled_at(&self) -> Option<Instant> {
        self.outcome.done.get().map(|(_, at)| *at)
    }

    /// Waits until it is settled.
    pub async fn delivered(&self) -> Result<Delivered, ClientError> {
        loop {
            let changed = self.outcome.changed.notified();
            if let Some(result) = self.peek() {
                return result;
            }
            changed.await;
        }
    }
}
