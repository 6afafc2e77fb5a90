//! What the coming or going of a broker means for the partitions it has to do with.

use super::change::{Election, PartitionChange};
use super::rules::ElectionRules;
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use base::NodeId;
use metadata::image::{PartitionImage, TopicImage};
use protocol::metadata_records::MetadataRecord;
use std::sync::Arc;

/// What happened to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerEvent {
    /// The broker goes away: it can lead nothing and is in sync with nothing.
    Leaves(NodeId),
    /// The broker is back at work: it may lead what has no leader.
    Joins(NodeId),
    /// The broker comes back without having shut down cleanly: it may have lost what it had.
    UncleanShutdown(NodeId),
}

/// The changes of the partitions that `concerns` picks, after what happened to a broker.
pub fn update_partitions(
    state: &ControllerState,
    settings: &ControllerSettings,
    what: BrokerEvent,
    concerns: impl Fn(&PartitionImage) -> bool,
) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    for topic in state.image().topics.iter() {
        if topic.partitions().any(|(_, partition)| concerns(partition)) {
            update_topic(state, settings, what, &concerns, topic, &mut records);
        }
    }
    records
}

fn update_topic(
    state: &ControllerState,
    settings: &ControllerSettings,
    what: BrokerEvent,
    concerns: &impl Fn(&PartitionImage) -> bool,
    topic: &Arc<TopicImage>,
    records: &mut Vec<MetadataRecord>,
) {
    let mut rules = ElectionRules::new(state, settings.effective_min_insync_replicas(state, topic));
    let (leaving, unclean) = match what {
        BrokerEvent::Leaves(broker) => (Some(broker), None),
        BrokerEvent::Joins(broker) => {
            rules.joining = Some(broker);
            (None, None)
        }
        BrokerEvent::UncleanShutdown(broker) => (Some(broker), Some(broker)),
    };
    rules.leaving = leaving;
    let unclean_allowed = settings.allows_unclean_election(state, &topic.name);
    for (index, partition) in topic.partitions().filter(|(_, partition)| concerns(partition)) {
        let mut change = PartitionChange::new(partition, topic.id, index, rules);
        if unclean_allowed {
            change.election = Election::Unclean;
        }
        change.unclean_shutdown = unclean;
        change.isr.retain(|node| Some(*node) != leaving);
        records.extend(change.build().map(MetadataRecord::PartitionChange));
    }
}
