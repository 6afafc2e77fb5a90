//! Why a partition took no batch, as its writers are told.

use crate::partitions::Hosted;
use partition::AppendRefused;
use protocol::ErrorCode;
use storage::AppendError;
use storage::producer_state::ProducerError;

/// The error of a refusal; a disk that failed takes its directory out of use, one that is full does not.
pub(crate) fn note(hosted: &Hosted, refused: &AppendRefused) -> ErrorCode {
    if let AppendRefused::Log(AppendError::Storage(error)) = refused {
        hosted.dir().failed(error);
    }
    code(refused)
}

fn code(refused: &AppendRefused) -> ErrorCode {
    match refused {
        AppendRefused::NotLeader(_) => ErrorCode::NotLeaderOrFollower,
        AppendRefused::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
        AppendRefused::Log(error) => match error {
            AppendError::Storage(_) => ErrorCode::KafkaStorageError,
            AppendError::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            AppendError::UnexpectedOffset { .. } => ErrorCode::UnknownServerError,
            AppendError::NoMarker | AppendError::OffsetOverflow { .. } => ErrorCode::InvalidRecord,
            AppendError::Producer(error) => match error {
                ProducerError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
                ProducerError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
                ProducerError::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
                ProducerError::TransactionOpen { .. } | ProducerError::NotVerified { .. } => ErrorCode::InvalidTxnState,
            },
        },
    }
}
