//! Why a request of a consumer group's member is refused.

use protocol::ErrorCode;

/// An error with the words that go with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {message}")]
pub struct Refusal {
    /// For the client.
    pub code: ErrorCode,
    /// For whoever reads its log; Kafka's words.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::GroupIdNotFound, message)
    }

    pub(crate) fn unknown_member(member: &str, group: &str) -> Self {
        Self::new(
            ErrorCode::UnknownMemberId,
            format!("Member {member} is not a member of group {group}."),
        )
    }
}
