//! What a group of consumers is doing, whichever protocol it uses.

use super::outcome;
use crate::cluster::{Cluster, Node};
use crate::coordinator::{CoordinatorType, ask_coordinator};
use crate::error::ClientError;
use base::TopicPartition;
use protocol::internal::consumer_protocol_assignment::ConsumerProtocolAssignment;
use protocol::messages::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use protocol::messages::consumer_group_describe_response as consumer;
use protocol::messages::describe_groups_request::DescribeGroupsRequest;
use protocol::messages::describe_groups_response as classic;
use protocol::{ErrorCode, versioned};
use std::sync::Arc;

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group's id.
    pub id: String,
    /// The broker that looks after it.
    pub coordinator: Node,
    /// Its state, as in `Stable`.
    pub state: String,
    /// How partitions are assigned; empty if that is not decided.
    pub assignor: String,
    /// The group's epoch; none in a classic group.
    pub epoch: Option<i32>,
    /// The epoch of the target assignment; none in a classic group.
    pub target_epoch: Option<i32>,
    /// The members, in the coordinator's order.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The member's id.
    pub id: String,
    /// The name of a static member.
    pub instance_id: Option<String>,
    /// The client's name for itself.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// The member's epoch; none in a classic group.
    pub epoch: Option<i32>,
    /// What it reads.
    pub assignment: Vec<TopicPartition>,
    /// What it is to read; none in a classic group.
    pub target: Option<Vec<TopicPartition>>,
    /// Whether it uses the new protocol, in a group that does.
    pub upgraded: Option<bool>,
}

/// Describes a group of consumers: asks in the new protocol first, and in the classic one if the group is not of the
/// new kind or the coordinator does not know it.
pub async fn describe_consumer_group(cluster: &Cluster, group: &str) -> Result<GroupDescription, ClientError> {
    match describe_new(cluster, group).await {
        Err(ClientError::UnsupportedVersion { .. }) => {}
        Err(error) if error.code() == Some(ErrorCode::UnsupportedVersion) => {}
        Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => {}
        done => return done,
    }
    describe_classic(cluster, group).await
}

async fn describe_new(cluster: &Cluster, group: &str) -> Result<GroupDescription, ClientError> {
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec![group.to_owned()],
        include_authorized_operations: false,
    };
    let check = |answer: &consumer::ConsumerGroupDescribeResponse| {
        let mut groups = answer.groups.iter();
        groups.try_for_each(|group| outcome(group.error_code, group.error_message.clone()))
    };
    let of = (CoordinatorType::Group, group);
    let (coordinator, answer) = ask_coordinator(cluster, "describeConsumerGroups", of, &request, check).await?;
    let described = only(answer.groups, "ConsumerGroupDescribe")?;
    Ok(GroupDescription {
        id: described.group_id,
        coordinator,
        state: described.group_state,
        assignor: described.assignor_name,
        epoch: Some(described.group_epoch),
        target_epoch: Some(described.assignment_epoch),
        members: described.members.into_iter().map(new_member).collect(),
    })
}

fn new_member(member: consumer::Member) -> GroupMember {
    GroupMember {
        id: member.member_id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        host: member.client_host,
        epoch: Some(member.member_epoch),
        assignment: new_assignment(member.assignment),
        target: Some(new_assignment(member.target_assignment)),
        upgraded: match member.member_type {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

fn new_assignment(assignment: consumer::Assignment) -> Vec<TopicPartition> {
    let topics = assignment.topic_partitions.into_iter();
    topics
        .flat_map(|topic| named(&topic.topic_name, &topic.partitions))
        .collect()
}

fn named(topic: &str, partitions: &[i32]) -> Vec<TopicPartition> {
    let topic: Arc<str> = topic.into();
    let partitions = partitions.iter();
    partitions
        .map(|partition| TopicPartition::new(Arc::clone(&topic), *partition))
        .collect()
}

async fn describe_classic(cluster: &Cluster, group: &str) -> Result<GroupDescription, ClientError> {
    let request = DescribeGroupsRequest {
        groups: vec![group.to_owned()],
        include_authorized_operations: false,
    };
    let check = |answer: &classic::DescribeGroupsResponse| {
        let mut groups = answer.groups.iter();
        groups.try_for_each(|group| outcome(group.error_code, group.error_message.clone()))
    };
    let of = (CoordinatorType::Group, group);
    let (coordinator, answer) = ask_coordinator(cluster, "describeConsumerGroups", of, &request, check).await?;
    let described = only(answer.groups, "DescribeGroups")?;
    if !described.protocol_type.is_empty() && described.protocol_type != CONSUMER {
        return Err(ClientError::NotConsumers {
            group: described.group_id,
            protocol_type: described.protocol_type,
        });
    }
    Ok(GroupDescription {
        id: described.group_id,
        coordinator,
        state: described.group_state,
        assignor: described.protocol_data,
        epoch: None,
        target_epoch: None,
        members: described.members.into_iter().map(classic_member).collect(),
    })
}

fn classic_member(member: classic::DescribedGroupMember) -> GroupMember {
    // What members agree on among themselves may be anything; what is no assignment names no partition.
    let assignment = versioned::decode_newest_known::<ConsumerProtocolAssignment>(&member.member_assignment);
    let topics = assignment.map_or_else(|_| Vec::new(), |(assignment, _)| assignment.assigned_partitions);
    GroupMember {
        id: member.member_id,
        instance_id: member.group_instance_id,
        client_id: member.client_id,
        host: member.client_host,
        epoch: None,
        assignment: topics
            .into_iter()
            .flat_map(|topic| named(&topic.topic, &topic.partitions))
            .collect(),
        target: None,
        upgraded: None,
    }
}

/// The one group that was asked for.
fn only<T>(groups: Vec<T>, api: &str) -> Result<T, ClientError> {
    groups.into_iter().next().ok_or_else(|| ClientError::Refused {
        code: ErrorCode::UnknownServerError,
        message: format!("the answer to {api} leaves out the group"),
    })
}
