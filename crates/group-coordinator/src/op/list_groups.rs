//! ListGroups (16): the groups of this coordinator. KIP-518 (by state), KIP-848 (by type).

use crate::coordinator::GroupCoordinator;
use crate::state::GroupState;
use protocol::messages::list_groups_request::ListGroupsRequest;
use protocol::messages::list_groups_response::ListedGroup;

/// The type of the classic protocol's groups.
const CLASSIC: &str = "classic";
/// The type of the groups of KIP-848, and the protocol type of what their members speak.
const CONSUMER: &str = "consumer";

/// The committed groups that the filters let through; an empty filter lets all through, names are compared without case.
pub fn list_groups(
    coordinator: &GroupCoordinator,
    committed: &GroupState,
    request: &ListGroupsRequest,
) -> Vec<ListedGroup> {
    let passes = |filter: &[String], name: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(name))
    };
    let groups = committed.groups().filter_map(|(id, stored)| match stored.consumer() {
        Some(group) => Some(ListedGroup {
            group_id: id.to_string(),
            protocol_type: CONSUMER.to_owned(),
            group_state: group.phase().name().to_owned(),
            group_type: CONSUMER.to_owned(),
        }),
        None => coordinator.look(committed, id, |group| ListedGroup {
            group_id: id.to_string(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            group_state: group.phase.name().to_owned(),
            group_type: CLASSIC.to_owned(),
        }),
    });
    groups
        .filter(|group| passes(&request.types_filter, &group.group_type))
        .filter(|group| passes(&request.states_filter, &group.group_state))
        .collect()
}
