//! ConsumerGroupDescribe (69): a consumer group with its members, what they have and what they are to have. KIP-848.
//! Errors: GROUP_ID_NOT_FOUND.

use crate::assignor::MemberAssignment;
use crate::consumer::member::{Member, Owned};
use crate::consumer::refusal::Refusal;
use crate::consumer::target;
use crate::coordinator::GroupCoordinator;
use crate::state::GroupState;
use crate::topics::Topics;
use base::Uuid;
use protocol::messages::consumer_group_describe_response::{
    Assignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};
use std::collections::BTreeMap;

/// The member types of version 1 (KIP-1099).
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

/// A committed consumer group.
///
/// # Errors
/// GROUP_ID_NOT_FOUND if there is none, or if the group is of another protocol.
pub fn consumer_group_describe(
    coordinator: &GroupCoordinator,
    committed: &GroupState,
    id: &str,
) -> Result<DescribedGroup, Refusal> {
    let stored = committed
        .group(id)
        .ok_or_else(|| Refusal::not_found(format!("Group {id} not found.")))?;
    let group = stored
        .consumer()
        .ok_or_else(|| Refusal::not_found(format!("Group {id} is not a consumer group.")))?;
    let topics = &coordinator.desk.picture.topics;
    let members = group.members().values();
    let members = members.map(|member| describe(member, &group.target_of(&member.id), topics));
    Ok(DescribedGroup {
        group_id: id.to_owned(),
        group_state: group.phase().name().to_owned(),
        group_epoch: group.epoch,
        assignment_epoch: group.assignment_epoch,
        assignor_name: target::preferred(&coordinator.desk, group).name().to_owned(),
        members: members.collect(),
        ..Default::default()
    })
}

fn describe(member: &Member, target: &MemberAssignment, topics: &Topics) -> DescribedMember {
    let target = target
        .iter()
        .map(|(topic, partitions)| (*topic, partitions.iter().copied().collect()));
    DescribedMember {
        member_id: member.id.to_string(),
        instance_id: member.instance_id.as_deref().map(str::to_owned),
        rack_id: member.rack_id.as_deref().map(str::to_owned),
        member_epoch: member.epoch,
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        subscribed_topic_names: member.topics.iter().map(ToString::to_string).collect(),
        subscribed_topic_regex: Some(member.regex.to_string()),
        assignment: named(held(member), topics),
        target_assignment: named(target.collect(), topics),
        member_type: if member.classic.is_some() { CLASSIC } else { CONSUMER },
    }
}

/// What a member has, with what it is to give back.
fn held(member: &Member) -> BTreeMap<Uuid, Vec<i32>> {
    let mut held: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    let mut add = |owned: &Owned| {
        for (topic, partitions) in owned {
            held.entry(*topic).or_default().extend(partitions.keys());
        }
    };
    add(&member.assigned);
    add(&member.revoking);
    held
}

/// Topics that are gone are not shown.
fn named(partitions: BTreeMap<Uuid, Vec<i32>>, topics: &Topics) -> Assignment {
    let named = partitions.into_iter().filter_map(|(topic_id, partitions)| {
        let topic = topics.get_by_id(topic_id)?;
        Some(TopicPartitions {
            topic_id,
            topic_name: topic.name.to_string(),
            partitions,
        })
    });
    Assignment {
        topic_partitions: named.collect(),
    }
}
