//! What a sound quorum never does.

use base::{LeaderEpoch, NodeId, Offset};

/// A broken promise. The message that shows it is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Two leaders of one epoch.
    #[error("epoch {epoch} of the metadata quorum is led by {known}, and by {claimed} according to another node")]
    TwoLeaders {
        /// The epoch.
        epoch: LeaderEpoch,
        /// Who leads it as far as this replica knows.
        known: NodeId,
        /// Who is said to lead it.
        claimed: NodeId,
    },
    /// The leader lacks records that were committed.
    #[error(
        "the leader of epoch {epoch} wants the metadata log truncated to {to}, below the high watermark \
         {high_watermark}: it lacks committed records"
    )]
    TruncationBelowHighWatermark {
        /// The leader's epoch.
        epoch: LeaderEpoch,
        /// Where to.
        to: Offset,
        /// What is committed.
        high_watermark: Offset,
    },
    /// The leader sent what is no continuation of the log.
    #[error("the leader of epoch {epoch} sent records for offset {at} that cannot be appended")]
    Records {
        /// The leader's epoch.
        epoch: LeaderEpoch,
        /// The log's end.
        at: Offset,
    },
}
