//! EndTxn (26): a transaction is committed or aborted.
//! Errors: INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED (INVALID_PRODUCER_EPOCH before version 2),
//! CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE. KIP-98, KIP-890.

use super::{answer, refuse};
use crate::completion::{Answer, Outcome, Reply};
use crate::coordinator::TransactionCoordinator;
use crate::markers::TransactionEnd;
use crate::state::TransactionState;
use crate::status::TransactionStatus;
use crate::transaction::{Producer, Transaction};
use crate::version::TransactionVersion;
use base::{ProducerEpoch, ProducerId};
use coordinator_runtime::{Moment, Token};
use protocol::ErrorCode;
use std::sync::Arc;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTxn {
    /// The transactional id.
    pub id: Arc<str>,
    /// Who asks.
    pub producer: Producer,
    /// How it is to end.
    pub end: TransactionEnd,
    /// What the request stands for: [`TransactionVersion::V2`] from version 5.
    pub client: TransactionVersion,
}

/// Decides the end of a transaction. `fresh` is a producer id that nobody has, which is needed when the epochs of the
/// producer are used up: without one the answer is then [`Answer::NeedsProducerId`].
pub fn end_txn(
    coordinator: &mut TransactionCoordinator,
    state: &TransactionState,
    moment: Moment,
    request: &EndTxn,
    fresh: Option<ProducerId>,
    token: Token,
) -> Outcome {
    if request.id.is_empty() {
        return refuse(token, ErrorCode::InvalidRequest);
    }
    let Some(known) = state.transaction(&request.id) else {
        return refuse(token, ErrorCode::InvalidProducerIdMapping);
    };
    let verdict = if request.client.bumps_epoch() {
        judge_bumping(coordinator, known, request)
    } else {
        judge(coordinator, known, request)
    };
    match verdict {
        Verdict::Refuse(error) => refuse(token, error),
        Verdict::Done(producer) => answer(token, Answer::Ended(producer)),
        Verdict::Decide => decide(coordinator, moment, request, known, fresh, token),
    }
}

enum Verdict {
    Refuse(ErrorCode),
    /// It has ended like this before: the answer did not reach the client.
    Done(Producer),
    Decide,
}

/// Where epochs stay, a request that is repeated looks like the one before.
fn judge(coordinator: &TransactionCoordinator, known: &Transaction, request: &EndTxn) -> Verdict {
    let pending = coordinator.pending.get(&request.id);
    let producer = pending.map_or(known.producer(), |pending| pending.producer());
    if producer.id != request.producer.id {
        return Verdict::Refuse(ErrorCode::InvalidProducerIdMapping);
    }
    if producer.epoch != request.producer.epoch {
        return Verdict::Refuse(ErrorCode::ProducerFenced);
    }
    if pending.is_some() {
        return Verdict::Refuse(ErrorCode::ConcurrentTransactions);
    }
    match (known.status, request.end) {
        (TransactionStatus::Ongoing, _) => Verdict::Decide,
        (TransactionStatus::CompleteCommit, TransactionEnd::Commit)
        | (TransactionStatus::CompleteAbort, TransactionEnd::Abort) => Verdict::Done(Producer::NONE),
        (status, end) => refuse_in(status, end),
    }
}

/// Where each end bumps the epoch, a request that is repeated has the epoch before.
fn judge_bumping(coordinator: &TransactionCoordinator, known: &Transaction, request: &EndTxn) -> Verdict {
    if coordinator.pending.contains_key(&request.id) {
        return Verdict::Refuse(ErrorCode::ConcurrentTransactions);
    }
    let ProducerEpoch(asked) = request.producer.epoch;
    let ProducerEpoch(epoch) = known.producer_epoch;
    let is_after_overflow = known.previous_producer_id == request.producer.id && asked == i16::MAX - 1 && epoch == 0;
    let is_after_bump = i32::from(epoch) == i32::from(asked) + 1;
    let is_retry = is_after_bump || is_after_overflow;
    let is_current = asked == epoch;
    if known.producer_id != request.producer.id && !is_after_overflow {
        return Verdict::Refuse(ErrorCode::InvalidProducerIdMapping);
    }
    let has_valid_epoch = match known.status {
        TransactionStatus::Empty | TransactionStatus::Ongoing => is_current,
        TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort => is_after_bump,
        TransactionStatus::CompleteCommit | TransactionStatus::CompleteAbort => is_retry || is_current,
    };
    if !has_valid_epoch {
        return Verdict::Refuse(ErrorCode::ProducerFenced);
    }
    match (known.status, request.end) {
        (TransactionStatus::Ongoing, _) | (TransactionStatus::Empty, TransactionEnd::Abort) => Verdict::Decide,
        (TransactionStatus::CompleteCommit, TransactionEnd::Commit)
        | (TransactionStatus::CompleteAbort, TransactionEnd::Abort)
            if is_retry =>
        {
            if known.client_version.bumps_epoch() {
                return Verdict::Done(known.producer());
            }
            // What an older client ended left the epoch as it was: the epoch before is another producer's, which that
            // client has fenced. Kafka takes it for a retry and gives it the older client's epoch.
            Verdict::Refuse(ErrorCode::ProducerFenced)
        }
        (TransactionStatus::CompleteCommit | TransactionStatus::CompleteAbort, TransactionEnd::Abort) if !is_retry => {
            Verdict::Decide
        }
        (status, end) => refuse_in(status, end),
    }
}

fn refuse_in(status: TransactionStatus, end: TransactionEnd) -> Verdict {
    match (status, end) {
        (TransactionStatus::PrepareCommit, TransactionEnd::Commit)
        | (TransactionStatus::PrepareAbort, TransactionEnd::Abort) => {
            Verdict::Refuse(ErrorCode::ConcurrentTransactions)
        }
        (status, end) => {
            tracing::warn!(status = status.name(), ?end, "a transaction cannot end like this");
            Verdict::Refuse(ErrorCode::InvalidTxnState)
        }
    }
}

fn decide(
    coordinator: &mut TransactionCoordinator,
    moment: Moment,
    request: &EndTxn,
    known: &Transaction,
    fresh: Option<ProducerId>,
    token: Token,
) -> Outcome {
    let (prepared, producer) = if request.client.bumps_epoch() {
        if known.producer_epoch == ProducerEpoch(i16::MAX) && request.end == TransactionEnd::Commit {
            // The last epoch is for fencing only; Kafka's answer too.
            return refuse(token, ErrorCode::UnknownServerError);
        }
        let fresh = match (known.is_epoch_exhausted(), fresh) {
            (false, _) => None,
            (true, Some(fresh)) => Some(fresh),
            (true, None) => return answer(token, Answer::NeedsProducerId),
        };
        let prepared = known.prepared_and_bumped(request.end, request.client, fresh, moment.wall);
        let producer = prepared.producer_when_complete();
        (prepared, producer)
    } else {
        (known.prepared(request.end, moment.wall), Producer::NONE)
    };
    let reply = Reply {
        to: token,
        answer: Answer::Ended(producer),
    };
    coordinator.prepare(&request.id, known.producer(), prepared, Some(reply))
}
