//! Groups: which there are, and their end.

use super::{Each, outcome};
use crate::cluster::{Cluster, Topics};
use crate::coordinator::{CoordinatorType, ask_coordinator};
use crate::error::ClientError;
use base::NodeId;
use protocol::messages::delete_groups_request::DeleteGroupsRequest;
use protocol::messages::list_groups_request::ListGroupsRequest;

/// A group as its coordinator lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// The group's id.
    pub id: String,
    /// What its members are: `consumer`, `connect` and so on; empty if it never had members.
    pub protocol_type: String,
    /// Its state, as in `Stable`.
    pub state: String,
    /// Its type, as in `Classic`.
    pub group_type: String,
}

/// Which groups are asked for; an empty list leaves out none.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    /// Their states, as in `Stable`.
    pub states: Vec<String>,
    /// Their types, as in `Classic`.
    pub types: Vec<String>,
}

/// The groups of every broker; a broker that does not answer is an error of its own.
pub async fn list_groups(
    cluster: &Cluster,
    filter: &GroupFilter,
) -> Result<Each<NodeId, Vec<GroupListing>>, ClientError> {
    cluster.metadata(Topics::Named(&[])).await?;
    let mut each = Vec::new();
    for node in cluster.nodes() {
        each.push((node.id, list_at(cluster, node.id, filter).await));
    }
    Ok(each)
}

async fn list_at(cluster: &Cluster, node: NodeId, filter: &GroupFilter) -> Result<Vec<GroupListing>, ClientError> {
    let request = ListGroupsRequest {
        states_filter: filter.states.clone(),
        types_filter: filter.types.clone(),
    };
    let mut retry = cluster.retry("listGroups");
    loop {
        let answer = cluster.call_node("listGroups", node, &request).await?;
        match outcome(answer.error_code, None) {
            Ok(()) => {
                let listing = |group: protocol::messages::list_groups_response::ListedGroup| GroupListing {
                    id: group.group_id,
                    protocol_type: group.protocol_type,
                    state: group.group_state,
                    group_type: group.group_type,
                };
                return Ok(answer.groups.into_iter().map(listing).collect());
            }
            Err(error) => retry.pause(error).await?,
        }
    }
}

/// Deletes groups, each with its offsets.
pub async fn delete_groups(cluster: &Cluster, groups: &[String]) -> Each<String, ()> {
    let mut each = Vec::new();
    for group in groups {
        let request = DeleteGroupsRequest {
            groups_names: vec![group.clone()],
        };
        let done = ask_coordinator(
            cluster,
            "deleteConsumerGroups",
            (CoordinatorType::Group, group),
            &request,
            |answer| {
                answer
                    .results
                    .iter()
                    .try_for_each(|result| outcome(result.error_code, result.error_message.clone()))
            },
        );
        each.push((group.clone(), done.await.map(|_| ())));
    }
    each
}
