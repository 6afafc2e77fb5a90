//! How many groups there are, by protocol and state, and how many offsets.

use crate::coordinator::GroupCoordinator;
use crate::state::GroupState;
use std::collections::BTreeMap;

/// The states of classic groups, as Kafka names them. None is ever seen dead: it is gone then.
const CLASSIC: [&str; 5] = ["Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"];
/// Likewise those of consumer groups.
const CONSUMER: [&str; 5] = ["Empty", "Assigning", "Reconciling", "Stable", "Dead"];

/// How many groups there are, and how many offsets they committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupCounts {
    /// Classic groups, those that only commit offsets among them, by state.
    pub classic: BTreeMap<&'static str, usize>,
    /// Consumer groups by state.
    pub consumer: BTreeMap<&'static str, usize>,
    /// Offsets of all groups.
    pub offsets: usize,
}

impl Default for GroupCounts {
    fn default() -> Self {
        let none = |states: [&'static str; 5]| states.into_iter().map(|state| (state, 0)).collect();
        Self {
            classic: none(CLASSIC),
            consumer: none(CONSUMER),
            offsets: 0,
        }
    }
}

impl GroupCounts {
    /// Adds the committed groups of one coordinator.
    pub fn add(&mut self, coordinator: &GroupCoordinator, committed: &GroupState) {
        for (id, stored) in committed.groups() {
            self.offsets += stored.offsets.len();
            if let Some(group) = stored.consumer() {
                *self.consumer.entry(group.phase().name()).or_default() += 1;
            } else if let Some(phase) = coordinator.look(committed, id, |group| group.phase) {
                *self.classic.entry(phase.name()).or_default() += 1;
            }
        }
    }
}
