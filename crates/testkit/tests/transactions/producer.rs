//! A transactional producer by hand.

use anyhow::{Context, Result, ensure};

use protocol::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::init_producer_id_response::InitProducerIdResponse;
use protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use std::collections::BTreeMap;
use testkit::Talk;
use testkit::batch::{Batch, Record};
use testkit::talk::{eventually, now_ms, produce_request};

use super::TOPIC;

pub const CONCURRENT_TRANSACTIONS: i16 = 51;
/// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR: clients ask again.
const NOT_READY: std::ops::RangeInclusive<i16> = 14..=16;
const TRANSACTIONAL: i16 = 0x10;

/// Which version of clients a producer is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// It adds partitions itself and keeps its epoch.
    Early,
    /// transaction.version 2: partitions are added with their records, and each end bumps the epoch.
    Late,
}

impl Style {
    pub const ALL: [Style; 2] = [Style::Early, Style::Late];

    pub fn produce_version(self) -> i16 {
        match self {
            Style::Early => 11,
            Style::Late => 12,
        }
    }
}

/// A transactional producer.
#[derive(Clone, Debug)]
pub struct Producer {
    pub style: Style,
    pub transactional_id: String,
    pub id: i64,
    pub epoch: i16,
    sequences: BTreeMap<i32, i32>,
    added: Vec<i32>,
}

/// One attempt at InitProducerId.
pub fn initialize(talk: &mut Talk, id: &str, timeout_ms: i32) -> Result<InitProducerIdResponse> {
    let request = InitProducerIdRequest {
        transactional_id: Some(id.to_owned()),
        transaction_timeout_ms: timeout_ms,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    talk.ask(&request, 4)
}

/// Asks for the coordinator of a key until there is one.
pub fn find_coordinator(talk: &mut Talk, key: &str, kind: i8) -> Result<()> {
    let request = FindCoordinatorRequest {
        key_type: kind,
        coordinator_keys: vec![key.to_owned()],
        ..Default::default()
    };
    eventually("a coordinator", || {
        let answer = talk.ask(&request, 4)?;
        Ok((answer.coordinators[0].error_code == 0).then_some(()))
    })
}

impl Producer {
    /// A producer that has its id and epoch.
    pub fn begin(talk: &mut Talk, id: &str, style: Style) -> Result<Producer> {
        Producer::begin_with_timeout(talk, id, style, 60_000)
    }

    pub fn begin_with_timeout(talk: &mut Talk, id: &str, style: Style, timeout_ms: i32) -> Result<Producer> {
        find_coordinator(talk, id, 1)?;
        let answer = eventually("a producer id", || {
            let answer = initialize(talk, id, timeout_ms)?;
            let again = answer.error_code == CONCURRENT_TRANSACTIONS || NOT_READY.contains(&answer.error_code);
            ensure!(again || answer.error_code == 0, "InitProducerId: {answer:?}");
            Ok((!again).then_some(answer))
        })?;
        Ok(Producer {
            style,
            transactional_id: id.to_owned(),
            id: answer.producer_id,
            epoch: answer.producer_epoch,
            sequences: BTreeMap::new(),
            added: Vec::new(),
        })
    }

    /// Adds partitions to the transaction, in the version of clients.
    pub fn add(&self, talk: &mut Talk, partitions: &[i32]) -> Result<i16> {
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.transactional_id.clone(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                name: TOPIC.to_owned(),
                partitions: partitions.to_vec(),
            }],
            ..Default::default()
        };
        let answer = talk.ask(&request, 3)?;
        let topic = answer.results_by_topic_v3_and_below.first().context("the topic")?;
        Ok(topic.results_by_partition[0].partition_error_code)
    }

    /// Sends one record without adding its partition.
    pub fn produce(&self, talk: &mut Talk, index: i32, sequence: i32, value: &str, version: i16) -> Result<i16> {
        let mut batch = Batch::new(now_ms(), vec![Record::value(value)]).from_producer(self.id, self.epoch, sequence);
        batch.attributes = TRANSACTIONAL;
        let mut request = produce_request(TOPIC, index, -1, batch.encode());
        request.transactional_id = Some(self.transactional_id.clone());
        let answer = talk.ask(&request, version)?;
        Ok(answer.responses[0].partition_responses[0].error_code)
    }

    /// Sends one record, asking again while the transaction before is being ended. Answers the error.
    pub fn try_send(&mut self, talk: &mut Talk, index: i32, value: &str) -> Result<i16> {
        if self.style == Style::Early && !self.added.contains(&index) {
            let error = retried("AddPartitionsToTxn", || self.add(talk, &[index]))?;
            if error != 0 {
                return Ok(error);
            }
            self.added.push(index);
        }
        let sequence = self.sequences.get(&index).copied().unwrap_or(0);
        let version = self.style.produce_version();
        let error = retried("Produce", || self.produce(talk, index, sequence, value, version))?;
        if error == 0 {
            self.sequences.insert(index, sequence + 1);
        }
        Ok(error)
    }

    /// Sends one record.
    pub fn send(&mut self, talk: &mut Talk, index: i32, value: &str) -> Result<()> {
        let error = self.try_send(talk, index, value)?;
        ensure!(error == 0, "{self:?}: sending to {index}: error {error}");
        Ok(())
    }

    /// Commits an offset of the group for partition 0, within the transaction.
    pub fn send_offset(&mut self, talk: &mut Talk, group: &str, offset: i64) -> Result<()> {
        find_coordinator(talk, group, 0)?;
        if self.style == Style::Early {
            let request = AddOffsetsToTxnRequest {
                transactional_id: self.transactional_id.clone(),
                producer_id: self.id,
                producer_epoch: self.epoch,
                group_id: group.to_owned(),
            };
            let error = retried("AddOffsetsToTxn", || Ok(talk.ask(&request, 3)?.error_code))?;
            ensure!(error == 0, "{self:?}: AddOffsetsToTxn: error {error}");
        }
        let error = retried("TxnOffsetCommit", || self.commit_offset(talk, group, offset, -1, ""))?;
        ensure!(error == 0, "{self:?}: TxnOffsetCommit: error {error}");
        Ok(())
    }

    /// One attempt at TxnOffsetCommit.
    pub fn commit_offset(
        &self,
        talk: &mut Talk,
        group: &str,
        offset: i64,
        generation: i32,
        member: &str,
    ) -> Result<i16> {
        let request = TxnOffsetCommitRequest {
            transactional_id: self.transactional_id.clone(),
            group_id: group.to_owned(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            generation_id_or_member_epoch: generation,
            member_id: member.to_owned(),
            topics: vec![TxnOffsetCommitRequestTopic {
                name: TOPIC.to_owned(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    committed_offset: offset,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let version = match self.style {
            Style::Early => 4,
            Style::Late => 5,
        };
        Ok(talk.ask(&request, version)?.topics[0].partitions[0].error_code)
    }

    /// The request that ends the transaction.
    pub fn end_request(&self, committed: bool) -> EndTxnRequest {
        EndTxnRequest {
            transactional_id: self.transactional_id.clone(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
        }
    }

    pub fn end_version(&self) -> i16 {
        match self.style {
            Style::Early => 3,
            Style::Late => 5,
        }
    }

    /// Ends the transaction, asking again while another is being ended; answers the error.
    pub fn try_end(&mut self, talk: &mut Talk, committed: bool) -> Result<i16> {
        let request = self.end_request(committed);
        let version = self.end_version();
        let answer = eventually("EndTxn", || {
            let answer = talk.ask(&request, version)?;
            let again = answer.error_code == CONCURRENT_TRANSACTIONS || NOT_READY.contains(&answer.error_code);
            Ok((!again).then_some(answer))
        })?;
        if answer.error_code == 0 {
            self.added.clear();
            if self.style == Style::Late {
                ensure!(answer.producer_epoch == self.epoch + 1, "{answer:?}");
                (self.id, self.epoch) = (answer.producer_id, answer.producer_epoch);
                self.sequences.clear();
            }
        }
        Ok(answer.error_code)
    }

    /// Ends the transaction.
    pub fn end(&mut self, talk: &mut Talk, committed: bool) -> Result<()> {
        let error = self.try_end(talk, committed)?;
        ensure!(error == 0, "{self:?}: EndTxn: error {error}");
        Ok(())
    }
}

/// Asks again while the error says that it is too early.
pub fn retried(what: &str, mut ask: impl FnMut() -> Result<i16>) -> Result<i16> {
    eventually(what, || {
        let error = ask()?;
        let again = error == CONCURRENT_TRANSACTIONS || NOT_READY.contains(&error);
        Ok((!again).then_some(error))
    })
}
