//! What an assignor is told of a group, and what it answers.

use super::java_order;
use base::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Partitions by topic; no topic is there without a partition.
pub type MemberAssignment = BTreeMap<Uuid, BTreeSet<i32>>;

/// The topics that a member subscribes to, by name and by what its regular expression matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscribedTopics {
    ids: BTreeSet<Uuid>,
    /// The ids in the order in which Kafka meets them.
    ordered: Vec<Uuid>,
    /// How many names there are, with those that are no topics.
    names: usize,
}

impl SubscribedTopics {
    /// The topics behind names. Names of topics that do not exist are left out, as Kafka does.
    pub fn resolve<'a>(names: impl IntoIterator<Item = &'a str>, id_of: impl Fn(&str) -> Option<Uuid>) -> Self {
        let names: BTreeSet<&str> = names.into_iter().collect();
        let count = names.len();
        let names = java_order::of_copied_set(names, count, |name| java_order::of_string(name));
        let ordered: Vec<Uuid> = names.into_iter().filter_map(id_of).collect();
        Self {
            ids: ordered.iter().copied().collect(),
            ordered,
            names: count,
        }
    }

    /// The topics' ids.
    pub fn ids(&self) -> &BTreeSet<Uuid> {
        &self.ids
    }

    /// The ids in the order of a Java set that is made of them.
    pub(super) fn in_java_order(&self) -> Vec<Uuid> {
        java_order::of_copied_set(self.ordered.iter().copied(), self.names, java_order::of_uuid)
    }
}

/// A member as assignors see it. Kafka 4.3's do not look at racks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSpec {
    /// Its static name.
    pub instance_id: Option<Arc<str>>,
    /// What it wants to read. Members of a homogeneous group may share one.
    pub subscribed: Arc<SubscribedTopics>,
    /// What it was to own until now: its target, not what it has.
    pub target: Arc<MemberAssignment>,
}

/// Whether all members subscribe to the same topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionType {
    /// They do.
    Homogeneous,
    /// They do not.
    Heterogeneous,
}

/// A group as assignors see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// By member id. A member that is about to leave is not among them; a static member that comes back under a new id
    /// brings the target of the old one.
    pub members: BTreeMap<Arc<str>, MemberSpec>,
    /// How their subscriptions compare.
    pub subscription_type: SubscriptionType,
}

/// The new targets. One that was not touched is the very same `Arc`, so that comparing it costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupAssignment {
    /// By member id; a member that is not there owns nothing.
    pub members: BTreeMap<Arc<str>, Arc<MemberAssignment>>,
}
