//! What happens after the records of an operation are committed, or lost; and the answers.

use crate::record::TransactionRecord;
use crate::transaction::{Producer, Transaction};
use coordinator_runtime::{Lost, Token};
use protocol::ErrorCode;
use std::sync::Arc;

/// What an operation decided.
pub type Outcome = coordinator_runtime::Outcome<TransactionRecord, Completion>;

/// An answer on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// To whom.
    pub to: Token,
    /// What.
    pub answer: Answer,
}

/// The answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To InitProducerId: go on with this producer.
    Initialized(Producer),
    /// To InitProducerId and EndTxn: a new producer id is needed. The host gets one from the controller and asks the same
    /// again with it; nothing was decided.
    NeedsProducerId,
    /// To AddPartitionsToTxn and AddOffsetsToTxn: they take part.
    Added,
    /// To EndTxn: it is decided. The producer that the client goes on with; none where the client's version keeps the one
    /// it has.
    Ended(Producer),
    /// To any of them: no.
    Refused(ErrorCode),
}

/// What is left to do when an operation's records are committed or lost.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Completion {
    /// Nothing.
    Nothing,
    /// To answer; no record was written.
    Reply(Reply),
    /// An id's producer or partitions have changed.
    Changed {
        /// The transactional id.
        id: Arc<str>,
        /// To whoever asked.
        reply: Reply,
    },
    /// A transaction's end is decided: its markers can be written.
    Prepared {
        /// The transactional id.
        id: Arc<str>,
        /// What was decided.
        prepared: Arc<Transaction>,
        /// To whoever asked; nobody did if it took too long.
        reply: Option<Reply>,
    },
    /// A transaction is done.
    Completed {
        /// The transactional id.
        id: Arc<str>,
    },
    /// Ids are forgotten.
    Expired {
        /// Which.
        ids: Vec<Arc<str>>,
    },
    /// Everything that was taken over is committed: what it decided can be gone on with.
    TakenOver,
}

/// What clients are told about records that were lost.
pub fn refusal(lost: Lost) -> ErrorCode {
    match lost {
        Lost::Replicas => ErrorCode::CoordinatorNotAvailable,
        Lost::NotLeader => ErrorCode::NotCoordinator,
        Lost::TooLarge => ErrorCode::UnknownServerError,
        Lost::ProducerFenced | Lost::NotInTransaction => {
            unreachable!("the coordinator's own records are nobody's transaction")
        }
    }
}
