//! Ids that nobody else may change just now.

use crate::markers::Markers;
use crate::transaction::{Producer, Transaction};
use std::sync::Arc;

/// Why an id may not be changed just now.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    /// A record of it is on its way.
    Writing {
        /// The producer as it is until then.
        before: Producer,
    },
    /// It was decided under an earlier coordinator; whether that is committed is not known yet.
    TakenOver(Arc<Transaction>),
    /// Its markers are being written.
    Markers(Markers),
}

impl Pending {
    /// The producer that is committed.
    pub(crate) fn producer(&self) -> Producer {
        match self {
            Self::Writing { before } => *before,
            Self::TakenOver(prepared) => prepared.producer(),
            Self::Markers(markers) => markers.prepared.producer(),
        }
    }
}
