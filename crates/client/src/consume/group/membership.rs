//! What the member's task and the consumer in front of it share.

use crate::error::ClientError;
use base::TopicPartition;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Who the member is to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub member_id: String,
    /// The generation of a classic group, or the member's epoch; -1 when it is no member.
    pub epoch: i32,
}

impl Identity {
    /// No member yet.
    pub fn none() -> Self {
        Self {
            member_id: String::new(),
            epoch: -1,
        }
    }
}

/// What the member's task tells the consumer.
#[derive(Debug)]
pub(super) enum Event {
    /// From now on exactly these partitions are read; `done` is told when that is so.
    Assign {
        partitions: Vec<TopicPartition>,
        done: oneshot::Sender<()>,
    },
    /// The member cannot go on.
    Failed(ClientError),
}

/// What both sides look at.
#[derive(Debug)]
pub(super) struct Shared {
    identity: Mutex<Identity>,
    last_poll: Mutex<Instant>,
}

impl Shared {
    pub fn new() -> Self {
        Self {
            identity: Mutex::new(Identity::none()),
            last_poll: Mutex::new(Instant::now()),
        }
    }

    pub fn identity(&self) -> Identity {
        lock(&self.identity).clone()
    }

    pub fn become_member(&self, identity: Identity) {
        *lock(&self.identity) = identity;
    }

    /// The caller is alive.
    pub fn polled(&self) {
        *lock(&self.last_poll) = Instant::now();
    }

    /// How long the caller has not asked for records.
    pub fn unpolled(&self) -> Duration {
        lock(&self.last_poll).elapsed()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
