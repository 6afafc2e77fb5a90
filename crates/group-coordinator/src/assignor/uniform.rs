//! `uniform`: all partitions spread evenly, as few moved as that allows.

use super::spec::{GroupAssignment, GroupSpec, SubscriptionType};
use super::{PartitionAssignorError, PartitionCounts, uniform_heterogeneous, uniform_homogeneous};

pub(super) fn assign(
    group: &GroupSpec,
    partitions: PartitionCounts<'_>,
) -> Result<GroupAssignment, PartitionAssignorError> {
    if group.members.is_empty() {
        return Ok(GroupAssignment::default());
    }
    match group.subscription_type {
        SubscriptionType::Homogeneous => uniform_homogeneous::assign(group, partitions),
        SubscriptionType::Heterogeneous => uniform_heterogeneous::assign(group, partitions),
    }
}
