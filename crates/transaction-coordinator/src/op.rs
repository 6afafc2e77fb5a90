//! What is asked of a transaction: one operation a file.

pub mod abort_timed_out;
pub mod add_partitions;
pub mod describe_transaction;
pub mod end_txn;
pub(crate) mod expire_ids;
pub mod init_producer_id;
pub mod list_transactions;
pub mod markers_written;
pub mod verify_partitions;

use crate::completion::{Answer, Completion, Outcome, Reply};
use coordinator_runtime::Token;
use protocol::ErrorCode;

/// An answer that waits only for what was written before it.
pub(crate) fn answer(to: Token, answer: Answer) -> Outcome {
    Outcome::unchanged(Completion::Reply(Reply { to, answer }))
}

/// No.
pub(crate) fn refuse(to: Token, error: ErrorCode) -> Outcome {
    answer(to, Answer::Refused(error))
}
