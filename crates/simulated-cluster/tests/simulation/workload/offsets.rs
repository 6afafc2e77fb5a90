//! Offsets that are committed within transactions: they are there if the transaction was committed, and never if not.

use super::ATOMIC;
use super::transactor::{Producer, refused};
use crate::history::{End, Told};
use client::{ClientError, Cluster, CoordinatorType, find_coordinator};
use protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

/// The last version that names topics.
const BY_NAME: i16 = 5;

/// The group of a transactional producer, and the one partition of which it has offsets.
pub fn group(who: &str) -> String {
    format!("of-{who}")
}

pub(super) fn request(who: &str, producer: Producer, offset: i64) -> TxnOffsetCommitRequest {
    TxnOffsetCommitRequest {
        transactional_id: who.to_owned(),
        group_id: group(who),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: ATOMIC.to_owned(),
            partitions: vec![TxnOffsetCommitRequestPartition {
                committed_offset: offset,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub(super) async fn commit(cluster: &Cluster, request: &TxnOffsetCommitRequest) -> Result<(), ClientError> {
    let coordinator = find_coordinator(cluster, CoordinatorType::Group, &request.group_id).await?;
    let answer = cluster
        .at(&coordinator.address)
        .await?
        .send_at(request, BY_NAME)
        .await?;
    refused(answer.topics[0].partitions[0].error_code)
}

/// What a group may have: the offset of the last transaction that was committed for sure, or of one after it of which nobody knows.
pub fn possible(told: &Told, who: &str) -> Vec<i64> {
    let mut possible = vec![-1];
    for transaction in told.transactions.iter().filter(|one| one.who == who) {
        match (transaction.offset, transaction.end) {
            (Some(offset), End::Committed) => possible = vec![offset],
            (Some(offset), End::Unknown) => possible.push(offset),
            (Some(_), End::Aborted) | (None, _) => {}
        }
    }
    possible
}
