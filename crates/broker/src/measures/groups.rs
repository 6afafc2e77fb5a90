//! What is shown of the groups that this broker coordinates.

use crate::Broker;
use crate::coordinators::hosting::tenant::Tenant;
use base::Instant;
use base::metric::Descriptor;
use group_coordinator::{GroupCoordinator, GroupCounts};
use protocol::ErrorCode;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// All metrics of one page are from the same look at the groups.
const ONE_LOOK: Duration = Duration::from_secs(1);

const fn coordinator(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "group-coordinator-metrics", name, help)
}

const fn classic(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.coordinator.group", "GroupMetadataManager", name, help)
}

const GROUPS: Descriptor = coordinator("group-count", "Groups coordinated here.");
const CONSUMER_GROUPS: Descriptor = coordinator("consumer-group-count", "Consumer groups coordinated here.");
const CLASSIC_GROUPS: Descriptor = coordinator("classic-group-count", "Classic groups coordinated here.");
const COORDINATORS: Descriptor = coordinator(
    "num-partitions",
    "Partitions of __consumer_offsets that this broker coordinates groups for.",
);
const OFFSETS: Descriptor = classic("NumOffsets", "Offsets that groups committed.");
const ALL_CLASSIC: Descriptor = classic("NumGroups", "Classic groups coordinated here.");
/// Each with the state that it counts.
const BY_STATE: [(Descriptor, &str); 5] = [
    (classic("NumGroupsEmpty", "Classic groups without members."), "Empty"),
    (
        classic(
            "NumGroupsPreparingRebalance",
            "Classic groups whose members are to join.",
        ),
        "PreparingRebalance",
    ),
    (
        classic(
            "NumGroupsCompletingRebalance",
            "Classic groups whose leader is to assign partitions.",
        ),
        "CompletingRebalance",
    ),
    (
        classic("NumGroupsStable", "Classic groups whose members have their partitions."),
        "Stable",
    ),
    (classic("NumGroupsDead", "Classic groups that are going."), "Dead"),
];

/// What is seen at once.
#[derive(Clone, Debug, Default)]
struct Seen {
    groups: GroupCounts,
    /// By whether they have read their log.
    coordinators: BTreeMap<&'static str, usize>,
}

impl Seen {
    fn look(broker: &Broker) -> Self {
        let mut groups = GroupCounts::default();
        let mut coordinators = BTreeMap::from([("active", 0), ("loading", 0)]);
        for shard in GroupCoordinator::shards(broker).all() {
            let state = match shard.look(|coordinator, committed| groups.add(coordinator, committed)) {
                Ok(()) => "active",
                Err(ErrorCode::CoordinatorLoadInProgress) => "loading",
                Err(_) => continue,
            };
            *coordinators.entry(state).or_default() += 1;
        }
        Self { groups, coordinators }
    }
}

/// The last look.
#[derive(Debug)]
struct Groups {
    broker: Weak<Broker>,
    seen: Mutex<Option<(Instant, Seen)>>,
}

impl Groups {
    fn seen(&self) -> Option<Seen> {
        let broker = self.broker.upgrade()?;
        let now = broker.clock.now();
        let mut last = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((at, seen)) if now.since(*at) < ONE_LOOK => Some(seen.clone()),
            Some(_) | None => {
                let seen = Seen::look(&broker);
                *last = Some((now, seen.clone()));
                Some(seen)
            }
        }
    }
}

/// Shows them when the page is read.
pub(super) fn show(broker: &Arc<Broker>) {
    let groups = Arc::new(Groups {
        broker: Arc::downgrade(broker),
        seen: Mutex::default(),
    });
    let by = |descriptor: &Descriptor, label: &'static str, pick: fn(&Seen) -> Vec<(&'static str, usize)>| {
        let groups = Arc::clone(&groups);
        broker.metrics.asked_gauges(descriptor, &[], move |show| {
            for (value, count) in groups.seen().iter().flat_map(pick) {
                show(&[(label, value)], count as f64);
            }
        });
    };
    by(&GROUPS, "protocol", |seen| {
        let (classic, consumer) = (&seen.groups.classic, &seen.groups.consumer);
        vec![("classic", sum(classic)), ("consumer", sum(consumer))]
    });
    by(&CONSUMER_GROUPS, "state", |seen| pairs(&seen.groups.consumer));
    by(&CLASSIC_GROUPS, "state", |seen| pairs(&seen.groups.classic));
    by(&COORDINATORS, "state", |seen| pairs(&seen.coordinators));
    let one = |descriptor: &Descriptor, pick: Box<dyn Fn(&GroupCounts) -> usize + Send + Sync>| {
        let groups = Arc::clone(&groups);
        let read = move || groups.seen().map_or(0, |seen| pick(&seen.groups)) as f64;
        broker.metrics.asked_gauge(descriptor, &[], read);
    };
    one(&OFFSETS, Box::new(|counts| counts.offsets));
    one(&ALL_CLASSIC, Box::new(|counts| sum(&counts.classic)));
    for (descriptor, state) in BY_STATE {
        one(
            &descriptor,
            Box::new(move |counts| counts.classic.get(state).copied().unwrap_or(0)),
        );
    }
}

fn sum(counts: &BTreeMap<&'static str, usize>) -> usize {
    counts.values().sum()
}

fn pairs(counts: &BTreeMap<&'static str, usize>) -> Vec<(&'static str, usize)> {
    counts.iter().map(|(state, count)| (*state, *count)).collect()
}
