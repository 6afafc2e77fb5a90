//! The markers that tell every partition of a transaction how it ended.

use crate::status::TransactionStatus;
use crate::transaction::{Producer, Transaction};
use crate::version::TransactionVersion;
use base::{Timestamp, TopicPartition};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEnd {
    /// Its records count.
    Commit,
    /// Its records never were.
    Abort,
}

/// Names one writing of an id's markers within one coordinator's life: results of an earlier one mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkerRun(pub(crate) u64);

/// Work for the host: markers to be written, each partition by its leader (WriteTxnMarkers). The host stamps its own
/// leader epoch of the partition of `__transaction_state` as the coordinator's epoch, and comes back with every partition
/// in `op::markers_written`, in as many parts as it likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkersDue {
    /// The transactional id.
    pub id: Arc<str>,
    /// To come back with.
    pub run: MarkerRun,
    /// The producer whose records are meant.
    pub producer: Producer,
    /// How it ended.
    pub end: TransactionEnd,
    /// By which rule the epoch of the marker is looked at (WriteTxnMarkers 2): under [`TransactionVersion::V2`] it is
    /// greater than the records'.
    pub version: TransactionVersion,
    /// Where.
    pub partitions: Vec<TopicPartition>,
}

/// What became of one partition's marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerResult {
    /// It is written and committed.
    Written,
    /// The partition does not exist any more, or cannot hold markers (UNSUPPORTED_FOR_MESSAGE_FORMAT,
    /// UNSUPPORTED_VERSION): there is nothing to end.
    Gone,
    /// It may be taken later: the leader is not known, was not reached, or answered UNKNOWN_TOPIC_OR_PARTITION,
    /// NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND, REQUEST_TIMED_OUT,
    /// KAFKA_STORAGE_ERROR, COORDINATOR_LOAD_IN_PROGRESS or COORDINATOR_NOT_AVAILABLE.
    Retry,
    /// INVALID_PRODUCER_EPOCH or TRANSACTION_COORDINATOR_FENCED: another coordinator has taken over.
    Fenced,
}

/// The markers of one transaction, from the decision to the record that says it is done.
#[derive(Clone, Debug)]
pub(crate) struct Markers {
    pub(crate) run: MarkerRun,
    pub(crate) prepared: Arc<Transaction>,
    /// The time that the record of the completion bears.
    pub(crate) decided: Timestamp,
    /// Not yet written.
    pub(crate) remaining: BTreeSet<TopicPartition>,
    /// Those of them that wait for the next attempt.
    pub(crate) waiting: BTreeSet<TopicPartition>,
    pub(crate) progress: Progress,
}

/// How far the markers of a transaction are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Some are to be written.
    Writing,
    /// The record that says that all are written is on its way.
    Completing,
    /// Another coordinator has taken over; nothing more is done here.
    Fenced,
}

impl Markers {
    /// The work that is due for `partitions`.
    pub(crate) fn due(&self, id: &Arc<str>, partitions: Vec<TopicPartition>) -> MarkersDue {
        MarkersDue {
            id: Arc::clone(id),
            run: self.run,
            producer: self.prepared.producer(),
            end: end_of(&self.prepared),
            version: self.prepared.client_version,
            partitions,
        }
    }
}

fn end_of(prepared: &Transaction) -> TransactionEnd {
    match prepared.status {
        TransactionStatus::PrepareCommit => TransactionEnd::Commit,
        TransactionStatus::PrepareAbort => TransactionEnd::Abort,
        status => unreachable!("markers are only written for what is decided, not in {}", status.name()),
    }
}
