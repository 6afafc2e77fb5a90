//! A transactional producer, in the protocol's own words (KIP-890): some transactions are committed, some are aborted, and some are
//! left to the next life of their producer, or to their time-out.

use super::{ATOMIC, PARTITIONS, Stage, Work, offsets, pause};
use crate::history::{End, Place, Transaction};
use base::{NodeId, ProducerEpoch, ProducerId, Rng};
use client::{Channel, ClientError, Cluster, CoordinatorType, Topics, find_coordinator};
use protocol::ErrorCode;
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::wire::Records;
use records::builder::BatchBuilder;
use std::time::Duration;

/// How long a transaction may take.
const TIMEOUT_MS: i32 = 6000;
/// How often something is tried again.
const ATTEMPTS: u64 = 60;

/// Who a transaction is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Producer {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// See the module.
struct Transactor {
    work: Work,
    who: &'static str,
    cluster: Cluster,
    rng: Rng,
    sequence: u64,
    /// The offset that was committed last within a transaction.
    offset: i64,
}

/// Why a transaction does not go on.
enum Given {
    Up,
}

pub async fn run(work: Work, who: &'static str, rng: Rng) {
    let mut transactor = Transactor {
        cluster: work.cluster(who),
        work,
        who,
        rng,
        sequence: 0,
        offset: 0,
    };
    while transactor.work.stage() == Stage::All {
        if let Some(producer) = transactor.begin().await {
            transactor.live(producer).await;
        }
    }
}

pub(super) fn refused(code: i16) -> Result<(), ClientError> {
    match ErrorCode::from(code) {
        ErrorCode::None => Ok(()),
        code => Err(ClientError::Refused {
            code,
            message: String::new(),
        }),
    }
}

impl Transactor {
    fn note(&self, what: &str, error: &ClientError) {
        let who = self.who;
        self.work.history.note(format_args!("{who} {what}: {error}"));
    }

    async fn coordinator(&self) -> Result<Channel, ClientError> {
        let node = find_coordinator(&self.cluster, CoordinatorType::Transaction, self.who).await?;
        self.cluster.at(&node.address).await
    }

    /// A new epoch: what the last one left open is aborted.
    async fn begin(&mut self) -> Option<Producer> {
        let request = InitProducerIdRequest {
            transactional_id: Some(self.who.to_owned()),
            transaction_timeout_ms: TIMEOUT_MS,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        while self.work.stage() == Stage::All {
            let asked = async {
                let answer = self.coordinator().await?.send(&request).await?;
                refused(answer.error_code)?;
                Ok::<_, ClientError>(Producer {
                    id: answer.producer_id,
                    epoch: answer.producer_epoch,
                })
            };
            match asked.await {
                Ok(producer) => {
                    let who = self.who;
                    self.work.history.note(format_args!("{who} is {producer:?}"));
                    return Some(producer);
                }
                Err(error) => self.note("is not let in", &error),
            }
            pause(&mut self.rng, 200).await;
        }
        None
    }

    /// One transaction after the other, as long as the producer is not fenced.
    async fn live(&mut self, mut producer: Producer) {
        while self.work.stage() == Stage::All {
            let mut transaction = Transaction {
                who: self.who,
                values: Vec::new(),
                offset: None,
                end: End::Unknown,
            };
            let is_whole = self.fill(producer, &mut transaction).await.is_ok();
            if self.rng.below(10) == 0 {
                // Left as it is: the next life aborts it, or its time-out does.
                transaction.end = End::Aborted;
                self.work.history.lock().transactions.push(transaction);
                if self.rng.below(2) == 0 {
                    tokio::time::sleep(Duration::from_millis(u64::try_from(TIMEOUT_MS).unwrap() + 2000)).await;
                }
                return;
            }
            let commits = is_whole && self.rng.below(4) > 0;
            let next = self.end(producer, commits).await;
            transaction.end = match (&next, commits) {
                (Some(_), true) => End::Committed,
                // What was to be aborted is never committed, whatever became of the asking.
                (_, false) => End::Aborted,
                (None, true) => End::Unknown,
            };
            let who = self.who;
            self.work.history.note(format_args!("{who}: {transaction:?}"));
            self.work.history.lock().transactions.push(transaction);
            match next {
                Some(next) => producer = next,
                None => return,
            }
            pause(&mut self.rng, 100).await;
        }
    }

    /// Everything that is in a transaction.
    async fn fill(&mut self, producer: Producer, transaction: &mut Transaction) -> Result<(), Given> {
        let partitions = if self.rng.below(3) == 0 { 1 } else { PARTITIONS };
        for partition in 0..partitions {
            self.write(producer, (ATOMIC, partition), transaction).await?;
        }
        if self.rng.below(3) == 0 {
            self.commit_offset(producer, transaction).await?;
        }
        Ok(())
    }

    /// Writes a batch to one partition; nothing is known of it until it is acknowledged.
    async fn write(&mut self, producer: Producer, place: Place, transaction: &mut Transaction) -> Result<(), Given> {
        let count = 1 + self.rng.below(3);
        let mut batch = BatchBuilder::new()
            .producer(ProducerId(producer.id), ProducerEpoch(producer.epoch), 0)
            .transactional();
        for _ in 0..count {
            let value = format!("{}:{:05}", self.who, self.sequence);
            self.sequence += 1;
            batch.append(self.work.history.date(), None, Some(value.as_bytes()), &[]);
            self.work.history.lock().sends(place, &value);
            transaction.values.push((place, value));
        }
        let built = batch.build();
        let mut bytes = built.header().to_bytes().to_vec();
        bytes.extend_from_slice(built.body());
        for _ in 0..ATTEMPTS {
            match self.produce(place, bytes.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_retriable() || matches!(error, ClientError::TimedOut { .. }) => {
                    self.note("writes again", &error);
                    self.cluster.forget_topic(ATOMIC);
                }
                Err(error) => {
                    self.note("cannot write", &error);
                    return Err(Given::Up);
                }
            }
            pause(&mut self.rng, 100).await;
        }
        Err(Given::Up)
    }

    /// Commits an offset of a group together with the records.
    async fn commit_offset(&mut self, producer: Producer, transaction: &mut Transaction) -> Result<(), Given> {
        self.offset += 1;
        transaction.offset = Some(self.offset);
        let request = offsets::request(self.who, producer, self.offset);
        for _ in 0..ATTEMPTS {
            match offsets::commit(&self.cluster, &request).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_retriable() || matches!(error, ClientError::TimedOut { .. }) => {
                    self.note("commits the offset again", &error);
                }
                Err(error) => {
                    self.note("cannot commit the offset", &error);
                    return Err(Given::Up);
                }
            }
            pause(&mut self.rng, 100).await;
        }
        Err(Given::Up)
    }

    async fn produce(&self, place: Place, bytes: Vec<u8>) -> Result<(), ClientError> {
        let topic = self
            .cluster
            .topic(Topics::Named(&[ATOMIC.to_owned()]), Duration::from_secs(3))
            .await?;
        let index = usize::try_from(place.1).unwrap();
        let leader = topic
            .partitions
            .get(index)
            .map_or(NodeId::NONE, |partition| partition.leader);
        let request = ProduceRequest {
            transactional_id: Some(self.who.to_owned()),
            acks: -1,
            timeout_ms: 3000,
            topic_data: vec![TopicProduceData {
                name: ATOMIC.to_owned(),
                topic_id: topic.id,
                partition_data: vec![PartitionProduceData {
                    index: place.1,
                    records: Some(Records::Many(vec![bytes::Bytes::from(bytes).into()])),
                }],
            }],
        };
        let answer = self.cluster.node(leader).await?.send(&request).await?;
        refused(answer.responses[0].partition_responses[0].error_code)
    }

    /// Ends the transaction; the producer that goes on, or none if what became of it is not known.
    async fn end(&mut self, producer: Producer, committed: bool) -> Option<Producer> {
        let request = EndTxnRequest {
            transactional_id: self.who.to_owned(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            committed,
        };
        for _ in 0..ATTEMPTS {
            let asked = async {
                let answer = self.coordinator().await?.send(&request).await?;
                refused(answer.error_code)?;
                Ok::<_, ClientError>(Producer {
                    id: answer.producer_id,
                    epoch: answer.producer_epoch,
                })
            };
            match asked.await {
                Ok(next) => return Some(next),
                Err(error) if error.is_retriable() || matches!(error, ClientError::TimedOut { .. }) => {
                    self.note("ends it again", &error);
                }
                Err(error) => {
                    self.note("cannot end it", &error);
                    return None;
                }
            }
            pause(&mut self.rng, 100).await;
        }
        None
    }
}
