//! InitProducerId (22): a producer begins with a transactional id, and whoever used it before is fenced.
//! Errors: INVALID_REQUEST, INVALID_TRANSACTION_TIMEOUT, CONCURRENT_TRANSACTIONS, PRODUCER_FENCED; PRODUCER_FENCED is
//! INVALID_PRODUCER_EPOCH before version 4. KIP-98, KIP-360. A producer without a transactional id is not the
//! coordinator's business: the host gives it a fresh id with epoch 0.

use super::{answer, refuse};
use crate::completion::{Answer, Outcome, Reply};
use crate::coordinator::TransactionCoordinator;
use crate::markers::TransactionEnd;
use crate::state::TransactionState;
use crate::status::TransactionStatus;
use crate::transaction::{Producer, Transaction, is_exhausted};
use base::{ProducerEpoch, ProducerId};
use coordinator_runtime::{Moment, Token};
use protocol::ErrorCode;
use std::sync::Arc;

/// What a producer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitProducerId {
    /// The transactional id.
    pub id: Arc<str>,
    /// How long its transactions may take.
    pub timeout_ms: i32,
    /// The producer it believes to be, if it goes on after an error (KIP-360).
    pub expected: Option<Producer>,
}

/// Gives the id's producer a new epoch. `fresh` is a producer id that nobody has, which is needed for an id that is not
/// known or whose epochs are used up: without one the answer is then [`Answer::NeedsProducerId`].
pub fn init_producer_id(
    coordinator: &mut TransactionCoordinator,
    state: &TransactionState,
    moment: Moment,
    request: &InitProducerId,
    fresh: Option<ProducerId>,
    token: Token,
) -> Outcome {
    let InitProducerId {
        id,
        timeout_ms,
        expected,
    } = request;
    if let Err(error) = check(coordinator, request) {
        return refuse(token, error);
    }
    if coordinator.pending.contains_key(id) {
        return refuse(token, ErrorCode::ConcurrentTransactions);
    }
    let known = match (state.transaction(id), fresh) {
        (Some(known), _) => Arc::clone(known),
        (None, Some(fresh)) => Arc::new(Transaction::unborn(fresh, *timeout_ms, moment.wall)),
        (None, None) => return answer(token, Answer::NeedsProducerId),
    };
    if expected.is_some_and(|expected| !is_this(&known, expected)) {
        return refuse(token, ErrorCode::ProducerFenced);
    }
    match known.status {
        TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort => {
            refuse(token, ErrorCode::ConcurrentTransactions)
        }
        TransactionStatus::Ongoing => {
            // The epoch that fences is never given out: the client comes again for the one after it.
            let reply = Reply {
                to: token,
                answer: Answer::Refused(ErrorCode::ConcurrentTransactions),
            };
            fence(coordinator, moment, id, &known, fresh, Some(reply))
                .unwrap_or_else(|NeedsProducerId| answer(token, Answer::NeedsProducerId))
        }
        TransactionStatus::Empty | TransactionStatus::CompleteCommit | TransactionStatus::CompleteAbort => {
            let expected = expected.map(|expected| expected.epoch);
            match begin(&known, *timeout_ms, expected, fresh, moment) {
                Ok(next) => {
                    let producer = next.producer();
                    coordinator.change(id, known.producer(), next, token, Answer::Initialized(producer))
                }
                Err(Refusal::NeedsProducerId) => answer(token, Answer::NeedsProducerId),
                Err(Refusal::Error(error)) => refuse(token, error),
            }
        }
    }
}

fn check(coordinator: &TransactionCoordinator, request: &InitProducerId) -> Result<(), ErrorCode> {
    if request.id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    if request.timeout_ms <= 0 || request.timeout_ms > coordinator.settings.max_timeout_ms {
        return Err(ErrorCode::InvalidTransactionTimeout);
    }
    Ok(())
}

/// Whether the client may believe to be this producer: it is, there is none yet, or it was until its epochs were used up
/// and did not hear of its new id. Which epoch it has is looked at later.
fn is_this(known: &Transaction, expected: Producer) -> bool {
    known.producer_epoch == ProducerEpoch::NONE
        || expected.id == known.producer_id
        || (expected.id == known.previous_producer_id && is_exhausted(expected.epoch))
}

enum Refusal {
    NeedsProducerId,
    Error(ErrorCode),
}

fn begin(
    known: &Transaction,
    timeout_ms: i32,
    expected: Option<ProducerEpoch>,
    fresh: Option<ProducerId>,
    moment: Moment,
) -> Result<Transaction, Refusal> {
    if known.is_epoch_exhausted() && expected.is_none_or(|expected| expected == known.producer_epoch) {
        let fresh = fresh.ok_or(Refusal::NeedsProducerId)?;
        return Ok(known.rotated(fresh, timeout_ms, expected, moment.wall));
    }
    known
        .initialized(timeout_ms, expected, moment.wall)
        .map_err(Refusal::Error)
}

/// The producer's epochs are used up: it cannot be fenced without the id that it goes on with.
#[derive(Debug)]
pub(crate) struct NeedsProducerId;

/// Aborts the transaction that is under way, with an epoch that its producer does not have.
pub(crate) fn fence(
    coordinator: &mut TransactionCoordinator,
    moment: Moment,
    id: &Arc<str>,
    known: &Transaction,
    fresh: Option<ProducerId>,
    reply: Option<Reply>,
) -> Result<Outcome, NeedsProducerId> {
    let version = coordinator.settings.version;
    let (prepared, before) = if version.bumps_epoch() {
        let fresh = if known.is_epoch_exhausted() {
            Some(fresh.ok_or(NeedsProducerId)?)
        } else {
            None
        };
        let prepared = known.prepared_and_bumped(TransactionEnd::Abort, version, fresh, moment.wall);
        (prepared, known.producer())
    } else {
        // The old epoch counts no more from here on, not only once this is committed.
        let prepared = known.fenced(moment.wall);
        let before = prepared.producer();
        (prepared, before)
    };
    tracing::info!(%id, producer = %known.producer_id, epoch = %known.producer_epoch, "the transaction under way is aborted and its producer fenced");
    Ok(coordinator.prepare(id, before, prepared, reply))
}
