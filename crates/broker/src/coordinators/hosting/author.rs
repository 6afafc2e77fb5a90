//! Whose records a coordinator writes.

use base::{ProducerEpoch, ProducerId};
use records::BatchBuilder;
use storage::{AppendTerms, Origin, Verification};

/// Kafka's coordinators begin every batch of a transaction with this sequence; nobody looks at it.
const SEQUENCE: i32 = 0;

/// Who stands in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// Nobody: the records count at once.
    Coordinator,
    /// A producer: the records count once its transaction is committed.
    Producer {
        /// Its id.
        id: ProducerId,
        /// Its epoch.
        epoch: ProducerEpoch,
        /// What the transaction coordinator said.
        verification: Verification,
    },
}

impl Author {
    /// Marks a batch as this author's.
    pub(super) fn sign(self, batch: BatchBuilder) -> BatchBuilder {
        match self {
            Self::Coordinator => batch,
            Self::Producer { id, epoch, .. } => batch.producer(id, epoch, SEQUENCE).transactional(),
        }
    }

    /// The rules for its batches.
    pub(super) fn terms(self) -> AppendTerms {
        let terms = AppendTerms::from(Origin::Coordinator);
        match self {
            Self::Coordinator => terms,
            Self::Producer { verification, .. } => AppendTerms { verification, ..terms },
        }
    }
}
