//! Keeping a broker from leading, and letting it lead again.
//!
//! The order of the records matters: other brokers must see who leads now before, or at the latest with, the fence.

use crate::partition::{BrokerEvent, update_partitions};
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use metadata::image::{BrokerImage, PartitionImage};
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::broker_registration_change_record::BrokerRegistrationChangeRecord;

fn change(broker: &BrokerImage) -> BrokerRegistrationChangeRecord {
    BrokerRegistrationChangeRecord {
        broker_id: broker.id.0,
        broker_epoch: broker.epoch.0,
        ..Default::default()
    }
}

/// Takes the broker's leaderships and in-sync places away, and fences it.
pub fn fence(state: &ControllerState, settings: &ControllerSettings, broker: &BrokerImage) -> Vec<MetadataRecord> {
    let mut records = leave(state, settings, broker);
    records.push(MetadataRecord::BrokerRegistrationChange(
        BrokerRegistrationChangeRecord {
            fenced: 1,
            ..change(broker)
        },
    ));
    records
}

/// Whether there is a partition in which others are in sync with the broker that are at work.
pub fn is_of_use(state: &ControllerState, broker: &BrokerImage) -> bool {
    let brokers = &state.image().brokers;
    let others = |partition: &PartitionImage| {
        partition.isr.contains(&broker.id)
            && partition
                .isr
                .iter()
                .any(|other| *other != broker.id && brokers.is_active(*other))
    };
    let mut topics = state.image().topics.iter();
    topics.any(|topic| topic.partitions().any(|(_, partition)| others(partition)))
}

/// Unfences the broker; it leads what waited for it.
pub fn unfence(state: &ControllerState, settings: &ControllerSettings, broker: &BrokerImage) -> Vec<MetadataRecord> {
    let mut records = vec![MetadataRecord::BrokerRegistrationChange(
        BrokerRegistrationChangeRecord {
            fenced: -1,
            ..change(broker)
        },
    )];
    let joins = BrokerEvent::Joins(broker.id);
    records.extend(update_partitions(state, settings, joins, |partition| {
        !partition.has_leader()
    }));
    records
}

/// Marks the broker as shutting down, and gives its leaderships to others.
pub fn begin_controlled_shutdown(
    state: &ControllerState,
    settings: &ControllerSettings,
    broker: &BrokerImage,
) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    if !broker.in_controlled_shutdown {
        records.push(MetadataRecord::BrokerRegistrationChange(
            BrokerRegistrationChangeRecord {
                in_controlled_shutdown: 1,
                ..change(broker)
            },
        ));
    }
    records.extend(leave(state, settings, broker));
    records
}

/// Every partition without the broker in its in-sync replicas.
fn leave(state: &ControllerState, settings: &ControllerSettings, broker: &BrokerImage) -> Vec<MetadataRecord> {
    let leaves = BrokerEvent::Leaves(broker.id);
    update_partitions(state, settings, leaves, |partition| partition.isr.contains(&broker.id))
}
