//! One of the two brokers: what it says to a step, and how it describes a transaction.

use anyhow::{Context, Result};
use protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use testkit::batch::{Batch, Record};
use testkit::talk::{eventually, fetch_request, now_ms, produce_request, records};
use testkit::{Cluster, Talk};

use crate::{PARTITIONS, TOPIC};

pub const NONE: i16 = 0;
/// CONCURRENT_TRANSACTIONS, as which older producers know it (NOT_ENOUGH_REPLICAS), and NOT_LEADER_OR_FOLLOWER.
const TOO_EARLY: [i16; 3] = [51, 19, 6];
/// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR.
const NOT_READY: std::ops::RangeInclusive<i16> = 14..=16;

/// The attribute of a transaction's batches.
const TRANSACTIONAL: i16 = 0x10;

/// A producer on one side.
pub type Producer = (i64, i16);

/// One step, with what each side calls the producer.
#[derive(Clone, Debug)]
pub enum Step {
    Begin {
        expected: Option<[Producer; 2]>,
        timeout_ms: i32,
    },
    Add {
        by: [Producer; 2],
        partitions: Vec<i32>,
        way: Way,
    },
    End {
        by: [Producer; 2],
        committed: bool,
        version: i16,
    },
    /// One record, with this sequence number.
    Write {
        by: [Producer; 2],
        partition: i32,
        sequence: i32,
        version: i16,
    },
    /// Until the transaction has taken too long.
    Outlast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The client, up to version 3.
    Client,
    /// A broker, for its client.
    Broker,
    /// A broker that only asks.
    Verify,
}

/// What a side says: an error for each thing asked, and the producer to go on as.
pub type Said = (Vec<i16>, Producer);

pub struct Side {
    pub broker: Box<dyn Cluster>,
    talk: Talk,
    /// The producer ids of the walk, as they came: sides give out different ones.
    ids: Vec<i64>,
}

impl Side {
    pub fn new(broker: Box<dyn Cluster>) -> Result<Self> {
        let mut talk = Talk::to(&*broker)?;
        talk.create_topic(TOPIC, i32::try_from(PARTITIONS)?, &[])?;
        Ok(Self {
            broker,
            talk,
            ids: Vec::new(),
        })
    }

    pub fn begin_walk(&mut self, id: &str) -> Result<()> {
        self.ids.clear();
        let request = FindCoordinatorRequest {
            key_type: 1,
            coordinator_keys: vec![id.to_owned()],
            ..Default::default()
        };
        eventually("a coordinator", || {
            let answer = self.talk.ask(&request, 4)?;
            Ok((answer.coordinators[0].error_code == NONE).then_some(()))
        })
    }

    /// Does a step again until it is neither too early nor in somebody's way.
    pub fn step(&mut self, id: &str, step: &Step, side: usize) -> Result<Said> {
        eventually("an answer", || {
            let said = self.try_step(id, step, side)?;
            let again = |error: &i16| TOO_EARLY.contains(error) || NOT_READY.contains(error);
            Ok((!said.0.iter().any(again)).then_some(said))
        })
    }

    fn try_step(&mut self, id: &str, step: &Step, side: usize) -> Result<Said> {
        match step {
            Step::Begin { expected, timeout_ms } => {
                let (producer_id, producer_epoch) = expected.map_or((-1, -1), |expected| expected[side]);
                let request = InitProducerIdRequest {
                    transactional_id: Some(id.to_owned()),
                    transaction_timeout_ms: *timeout_ms,
                    producer_id,
                    producer_epoch,
                    ..Default::default()
                };
                let answer = self.talk.ask(&request, 4)?;
                Ok((vec![answer.error_code], (answer.producer_id, answer.producer_epoch)))
            }
            Step::Write {
                by,
                partition,
                sequence,
                version,
            } => Ok((
                vec![self.write(id, by[side], *partition, *sequence, *version)?],
                (-1, -1),
            )),
            Step::Outlast => {
                eventually("a transaction that has taken too long", || {
                    Ok((!self.described(id)?.contains("Ongoing")).then_some(()))
                })?;
                Ok((Vec::new(), (-1, -1)))
            }
            Step::Add { by, partitions, way } => Ok((self.add(id, by[side], partitions, *way)?, (-1, -1))),
            Step::End { by, committed, version } => {
                let (producer_id, producer_epoch) = by[side];
                let request = EndTxnRequest {
                    transactional_id: id.to_owned(),
                    producer_id,
                    producer_epoch,
                    committed: *committed,
                };
                let answer = self.talk.ask(&request, *version)?;
                Ok((vec![answer.error_code], (answer.producer_id, answer.producer_epoch)))
            }
        }
    }

    fn add(
        &mut self,
        id: &str,
        (producer_id, producer_epoch): Producer,
        partitions: &[i32],
        way: Way,
    ) -> Result<Vec<i16>> {
        let topics = vec![AddPartitionsToTxnTopic {
            name: TOPIC.to_owned(),
            partitions: partitions.to_vec(),
        }];
        let (request, version) = match way {
            Way::Client => {
                let request = AddPartitionsToTxnRequest {
                    v3_and_below_transactional_id: id.to_owned(),
                    v3_and_below_producer_id: producer_id,
                    v3_and_below_producer_epoch: producer_epoch,
                    v3_and_below_topics: topics,
                    ..Default::default()
                };
                (request, 3)
            }
            Way::Broker | Way::Verify => {
                let transaction = AddPartitionsToTxnTransaction {
                    transactional_id: id.to_owned(),
                    producer_id,
                    producer_epoch,
                    verify_only: way == Way::Verify,
                    topics,
                };
                let request = AddPartitionsToTxnRequest {
                    transactions: vec![transaction],
                    ..Default::default()
                };
                (request, 5)
            }
        };
        let answer = self.talk.ask(&request, version)?;
        let mut topics = answer.results_by_topic_v3_and_below;
        topics.extend(
            answer
                .results_by_transaction
                .into_iter()
                .flat_map(|each| each.topic_results),
        );
        let topic = topics.first().context("an answer for the topic")?;
        let mut results: Vec<(i32, i16)> = topic
            .results_by_partition
            .iter()
            .map(|result| (result.partition_index, result.partition_error_code))
            .collect();
        results.sort_unstable();
        Ok(results.into_iter().map(|(_, error)| error).collect())
    }

    fn write(
        &mut self,
        id: &str,
        (producer_id, producer_epoch): Producer,
        partition: i32,
        sequence: i32,
        version: i16,
    ) -> Result<i16> {
        let record = Record::value(format!("{id} {producer_epoch} {sequence}"));
        let mut batch = Batch::new(now_ms(), vec![record]).from_producer(producer_id, producer_epoch, sequence);
        batch.attributes = TRANSACTIONAL;
        let mut request = produce_request(TOPIC, partition, -1, batch.encode());
        request.transactional_id = Some(id.to_owned());
        let answer = self.talk.ask(&request, version)?;
        Ok(answer.responses[0].partition_responses[0].error_code)
    }

    /// Everything that is in the topic, a line for each batch, and what a reader is told of aborted transactions.
    pub fn written(&mut self) -> Result<Vec<String>> {
        self.ids.clear();
        let mut lines = Vec::new();
        for index in 0..i32::try_from(PARTITIONS)? {
            let mut request = fetch_request(TOPIC, index, 0);
            request.isolation_level = 1;
            let mut answer = self.talk.ask(&request, 12)?;
            let partition = answer.responses.pop().and_then(|mut topic| topic.partitions.pop());
            let partition = partition.context("the partition")?;
            for batch in Batches(records(&partition)) {
                let who = self.named((batch.producer_id, batch.producer_epoch));
                lines.push(format!(
                    "{index}: at {} {who} attributes {:x} sequence {}",
                    batch.offset, batch.attributes, batch.sequence
                ));
            }
            let mut aborted = Vec::new();
            for transaction in partition.aborted_transactions.into_iter().flatten() {
                let who = self.named((transaction.producer_id, 0));
                aborted.push(format!("{index}: {who} aborted from {}", transaction.first_offset));
            }
            aborted.sort();
            lines.extend(aborted);
            lines.push(format!("{index}: stable up to {}", partition.last_stable_offset));
        }
        Ok(lines)
    }

    /// The transaction once nothing of it is under way, without times.
    pub fn described(&mut self, id: &str) -> Result<String> {
        let request = DescribeTransactionsRequest {
            transactional_ids: vec![id.to_owned()],
        };
        let state = eventually("a transaction that is not being ended", || {
            let mut answer = self.talk.ask(&request, 0)?;
            let state = answer.transaction_states.pop().context("a state")?;
            let is_settled = !state.transaction_state.starts_with("Prepare") && !NOT_READY.contains(&state.error_code);
            Ok(is_settled.then_some(state))
        })?;
        let mut partitions: Vec<i32> = state.topics.iter().flat_map(|topic| topic.partitions.clone()).collect();
        partitions.sort_unstable();
        Ok(format!(
            "error {} {} of {}, {} ms: {partitions:?}",
            state.error_code,
            state.transaction_state,
            self.named((state.producer_id, state.producer_epoch)),
            state.transaction_timeout_ms
        ))
    }

    /// A producer by the place of its id among those of the walk.
    pub fn named(&mut self, (id, epoch): Producer) -> String {
        if id == -1 {
            return format!("nobody/{epoch}");
        }
        let place = self.ids.iter().position(|known| *known == id).unwrap_or_else(|| {
            self.ids.push(id);
            self.ids.len() - 1
        });
        format!("#{place}/{epoch}")
    }
}

/// The batches in fetched bytes.
struct Batches<'a>(&'a [u8]);

/// What a batch's header says.
struct Header {
    offset: i64,
    attributes: i16,
    producer_id: i64,
    producer_epoch: i16,
    sequence: i32,
}

impl Iterator for Batches<'_> {
    type Item = Header;

    fn next(&mut self) -> Option<Header> {
        let bytes = self.0;
        let length = i32::from_be_bytes(bytes.get(8..12)?.try_into().ok()?);
        self.0 = bytes.get(12 + usize::try_from(length).ok()?..)?;
        Some(Header {
            offset: i64::from_be_bytes(bytes[..8].try_into().ok()?),
            attributes: i16::from_be_bytes(bytes[21..23].try_into().ok()?),
            producer_id: i64::from_be_bytes(bytes[43..51].try_into().ok()?),
            producer_epoch: i16::from_be_bytes(bytes[51..53].try_into().ok()?),
            sequence: i32::from_be_bytes(bytes[53..57].try_into().ok()?),
        })
    }
}
