//! What clients ask of a group: one operation a file.

pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod delete_groups;
pub mod describe_groups;
pub mod expire_offsets;
pub mod heartbeat;
pub mod join_group;
pub mod leave_group;
pub mod list_groups;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod sync_group;
pub mod topics_deleted;
pub mod topics_found;
pub mod txn_offset_commit;

use crate::completion::{Answer, Completion, Outcome, Reply};
use crate::record::GroupRecord;
use coordinator_runtime::Token;

/// An answer that waits only for what was written before it.
pub(crate) fn answer(to: Token, answer: Answer) -> Outcome {
    Outcome::unchanged(Completion::Reply(Reply { to, answer }))
}

/// An answer that becomes true with these records.
pub(crate) fn answer_with(records: Vec<GroupRecord>, to: Token, answer: Answer) -> Outcome {
    Outcome::atomic(records, Completion::Reply(Reply { to, answer }))
}

/// The answer is on its way already, or will be when others have come.
pub(crate) fn nothing() -> Outcome {
    Outcome::unchanged(Completion::Nothing)
}
