//! What happens after the records of an operation are committed, or lost; and the answers.

use crate::classic::member::Protocol;
use crate::record::GroupRecord;
use crate::timers::Timer;
use bytes::Bytes;
use coordinator_runtime::Lost;
use coordinator_runtime::Token;
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
use protocol::messages::delete_groups_response::DeletableGroupResult;
use protocol::messages::join_group_response::JoinGroupResponse;
use protocol::messages::leave_group_response::LeaveGroupResponse;
use protocol::messages::offset_commit_response::OffsetCommitResponse;
use protocol::messages::offset_delete_response::OffsetDeleteResponse;
use protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use protocol::messages::sync_group_response::SyncGroupResponse;
use protocol::messages::txn_offset_commit_response::TxnOffsetCommitResponse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an operation decided.
pub type Outcome = coordinator_runtime::Outcome<GroupRecord, Completion>;

/// An answer on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// To whom.
    pub to: Token,
    /// What.
    pub answer: Answer,
}

/// The answers, each in the terms of its API's newest version.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To JoinGroup.
    Join(JoinGroupResponse),
    /// To SyncGroup.
    Sync(SyncGroupResponse),
    /// To Heartbeat.
    Heartbeat(ErrorCode),
    /// To ConsumerGroupHeartbeat.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse),
    /// To LeaveGroup.
    Leave(LeaveGroupResponse),
    /// To OffsetCommit.
    OffsetCommit(OffsetCommitResponse),
    /// To TxnOffsetCommit.
    TxnOffsetCommit(TxnOffsetCommitResponse),
    /// To one group of an OffsetFetch that waits for what is being written.
    OffsetFetch(OffsetFetchResponseGroup),
    /// To OffsetDelete.
    OffsetDelete(OffsetDeleteResponse),
    /// To DeleteGroups.
    DeleteGroups(Vec<DeletableGroupResult>),
    /// To any of them: the coordinator could not do it.
    Refused(ErrorCode),
}

/// What is left to do when an operation's records are committed or lost.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Completion {
    /// Nothing.
    Nothing,
    /// To answer.
    Reply(Reply),
    /// What was due is done; if it is lost, it is due again.
    Timer(Timer),
    /// A new group was announced; without that record there is no group.
    Created {
        /// The group.
        group: Arc<str>,
    },
    /// The leader's assignment: members learn of it once it is safe.
    Assigned {
        /// The group.
        group: Arc<str>,
        /// The generation it is for.
        generation: i32,
        /// By member.
        assignment: BTreeMap<Arc<str>, Bytes>,
    },
    /// A static member came back under a new id without a rebalance.
    Replaced(Box<Replaced>),
}

/// See [`Completion::Replaced`].
#[derive(Clone, Debug, PartialEq)]
pub struct Replaced {
    /// The group.
    pub group: Arc<str>,
    /// The member's static name.
    pub instance_id: Arc<str>,
    /// Its id before.
    pub old: Arc<str>,
    /// Its id now.
    pub new: Arc<str>,
    /// What it could do before, to go back to.
    pub old_protocols: Vec<Protocol>,
    /// As before.
    pub old_rebalance_timeout_ms: i32,
    /// As before.
    pub old_session_timeout_ms: i32,
    /// The group's leader before.
    pub old_leader: Option<Arc<str>>,
    /// Whether the client can be told to skip the assignment.
    pub skip: SkipAssignment,
}

/// Whether the client knows that it can be the leader of a generation that needs no assignment (KIP-814).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipAssignment {
    /// From version 9.
    Known,
    /// Before.
    Unknown,
}

/// What clients are told about records that were lost.
pub fn refusal(lost: Lost) -> ErrorCode {
    match lost {
        Lost::Replicas => ErrorCode::CoordinatorNotAvailable,
        Lost::NotLeader => ErrorCode::NotCoordinator,
        Lost::TooLarge => ErrorCode::UnknownServerError,
        Lost::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        Lost::NotInTransaction => ErrorCode::InvalidTxnState,
    }
}
