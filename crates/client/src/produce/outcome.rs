//! What became of a batch, and of a record in it.

use crate::error::ClientError;
use base::{Offset, Timestamp};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// What became of a batch; shared by all its records.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    done: OnceLock<Result<Written, ClientError>>,
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
        drop(self.done.set(result));
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
        let result = self.outcome.done.get()?.clone();
        Some(result.map(|written| Delivered {
            partition: self.partition,
            offset: match written.base {
                Offset::NONE => Offset::NONE,
                base => base.plus(i64::from(self.index)),
            },
            append_time: written.append_time,
        }))
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
