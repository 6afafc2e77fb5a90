//! Which broker of several a request is meant for: the leader of its first partition, or whoever coordinates its group or
//! its transactional id; as a client would find out, asked anew each time.

use std::any::Any;

use anyhow::Result;
use base::Uuid;
use protocol::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnRequest;
use protocol::messages::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use protocol::messages::consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest;
use protocol::messages::delete_groups_request::DeleteGroupsRequest;
use protocol::messages::delete_records_request::DeleteRecordsRequest;
use protocol::messages::describe_groups_request::DescribeGroupsRequest;
use protocol::messages::describe_producers_request::DescribeProducersRequest;
use protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::fetch_request::FetchRequest;
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::join_group_request::JoinGroupRequest;
use protocol::messages::leave_group_request::LeaveGroupRequest;
use protocol::messages::list_offsets_request::ListOffsetsRequest;
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::offset_commit_request::OffsetCommitRequest;
use protocol::messages::offset_delete_request::OffsetDeleteRequest;
use protocol::messages::offset_fetch_request::OffsetFetchRequest;
use protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderEpochRequest;
use protocol::messages::produce_request::ProduceRequest;
use protocol::messages::sync_group_request::SyncGroupRequest;
use protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequest;
use protocol::messages::write_txn_markers_request::WriteTxnMarkersRequest;

use super::{Talk, eventually};

/// Who leads a partition that nobody leads.
const NOBODY: i32 = -1;

/// Whom a request is meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// Any broker.
    Anybody,
    /// The leader of a partition, its topic by name or, where that is empty, by id.
    Leader(String, Uuid, i32),
    /// The coordinator of a group.
    Group(String),
    /// The coordinator of a transactional id.
    Transaction(String),
}

macro_rules! first_match {
    ($request:ident: $($type:ty => |$found:ident| $destination:expr),* $(,)?) => {
        $(if let Some($found) = $request.downcast_ref::<$type>() {
            return $destination.unwrap_or(Destination::Anybody);
        })*
    };
}

/// What the request's type and contents say.
pub(super) fn destination(request: &dyn Any) -> Destination {
    use Destination::{Group, Leader, Transaction};
    first_match!(request:
        ProduceRequest => |asked| asked.topic_data.first().and_then(|topic| {
            let partition = topic.partition_data.first()?;
            Some(Leader(topic.name.clone(), topic.topic_id, partition.index))
        }),
        FetchRequest => |asked| asked.topics.first().and_then(|topic| {
            let partition = topic.partitions.first()?;
            Some(Leader(topic.topic.clone(), topic.topic_id, partition.partition))
        }),
        ListOffsetsRequest => |asked| asked.topics.first().and_then(|topic| {
            let partition = topic.partitions.first()?;
            Some(Leader(topic.name.clone(), Uuid::ZERO, partition.partition_index))
        }),
        DeleteRecordsRequest => |asked| asked.topics.first().and_then(|topic| {
            let partition = topic.partitions.first()?;
            Some(Leader(topic.name.clone(), Uuid::ZERO, partition.partition_index))
        }),
        OffsetForLeaderEpochRequest => |asked| asked.topics.first().and_then(|topic| {
            let partition = topic.partitions.first()?;
            Some(Leader(topic.topic.clone(), Uuid::ZERO, partition.partition))
        }),
        DescribeProducersRequest => |asked| asked.topics.first().and_then(|topic| {
            Some(Leader(topic.name.clone(), Uuid::ZERO, *topic.partition_indexes.first()?))
        }),
        WriteTxnMarkersRequest => |asked| asked.markers.first().and_then(|marker| {
            let topic = marker.topics.first()?;
            Some(Leader(topic.name.clone(), Uuid::ZERO, *topic.partition_indexes.first()?))
        }),
        InitProducerIdRequest => |asked| asked.transactional_id.clone().map(Transaction),
        AddPartitionsToTxnRequest => |asked| Some(Transaction(
            asked.transactions.first().map_or_else(
                || asked.v3_and_below_transactional_id.clone(),
                |transaction| transaction.transactional_id.clone(),
            ))),
        AddOffsetsToTxnRequest => |asked| Some(Transaction(asked.transactional_id.clone())),
        EndTxnRequest => |asked| Some(Transaction(asked.transactional_id.clone())),
        DescribeTransactionsRequest => |asked| asked.transactional_ids.first().cloned().map(Transaction),
        TxnOffsetCommitRequest => |asked| Some(Group(asked.group_id.clone())),
        OffsetCommitRequest => |asked| Some(Group(asked.group_id.clone())),
        OffsetDeleteRequest => |asked| Some(Group(asked.group_id.clone())),
        OffsetFetchRequest => |asked| Some(Group(
            asked.groups.first().map_or_else(|| asked.group_id.clone(), |group| group.group_id.clone()))),
        JoinGroupRequest => |asked| Some(Group(asked.group_id.clone())),
        SyncGroupRequest => |asked| Some(Group(asked.group_id.clone())),
        HeartbeatRequest => |asked| Some(Group(asked.group_id.clone())),
        LeaveGroupRequest => |asked| Some(Group(asked.group_id.clone())),
        ConsumerGroupHeartbeatRequest => |asked| Some(Group(asked.group_id.clone())),
        ConsumerGroupDescribeRequest => |asked| asked.group_ids.first().cloned().map(Group),
        DescribeGroupsRequest => |asked| asked.groups.first().cloned().map(Group),
        DeleteGroupsRequest => |asked| asked.groups_names.first().cloned().map(Group),
    );
    Destination::Anybody
}

/// `HOST:PORT` of whom it is meant for, as the broker of this connection knows; none where that broker may answer itself:
/// it knows no such topic or coordinates nothing of an empty name.
pub(super) fn address(home: &mut Talk, destination: &Destination) -> Result<Option<String>> {
    match destination {
        Destination::Anybody => Ok(None),
        Destination::Leader(name, id, index) => leader(home, name, *id, *index),
        Destination::Group(key) | Destination::Transaction(key) if key.is_empty() => Ok(None),
        Destination::Group(key) => coordinator(home, key, 0).map(Some),
        Destination::Transaction(key) => coordinator(home, key, 1).map(Some),
    }
}

fn leader(home: &mut Talk, name: &str, id: Uuid, index: i32) -> Result<Option<String>> {
    let topic = MetadataRequestTopic {
        topic_id: id,
        name: (!name.is_empty()).then(|| name.to_owned()),
    };
    let request = MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    eventually("a leader", || {
        let mut answer = home.ask_here(&request, 12)?;
        let partitions = answer.topics.pop().map(|topic| topic.partitions).unwrap_or_default();
        let Some(partition) = partitions.iter().find(|partition| partition.partition_index == index) else {
            return Ok(Some(None));
        };
        if partition.leader_id == NOBODY {
            return Ok(None);
        }
        let leader = answer
            .brokers
            .iter()
            .find(|broker| broker.node_id == partition.leader_id);
        Ok(leader.map(|leader| Some(format!("{}:{}", leader.host, leader.port))))
    })
}

fn coordinator(home: &mut Talk, key: &str, key_type: i8) -> Result<String> {
    let request = FindCoordinatorRequest {
        key_type,
        coordinator_keys: vec![key.to_owned()],
        ..Default::default()
    };
    eventually("a coordinator", || {
        let answer = home.ask_here(&request, 4)?;
        let found = answer.coordinators.first().filter(|found| found.error_code == 0);
        Ok(found.map(|found| format!("{}:{}", found.host, found.port)))
    })
}
