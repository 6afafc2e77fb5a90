//! A transaction by hand: each request once it can be answered, in the versions of a producer that adds its partitions itself.

use anyhow::{Context, Result, ensure};
use protocol::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use protocol::messages::describe_transactions_response::TransactionState;
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use protocol::{Records, Request};
use testkit::Talk;
use testkit::batch::{Batch, Record};
use testkit::talk::{eventually, now_ms, produce_request, until};

/// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT_TRANSACTIONS; and of a topic that is
/// not led yet, UNKNOWN_TOPIC_OR_PARTITION and NOT_LEADER_OR_FOLLOWER.
const NOT_YET: [i16; 6] = [14, 15, 16, 51, 3, 6];
/// The attribute of a batch that is part of a transaction.
const TRANSACTIONAL: i16 = 0x10;
/// FindCoordinator's kinds of keys.
pub const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// A producer with a transactional id, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    pub transactional_id: String,
    pub id: i64,
    pub epoch: i16,
    sequence: i32,
}

impl Producer {
    /// Asks for an id; a transaction under way is aborted.
    pub fn init(talk: &mut Talk, transactional_id: &str) -> Result<Producer> {
        find(talk, TRANSACTION, transactional_id)?;
        let request = InitProducerIdRequest {
            transactional_id: Some(transactional_id.to_owned()),
            transaction_timeout_ms: 600_000,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        let answer = patiently(talk, &request, 4, |answer| answer.error_code)?;
        Ok(Producer {
            transactional_id: transactional_id.to_owned(),
            id: answer.producer_id,
            epoch: answer.producer_epoch,
            sequence: 0,
        })
    }

    /// Writes one record into partition 0 of a topic.
    pub fn write(&mut self, talk: &mut Talk, topic: &str, value: &str) -> Result<()> {
        let add = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.transactional_id.clone(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                name: topic.to_owned(),
                partitions: vec![0],
            }],
            ..Default::default()
        };
        patiently(talk, &add, 3, |answer| {
            let topics = answer.results_by_topic_v3_and_below.iter();
            let mut codes = topics
                .flat_map(|topic| &topic.results_by_partition)
                .map(|each| each.partition_error_code);
            codes.next().unwrap_or(-1)
        })?;
        let mut batch =
            Batch::new(now_ms(), vec![Record::value(value)]).from_producer(self.id, self.epoch, self.sequence);
        batch.attributes = TRANSACTIONAL;
        let mut request = produce_request(topic, 0, -1, Vec::new());
        request.transactional_id = Some(self.transactional_id.clone());
        request.topic_data[0].partition_data[0].records = Some(Records::Bytes(batch.encode().into()));
        patiently(talk, &request, 9, |answer| {
            answer.responses[0].partition_responses[0].error_code
        })?;
        self.sequence += 1;
        Ok(())
    }

    /// Commits an offset of partition 0 for a group, as part of the transaction.
    pub fn commit_offset(&self, talk: &mut Talk, group: &str, topic: &str, offset: i64) -> Result<()> {
        let add = AddOffsetsToTxnRequest {
            transactional_id: self.transactional_id.clone(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            group_id: group.to_owned(),
        };
        patiently(talk, &add, 3, |answer| answer.error_code)?;
        find(talk, GROUP, group)?;
        let commit = TxnOffsetCommitRequest {
            transactional_id: self.transactional_id.clone(),
            group_id: group.to_owned(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            generation_id_or_member_epoch: -1,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: topic.to_owned(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    committed_offset: offset,
                    committed_metadata: Some("by hand".to_owned()),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        patiently(talk, &commit, 3, |answer| answer.topics[0].partitions[0].error_code)?;
        Ok(())
    }

    /// Commits or aborts, and waits until every partition knows.
    pub fn end(&self, talk: &mut Talk, end: End) -> Result<()> {
        let request = EndTxnRequest {
            transactional_id: self.transactional_id.clone(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed: end == End::Commit,
        };
        patiently(talk, &request, 3, |answer| answer.error_code)?;
        let state = match end {
            End::Commit => "CompleteCommit",
            End::Abort => "CompleteAbort",
        };
        until_state(talk, &self.transactional_id, state)
    }

    /// The same producer after what it did before: a new one would begin at sequence 0 again.
    pub fn is_described_by(&self, state: &TransactionState) -> bool {
        (state.producer_id, state.producer_epoch) == (self.id, self.epoch)
    }
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Commit,
    Abort,
}

/// What the coordinator says of a transactional id.
pub fn describe(talk: &mut Talk, transactional_id: &str) -> Result<TransactionState> {
    find(talk, TRANSACTION, transactional_id)?;
    let request = DescribeTransactionsRequest {
        transactional_ids: vec![transactional_id.to_owned()],
    };
    let mut answer = patiently(talk, &request, 0, |answer| answer.transaction_states[0].error_code)?;
    answer.transaction_states.pop().context("a state")
}

/// Waits until the transaction is in a state.
pub fn until_state(talk: &mut Talk, transactional_id: &str, wanted: &str) -> Result<()> {
    until(&format!("{transactional_id} is in {wanted}"), || {
        Ok(describe(talk, transactional_id)?.transaction_state == wanted)
    })
}

/// Waits until somebody coordinates what has this key.
pub fn find(talk: &mut Talk, key_type: i8, key: &str) -> Result<()> {
    let request = FindCoordinatorRequest {
        key_type,
        coordinator_keys: vec![key.to_owned()],
        ..Default::default()
    };
    patiently(talk, &request, 4, |answer| answer.coordinators[0].error_code).map(drop)
}

/// Asks until the answer is one; an error code that does not go away by waiting is an error.
pub fn patiently<R: Request + 'static>(
    talk: &mut Talk,
    request: &R,
    version: i16,
    code: impl Fn(&R::Response) -> i16,
) -> Result<R::Response> {
    eventually(&format!("an answer to {:?}", R::KEY), || {
        let answer = talk.ask(request, version)?;
        let error = code(&answer);
        ensure!(error == 0 || NOT_YET.contains(&error), "error {error}");
        Ok((error == 0).then_some(answer))
    })
}
