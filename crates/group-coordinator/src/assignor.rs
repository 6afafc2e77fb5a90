//! Who is to own which partitions of a consumer group (KIP-848): Kafka 4.3's assignors, without a world.
//!
//! They give Kafka's results, not only results as good: whoever takes a group over from the other kind of broker moves no
//! partition that Kafka would have left. That includes the order in which Kafka walks its hash tables ([`java_order`]).

mod java_order;
mod member_balancer;
mod range;
mod spec;
mod uniform;
mod uniform_heterogeneous;
mod uniform_homogeneous;

pub use spec::{GroupAssignment, GroupSpec, MemberAssignment, MemberSpec, SubscribedTopics, SubscriptionType};

use base::Uuid;

/// An assignor, as `group.consumer.assignors` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartitionAssignor {
    /// Spreads all partitions evenly and moves as few as it can.
    Uniform,
    /// Gives each member the same range of every topic, without regard for who has what.
    Range,
}

/// How many partitions a topic has; none if there is no such topic (any more).
pub type PartitionCounts<'a> = &'a dyn Fn(Uuid) -> Option<i32>;

/// Why there is no assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartitionAssignorError {
    /// To `uniform`: a member subscribes to a topic that does not exist.
    #[error("Members are subscribed to topic {0} which doesn't exist in the topic metadata.")]
    NoSuchTopic(Uuid),
    /// To `range`: the same, in its words.
    #[error("Member is subscribed to a non-existent topic")]
    NoSuchTopicInRange(Uuid),
}

impl PartitionAssignor {
    /// All of them; the first is the default.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Range];

    /// What clients call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of a name; Kafka's class names are names too.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "uniform" | "org.apache.kafka.coordinator.group.assignor.UniformAssignor" => Some(Self::Uniform),
            "range" | "org.apache.kafka.coordinator.group.assignor.RangeAssignor" => Some(Self::Range),
            _ => None,
        }
    }

    /// The target assignment of a group. Members that it does not name own nothing.
    ///
    /// # Errors
    /// If a member subscribes to a topic that does not exist.
    pub fn assign(
        self,
        group: &GroupSpec,
        partitions: PartitionCounts<'_>,
    ) -> Result<GroupAssignment, PartitionAssignorError> {
        match self {
            Self::Uniform => uniform::assign(group, partitions),
            Self::Range => range::assign(group, partitions),
        }
    }
}

#[cfg(test)]
mod tests;
