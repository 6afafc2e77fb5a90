//! Transactional batches: before the first of a transaction is taken, its coordinator is asked (KIP-890).

use super::topic::Found;
use crate::Broker;
use crate::api::metadata::is_internal;
use crate::coordinators::transactions::verification::{Retry, Support, verify};
use crate::partitions::{Hosted, HostedTopic};
use base::{ProducerEpoch, ProducerId, TopicPartition};
use protocol::ErrorCode;
use protocol::views::produce::{ProduceView, Produced};
use records::BatchHeader;
use std::sync::Arc;
use storage::producer_state::ProducerError;
use storage::{Verification, VerificationGuard};
use transaction_coordinator::Producer;

/// The first version whose clients know TRANSACTION_ABORTABLE.
const ABORTABLE_FROM: i16 = 11;
/// The first version that stands for transaction.version 2.
const ADDS_PARTITIONS_FROM: i16 = 12;

/// What was found out about the batches of a request.
#[derive(Debug)]
pub(super) enum Checks {
    /// None is transactional.
    Plain,
    /// None of them is taken.
    Refused(Refused),
    /// For each partition of the request, in its order.
    Each(Vec<Result<Verification, Refused>>),
}

/// Why a batch is not taken.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) error: ErrorCode,
    pub(super) message: Option<String>,
}

impl From<ErrorCode> for Refused {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: None }
    }
}

/// A batch that the coordinator is asked about.
struct Asked {
    /// Where in the request its partition stands.
    at: usize,
    partition: TopicPartition,
    hosted: Arc<Hosted>,
    guard: VerificationGuard,
}

impl Asked {
    /// Whether the guard still counts: the marker of the producer's transaction before may have come between guard and
    /// question. Where the question added the partition, it is to be asked again.
    fn still_counts(&self, producer: Producer, support: Support) -> Result<(), ErrorCode> {
        let adds = support == Support::AddsPartitions;
        if adds && !self.hosted.lock().log().producers().is_verifying(producer.id, self.guard) {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        Ok(())
    }
}

impl Checks {
    /// What is known of the batch that stands at `at` in the request.
    pub(super) fn of(&self, at: usize) -> Result<Verification, Refused> {
        match self {
            Self::Plain => Ok(Verification::Missing),
            Self::Refused(refused) => Err(refused.clone()),
            Self::Each(checks) => checks.get(at).cloned().unwrap_or(Ok(Verification::Missing)),
        }
    }
}

/// Asks the coordinator where a transaction of `producer` begins on a partition.
pub(super) async fn check(broker: &Broker, view: &ProduceView<'_>, version: i16, producer: Producer) -> Checks {
    let Some(id) = view.transactional_id else {
        return Checks::Refused(ErrorCode::TransactionalIdAuthorizationFailed.into());
    };
    ask(broker, view, id, producer, support(version)).await
}

async fn ask(broker: &Broker, view: &ProduceView<'_>, id: &str, producer: Producer, support: Support) -> Checks {
    let retry = Retry::new(broker, id);
    loop {
        let settled = retry.settled();
        let checks = attempt(broker, view, id, producer, support).await;
        let is_busy = |check: &Result<_, Refused>| {
            check.as_ref().is_err_and(|refused| refused.error == ErrorCode::ConcurrentTransactions)
        };
        if retry.is_over() || !checks.iter().any(is_busy) {
            return Checks::Each(checks);
        }
        retry.pause(settled).await;
    }
}

async fn attempt(
    broker: &Broker,
    view: &ProduceView<'_>,
    id: &str,
    producer: Producer,
    support: Support,
) -> Vec<Result<Verification, Refused>> {
    let is_enabled = broker.config.load().transactions.transaction_partition_verification_enable;
    let otherwise = if is_enabled { Verification::Missing } else { Verification::Off };
    let mut asked = Vec::new();
    let mut checks = Vec::new();
    let mut found = Found::default();
    for produced in view.batches() {
        let begun = match found.topic(broker, &produced) {
            (_, Some(hosted)) if support.is_asked(broker) => begin(broker, hosted, &produced, support),
            _ => Ok(None),
        };
        checks.push(match begun {
            Ok(None) => Ok(otherwise),
            Ok(Some((hosted, guard))) => {
                let partition = hosted.lock().topic_partition().clone();
                let at = checks.len();
                asked.push(Asked { at, partition, hosted, guard });
                Ok(otherwise)
            }
            Err(error) => Err(error.into()),
        });
    }
    if asked.is_empty() {
        return checks;
    }
    let partitions: Vec<TopicPartition> = asked.iter().map(|asked| asked.partition.clone()).collect();
    let verdicts = verify(broker, id, producer, &partitions, support).await;
    for (asked, verdict) in asked.into_iter().zip(verdicts) {
        let verified = if is_enabled { Verification::Verified(asked.guard) } else { Verification::Off };
        let verdict = verdict.and_then(|()| asked.still_counts(producer, support));
        checks[asked.at] = verdict.map(|()| verified).map_err(|error| explain(error, support));
    }
    checks
}

fn support(version: i16) -> Support {
    match version {
        ADDS_PARTITIONS_FROM.. => Support::AddsPartitions,
        ABORTABLE_FROM.. => Support::Abortable,
        _ => Support::Early,
    }
}

/// The one producer of all transactional batches; none if none is.
pub(super) fn producer(view: &ProduceView<'_>) -> Result<Option<Producer>, Refused> {
    let mut known = None;
    for (id, epoch, _) in view.batches().filter_map(|produced| transactional(&produced)) {
        let producer = Producer { id, epoch };
        if known.is_some_and(|known| known != producer) {
            return Err(Refused {
                error: ErrorCode::InvalidProducerIdMapping,
                message: Some(String::from("Transactional records contained more than one producer ID")),
            });
        }
        known = Some(producer);
    }
    Ok(known)
}

/// Producer, epoch and first sequence of a transactional batch.
fn transactional(produced: &Produced<'_>) -> Option<(ProducerId, ProducerEpoch, i32)> {
    let header = BatchHeader::parse(produced.records?).ok()?;
    let counts = header.attributes.is_transactional();
    counts.then_some((header.producer_id, header.producer_epoch, header.base_sequence))
}

/// Has the log expect a transaction, unless it is open there. What cannot be appended to is left to the append.
fn begin(
    broker: &Broker,
    topic: &HostedTopic,
    produced: &Produced<'_>,
    support: Support,
) -> Result<Option<(Arc<Hosted>, VerificationGuard)>, ErrorCode> {
    let Some((producer, epoch, sequence)) = transactional(produced) else { return Ok(None) };
    let Some(hosted) = topic.partition(produced.index) else { return Ok(None) };
    if hosted.dir().is_offline() || is_internal(&topic.name) {
        return Ok(None);
    }
    let (now, first) = (broker.clock.wall(), support.first_sequence());
    let mut partition = hosted.lock();
    if partition.leadership().is_err() {
        return Ok(None);
    }
    match partition.log_mut().start_verification(producer, epoch, sequence, first, now) {
        Ok(guard) => Ok(guard.map(|guard| (Arc::clone(hosted), guard))),
        Err(ProducerError::InvalidProducerEpoch { .. }) => Err(ErrorCode::InvalidProducerEpoch),
        Err(error) => {
            tracing::warn!(%error, "a transaction cannot be verified");
            Err(ErrorCode::UnknownServerError)
        }
    }
}

/// The coordinator's errors as producers know them: those that pass become one that is tried again without asking for
/// metadata.
fn explain(error: ErrorCode, support: Support) -> Refused {
    let passes = match error {
        ErrorCode::InvalidTxnState => {
            let message = Some(String::from("Partition was not added to the transaction"));
            return Refused { error, message };
        }
        ErrorCode::NetworkException
        | ErrorCode::CoordinatorLoadInProgress
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => true,
        ErrorCode::ConcurrentTransactions => support != Support::AddsPartitions,
        _ => false,
    };
    if !passes {
        return error.into();
    }
    Refused {
        error: ErrorCode::NotEnoughReplicas,
        message: Some(format!(
            "Unable to verify the partition has been added to the transaction. Underlying error: {}",
            error.name()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_refused_in_words_that_its_clients_know() {
        let told = |error, version: i16| {
            let support = support(version);
            let Refused { error, message } = explain(support.translate(error), support);
            (error, message.is_some())
        };
        // (what the coordinator says, before version 11, in 11, from 12)
        let passing = (ErrorCode::NotEnoughReplicas, true);
        let cases = [
            (
                ErrorCode::TransactionAbortable,
                [
                    (ErrorCode::InvalidTxnState, true),
                    (ErrorCode::TransactionAbortable, false),
                    (ErrorCode::TransactionAbortable, false),
                ],
            ),
            (ErrorCode::ProducerFenced, [(ErrorCode::InvalidProducerEpoch, false); 3]),
            (ErrorCode::InvalidProducerIdMapping, [(ErrorCode::InvalidProducerIdMapping, false); 3]),
            (
                ErrorCode::ConcurrentTransactions,
                [passing, passing, (ErrorCode::ConcurrentTransactions, false)],
            ),
            (ErrorCode::CoordinatorLoadInProgress, [passing; 3]),
            (ErrorCode::CoordinatorNotAvailable, [passing; 3]),
            (ErrorCode::NotCoordinator, [passing; 3]),
            (ErrorCode::NetworkException, [passing; 3]),
        ];
        for (error, wanted) in cases {
            assert_eq!([10, 11, 12].map(|version| told(error, version)), wanted, "{error}");
        }
    }
}
