//! ListPartitionReassignments (46): the moves under way (KIP-455). Reads only; topics and partitions that do not exist or
//! do not move are left out.

use crate::op::Outcome;
use crate::state::ControllerState;
use metadata::image::TopicImage;
use protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use protocol::messages::list_partition_reassignments_response as answered;

/// Lists moves.
pub fn list_partition_reassignments(
    state: &ControllerState,
    request: &ListPartitionReassignmentsRequest,
) -> Outcome<answered::ListPartitionReassignmentsResponse> {
    let topics = &state.image().topics;
    let listed = match &request.topics {
        None => topics.iter().filter_map(|topic| moving(topic, |_| true)).collect(),
        Some(asked) => asked
            .iter()
            .filter_map(|asked| Some((topics.get(&asked.name)?, &asked.partition_indexes)))
            .filter_map(|(topic, indexes)| moving(topic, |index| indexes.contains(&index)))
            .collect(),
    };
    Outcome::unchanged(answered::ListPartitionReassignmentsResponse {
        topics: listed,
        ..Default::default()
    })
}

fn moving(topic: &TopicImage, asked: impl Fn(i32) -> bool) -> Option<answered::OngoingTopicReassignment> {
    let ids = |nodes: &[base::NodeId]| nodes.iter().map(|node| node.0).collect();
    let partitions: Vec<_> = topic
        .partitions()
        .filter(|(index, partition)| partition.is_reassigning() && asked(*index))
        .map(|(partition_index, partition)| answered::OngoingPartitionReassignment {
            partition_index,
            replicas: ids(&partition.replicas),
            adding_replicas: ids(&partition.adding_replicas),
            removing_replicas: ids(&partition.removing_replicas),
        })
        .collect();
    let name = topic.name.to_string();
    (!partitions.is_empty()).then_some(answered::OngoingTopicReassignment { name, partitions })
}
