//! Transactional producers: each writes to several partitions, commits an offset of its group at times, and commits and aborts by
//! turns.

use super::history::{History, Transaction};
use anyhow::{Context, Result, ensure};
use base::Rng;
use protocol::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::init_producer_id_response::InitProducerIdResponse;
use protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use std::collections::{BTreeMap, BTreeSet};
use testkit::Talk;
use testkit::batch::{Batch, Record};
use testkit::power_cut::monotonic;
use testkit::talk::{eventually, now_ms, produce_request};

/// What they write to.
pub const TOPIC: &str = "atomic";
/// How many partitions it has.
pub const PARTITIONS: i32 = 4;
/// Its segments are young, so that cuts fall beside rolls, and there are many indexes of aborted transactions.
pub const CONFIGS: [(&str, &str); 1] = [("segment.ms", "150")];
/// How many producers there are at once: by turns one as before transaction.version 2 and one as since.
pub const TRANSACTORS: u64 = 2;
/// How many transactions each has.
const TRANSACTIONS: i64 = 30;
const TRANSACTIONAL: i16 = 0x10;
/// UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, COORDINATOR_LOAD_IN_PROGRESS,
/// COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND, CONCURRENT_TRANSACTIONS,
/// UNSTABLE_OFFSET_COMMIT: clients ask again.
const AGAIN: [i16; 10] = [3, 6, 7, 14, 15, 16, 19, 20, 51, 88];

/// The transactional id of one.
pub fn transactional_id(who: u64) -> String {
    format!("transactor-{who}")
}

/// The group of one.
pub fn group(who: u64) -> String {
    format!("group-of-{who}")
}

/// Asks until the answer is neither that it is too early nor an error.
pub fn answered<T>(what: &str, mut ask: impl FnMut() -> Result<(i16, T)>) -> Result<T> {
    eventually(what, || {
        let (error, answer) = ask()?;
        if AGAIN.contains(&error) {
            return Ok(None);
        }
        ensure!(error == 0, "error {error}");
        Ok(Some(answer))
    })
}

/// Asking for it makes the internal topic. `kind` is 0 for a group, 1 for a transactional id.
pub fn find_coordinator(talk: &mut Talk, key: &str, kind: i8) -> Result<()> {
    let request = FindCoordinatorRequest {
        key_type: kind,
        coordinator_keys: vec![key.to_owned()],
        ..Default::default()
    };
    answered("a coordinator", || {
        let answer = talk.ask(&request, 4)?;
        Ok((answer.coordinators[0].error_code, ()))
    })
}

/// A producer id and epoch; what was open of the one before is aborted by then.
pub fn initialize(talk: &mut Talk, who: u64) -> Result<InitProducerIdResponse> {
    find_coordinator(talk, &transactional_id(who), 1)?;
    let request = InitProducerIdRequest {
        transactional_id: Some(transactional_id(who)),
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    answered("a producer id", || {
        let answer = talk.ask(&request, 4)?;
        Ok((answer.error_code, answer))
    })
}

/// One of them, to its end.
pub fn run(address: &str, who: u64, seed: u64, history: &History) {
    let mut talk = Talk::at(address).unwrap();
    find_coordinator(&mut talk, &group(who), 0).unwrap();
    let begun = initialize(&mut talk, who).unwrap();
    let mut transactor = Transactor {
        who,
        talk,
        style: [Style::Early, Style::Late][usize::from(who % 2 == 1)],
        id: begun.producer_id,
        epoch: begun.producer_epoch,
        sequences: BTreeMap::new(),
    };
    let mut rng = Rng::from_seed(seed ^ (0x7a00 + who));
    for number in 1..=TRANSACTIONS {
        transactor
            .live(number, &mut rng, history)
            .with_context(|| format!("{transactor:?}"))
            .unwrap();
    }
}

/// Which clients it is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// It adds partitions itself and keeps its epoch.
    Early,
    /// Partitions are added with their records, and each end bumps the epoch (KIP-890).
    Late,
}

struct Transactor {
    who: u64,
    talk: Talk,
    style: Style,
    id: i64,
    epoch: i16,
    sequences: BTreeMap<i32, i32>,
}

impl std::fmt::Debug for Transactor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{:?} transactor {} as {}:{}",
            self.style, self.who, self.id, self.epoch
        )
    }
}

/// What a transaction is to be.
fn plan(who: u64, number: i64, rng: &mut Rng) -> Transaction {
    let count = 1 + rng.below(6);
    let room = if rng.below(8) == 0 { 20_000 } else { 200 };
    let value = |at: u64| {
        let partition = i32::try_from(rng.below(4)).unwrap() % PARTITIONS;
        let filling = usize::try_from(rng.below(room)).unwrap();
        (
            partition,
            format!("{who}-{number}-{at}-{}", "x".repeat(filling)).into_bytes(),
        )
    };
    let values = (0..count).map(value).collect();
    Transaction {
        who,
        values,
        offset: (rng.below(2) == 0).then_some(number),
        commits: number % 2 == 1,
        begun_at: monotonic(),
        end_asked_at: None,
        ended_at: None,
    }
}

impl Transactor {
    fn live(&mut self, number: i64, rng: &mut Rng, history: &History) -> Result<()> {
        let transaction = plan(self.who, number, rng);
        let place = {
            let mut all = history.transactions.lock().unwrap();
            all.push(transaction.clone());
            all.len() - 1
        };
        if self.style == Style::Early {
            self.add_partitions(&transaction)?;
        }
        for (partition, value) in &transaction.values {
            self.produce(*partition, value)?;
        }
        if let Some(offset) = transaction.offset {
            self.commit_offset(offset)?;
        }
        history.transactions.lock().unwrap()[place].end_asked_at = Some(monotonic());
        self.end(transaction.commits)?;
        history.transactions.lock().unwrap()[place].ended_at = Some(monotonic());
        Ok(())
    }

    fn add_partitions(&mut self, transaction: &Transaction) -> Result<()> {
        let partitions: BTreeSet<i32> = transaction.values.iter().map(|(partition, _)| *partition).collect();
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: transactional_id(self.who),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                name: TOPIC.to_owned(),
                partitions: partitions.into_iter().collect(),
            }],
            ..Default::default()
        };
        answered("AddPartitionsToTxn", || {
            let answer = self.talk.ask(&request, 3)?;
            let topic = answer.results_by_topic_v3_and_below.first().context("the topic")?;
            let mut errors = topic
                .results_by_partition
                .iter()
                .map(|result| result.partition_error_code);
            Ok((errors.find(|error| *error != 0).unwrap_or(0), ()))
        })
    }

    fn produce(&mut self, partition: i32, value: &[u8]) -> Result<()> {
        let sequence = self.sequences.entry(partition).or_default();
        let records = vec![Record::value(value)];
        let mut batch = Batch::new(now_ms(), records).from_producer(self.id, self.epoch, *sequence);
        *sequence += 1;
        batch.attributes = TRANSACTIONAL;
        let mut request = produce_request(TOPIC, partition, -1, batch.encode());
        request.transactional_id = Some(transactional_id(self.who));
        let version = match self.style {
            Style::Early => 9,
            Style::Late => 12,
        };
        answered("Produce", || {
            let answer = self.talk.ask(&request, version)?;
            Ok((answer.responses[0].partition_responses[0].error_code, ()))
        })
    }

    fn commit_offset(&mut self, offset: i64) -> Result<()> {
        if self.style == Style::Early {
            let request = AddOffsetsToTxnRequest {
                transactional_id: transactional_id(self.who),
                producer_id: self.id,
                producer_epoch: self.epoch,
                group_id: group(self.who),
            };
            answered("AddOffsetsToTxn", || Ok((self.talk.ask(&request, 3)?.error_code, ())))?;
        }
        let partition = TxnOffsetCommitRequestPartition {
            committed_offset: offset,
            ..Default::default()
        };
        let request = TxnOffsetCommitRequest {
            transactional_id: transactional_id(self.who),
            group_id: group(self.who),
            producer_id: self.id,
            producer_epoch: self.epoch,
            generation_id_or_member_epoch: -1,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: TOPIC.to_owned(),
                partitions: vec![partition],
                ..Default::default()
            }],
            ..Default::default()
        };
        let version = match self.style {
            Style::Early => 4,
            Style::Late => 5,
        };
        answered("TxnOffsetCommit", || {
            let answer = self.talk.ask(&request, version)?;
            Ok((answer.topics[0].partitions[0].error_code, ()))
        })
    }

    fn end(&mut self, committed: bool) -> Result<()> {
        let request = EndTxnRequest {
            transactional_id: transactional_id(self.who),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
        };
        let version = match self.style {
            Style::Early => 3,
            Style::Late => 5,
        };
        let answer = answered("EndTxn", || {
            let answer = self.talk.ask(&request, version)?;
            Ok((answer.error_code, answer))
        })?;
        if self.style == Style::Late {
            (self.id, self.epoch) = (answer.producer_id, answer.producer_epoch);
            self.sequences.clear();
        }
        Ok(())
    }
}
