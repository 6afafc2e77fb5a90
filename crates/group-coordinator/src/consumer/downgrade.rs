//! A consumer group becomes a classic group when the last member that speaks the new protocol goes.

use super::draft::{Downgraded, Draft, Next, tombstones};
use super::group::ConsumerGroup;
use super::member::Member;
use crate::assignor::MemberAssignment;
use crate::desk::Desk;
use crate::record::GroupRecord;
use crate::topics::Topics;
use bytes::Bytes;
use protocol::internal::consumer_group_member_metadata_value::ClassicMemberMetadata;
use protocol::internal::consumer_protocol_assignment::{ConsumerProtocolAssignment, TopicPartition};
use protocol::internal::group_metadata_value::{GroupMetadataValue, MemberMetadata};
use protocol::versioned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";

/// Whether a group becomes a classic one without these members.
pub(crate) fn is_due(desk: &Desk, group: &ConsumerGroup, leaving: &[Arc<Member>]) -> bool {
    let staying = group.members().len() - leaving.len();
    let classic = leaving.iter().filter(|member| member.classic.is_some()).count();
    staying > 0 && group.index().classic_members - classic == staying && is_allowed(desk, group, staying)
}

/// Whether a group becomes a classic one when a member that speaks the new protocol is replaced by one that does not.
pub(crate) fn is_due_without(desk: &Desk, group: &ConsumerGroup, replaced: &Member) -> bool {
    let others = group.members().len() - 1;
    replaced.classic.is_none()
        && group.index().classic_members == others
        && is_allowed(desk, group, group.members().len())
}

fn is_allowed(desk: &Desk, group: &ConsumerGroup, size: usize) -> bool {
    let allowed = desk.settings.consumer.migration.allows_downgrade() && size <= desk.settings.max_size;
    if !allowed {
        tracing::info!(
            epoch = group.epoch,
            size,
            "a consumer group stays one, though all its members are classic"
        );
    }
    allowed
}

/// Ends the group, and begins a classic one of generation `generation` without the members that leave. False, and nothing
/// written, if what a member has said cannot be read.
pub(crate) fn downgrade(desk: &Desk, draft: &mut Draft, leaving: &[Arc<Member>], generation: i32, next: Next) -> bool {
    let Some(value) = classic(desk, &draft.group, leaving, generation) else {
        tracing::warn!(group = %draft.id, "a consumer group cannot become a classic one: what its members said cannot be read");
        return false;
    };
    let value = Arc::new(value);
    tombstones(&draft.id, &draft.group, &mut draft.records);
    draft.records.push(GroupRecord::Group {
        group: Arc::clone(&draft.id),
        value: Some(Arc::clone(&value)),
    });
    tracing::info!(group = %draft.id, generation, members = value.members.len(), "a consumer group becomes a classic group");
    draft.downgraded = Some(Downgraded { value, next });
    true
}

fn classic(desk: &Desk, group: &ConsumerGroup, leaving: &[Arc<Member>], generation: i32) -> Option<GroupMetadataValue> {
    let stays = |member: &&Arc<Member>| !leaving.iter().any(|gone| gone.id == member.id);
    let members: Vec<&Arc<Member>> = group.members().values().filter(stays).collect();
    let said: Vec<&ClassicMemberMetadata> = members
        .iter()
        .map(|member| member.classic.as_deref())
        .collect::<Option<_>>()?;
    let protocol = common_protocol(&said)?;
    let mut values = Vec::with_capacity(members.len());
    for (member, said) in members.iter().zip(&said) {
        let subscription = metadata(said, &protocol)?;
        values.push(MemberMetadata {
            member_id: member.id.to_string(),
            group_instance_id: member.instance_id.as_deref().map(str::to_owned),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: said.session_timeout_ms,
            assignment: assignment(&desk.picture.topics, &group.target_of(&member.id), &subscription)?,
            subscription,
        });
    }
    Some(GroupMetadataValue {
        protocol_type: CONSUMER.to_owned(),
        generation,
        protocol: Some(protocol),
        leader: values.first().map(|member| member.member_id.clone()),
        current_state_timestamp: desk.moment.wall.0,
        members: values,
    })
}

/// The protocol that most prefer among those that all can do.
fn common_protocol(said: &[&ClassicMemberMetadata]) -> Option<String> {
    let can =
        |member: &ClassicMemberMetadata, name: &str| member.supported_protocols.iter().any(|known| known.name == name);
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for member in said {
        let common = |name: &&str| said.iter().all(|other| can(other, name));
        let names = member.supported_protocols.iter().map(|known| known.name.as_str());
        *votes.entry(names.clone().find(common)?).or_default() += 1;
    }
    let best = votes.into_iter().max_by_key(|(_, count)| *count);
    best.map(|(name, _)| name.to_owned())
}

fn metadata(said: &ClassicMemberMetadata, protocol: &str) -> Option<Bytes> {
    let found = said.supported_protocols.iter().find(|known| known.name == protocol);
    found.map(|known| known.metadata.clone())
}

/// A member's part as members of the classic protocol read it, in the version of what it said.
pub(crate) fn assignment(topics: &Topics, assignment: &MemberAssignment, subscription: &Bytes) -> Option<Bytes> {
    let version = versioned::head(subscription).ok()?;
    let known = assignment.iter().filter_map(|(id, partitions)| {
        let topic = topics.get_by_id(*id)?;
        Some(TopicPartition {
            topic: topic.name.to_string(),
            partitions: partitions.iter().copied().collect(),
        })
    });
    let value = ConsumerProtocolAssignment {
        assigned_partitions: known.collect(),
        user_data: None,
    };
    let newest = <ConsumerProtocolAssignment as protocol::wire::Message>::VERSIONS.max;
    versioned::encode(&value, version.clamp(0, newest)).ok()
}
