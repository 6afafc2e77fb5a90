//! KIP-853: a change of the voters that is under way. There is one at a time.

use crate::message::{AckWhen, AddVoterRequest, RequestId, Ticket};
use base::{Instant, Offset};

/// What waits for what.
#[derive(Debug)]
pub(crate) struct VoterChange {
    /// Who asked for it; `None` once it was answered, or for a change that is not answered.
    pub(crate) ticket: Option<Ticket>,
    /// What it is.
    pub(crate) stage: Stage,
    /// When it is given up. The record, if it was appended, stays in the log.
    pub(crate) deadline: Instant,
}

/// How far it has come.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The new voter is asked what it supports.
    Asking {
        /// The new voter.
        request: AddVoterRequest,
        /// The question.
        id: RequestId,
    },
    /// The voters with the new one are in the log, at this offset.
    Adding(Offset),
    /// The voters without the old one are in the log, at this offset.
    Removing(Offset),
}

impl VoterChange {
    /// Whether the request for the new voter is answered as soon as it is in the log.
    pub(crate) fn answers_early(request: &AddVoterRequest) -> bool {
        request.ack == AckWhen::Appended
    }
}
