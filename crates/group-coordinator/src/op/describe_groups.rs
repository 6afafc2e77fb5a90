//! DescribeGroups (15): a group's phase and members. A group that does not exist is Dead, and from version 6
//! GROUP_ID_NOT_FOUND (KIP-1043).

use crate::classic::group::{ClassicGroup, Phase};
use crate::classic::member::Member;
use crate::coordinator::GroupCoordinator;
use crate::state::GroupState;
use bytes::Bytes;
use protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};

/// Why a group cannot be described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDescribed {
    /// There is none.
    #[error("not found")]
    NotFound,
    /// It is a group of another protocol.
    #[error("not a classic group")]
    NotClassic,
}

/// A committed classic group.
///
/// # Errors
/// If there is none.
pub fn describe_group(
    coordinator: &GroupCoordinator,
    committed: &GroupState,
    id: &str,
) -> Result<DescribedGroup, NotDescribed> {
    if committed.consumer(id).is_some() {
        return Err(NotDescribed::NotClassic);
    }
    let described = coordinator.look(committed, id, |group| {
        let protocol = group.protocol.as_deref().filter(|_| group.phase == Phase::Stable);
        DescribedGroup {
            group_id: id.to_owned(),
            group_state: group.phase.name().to_owned(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            protocol_data: protocol.unwrap_or("").to_owned(),
            members: members(group, protocol),
            ..Default::default()
        }
    });
    described.ok_or(NotDescribed::NotFound)
}

/// What members say and do is shown of a stable group only: else it is about to change.
fn members(group: &ClassicGroup, protocol: Option<&str>) -> Vec<DescribedGroupMember> {
    let describe = |member: &Member| DescribedGroupMember {
        member_id: member.id.to_string(),
        group_instance_id: member.instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        member_metadata: protocol.map_or_else(Bytes::new, |protocol| member.metadata(protocol)),
        member_assignment: protocol.map_or_else(Bytes::new, |_| member.assignment.clone()),
    };
    group.members().values().map(describe).collect()
}
