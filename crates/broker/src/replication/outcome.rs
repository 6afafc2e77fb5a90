//! What became of one partition of an answer.

use super::lane::Follow;
use super::session::PartitionId;
use partition::ReplicateError;
use storage::AppendError;
use tracing::error;

/// What became of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There was nothing new.
    Same,
    /// It moved: records came, or it was cut.
    Moved,
    /// It is tried again after a pause.
    Again,
    /// It is not fetched until it is assigned anew.
    Over,
    /// Where to go on must be asked.
    OutOfRange,
}

/// What follows from an answer that could not be taken.
pub(super) fn refused(id: PartitionId, follow: &Follow, error: &ReplicateError) -> Outcome {
    let (topic, partition) = (&follow.topic, id.index);
    match error {
        // Whoever changed the role has assigned it anew, or will.
        ReplicateError::Stale => Outcome::Moved,
        ReplicateError::Append(AppendError::Storage(failure)) | ReplicateError::Truncate(failure) => {
            error!(%topic, partition, %error, "what the leader sent cannot be written");
            follow.hosted.dir().failed(failure);
            if follow.hosted.dir().is_offline() {
                Outcome::Over
            } else {
                Outcome::Again
            }
        }
        ReplicateError::Append(_) => {
            error!(%topic, partition, %error, "what the leader sent does not continue the log; it is fetched again");
            Outcome::Again
        }
    }
}
