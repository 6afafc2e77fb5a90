//! Who may lead, and by which rules of the cluster.

use crate::state::ControllerState;
use base::{NodeId, Uuid};
use metadata::MetadataVersion;
use metadata::image::PartitionImage;

/// What an election goes by.
#[derive(Clone, Copy, Debug)]
pub struct ElectionRules<'a> {
    state: &'a ControllerState,
    /// A broker that counts as gone although its registration does not say so yet.
    pub leaving: Option<NodeId>,
    /// A broker that counts as at work although its registration does not say so yet.
    pub joining: Option<NodeId>,
    /// In how many replicas the topic's records must be.
    pub min_insync_replicas: usize,
}

impl<'a> ElectionRules<'a> {
    /// The rules for a topic with that effective `min.insync.replicas`, with every broker as it is registered.
    pub fn new(state: &'a ControllerState, min_insync_replicas: usize) -> Self {
        Self {
            state,
            leaving: None,
            joining: None,
            min_insync_replicas,
        }
    }

    /// The finalized metadata.version.
    pub fn metadata_version(&self) -> MetadataVersion {
        self.state.metadata_version()
    }

    /// Whether eligible leader replicas are kept.
    pub fn is_elr_enabled(&self) -> bool {
        self.state.image().features.is_elr_enabled()
    }

    /// Whether the broker may lead the partition: it is at work, and its replica's directory is online.
    pub fn may_lead(&self, partition: &PartitionImage, broker: NodeId) -> bool {
        let at_work = Some(broker) != self.leaving
            && (Some(broker) == self.joining || self.state.image().brokers.is_active(broker));
        let directory = partition.directory(broker).unwrap_or(Uuid::UNASSIGNED_DIR);
        at_work
            && self
                .state
                .broker(broker)
                .is_some_and(|broker| broker.has_online_dir(directory))
    }

    /// The directory of a new replica: a broker's only one, otherwise the broker will choose.
    pub fn default_directory(&self, broker: NodeId) -> Uuid {
        default_directory(self.state, broker)
    }
}

/// The directory of a new replica on the broker: its only one, otherwise it will choose.
pub fn default_directory(state: &ControllerState, broker: NodeId) -> Uuid {
    if !state.metadata_version().supports_directory_assignment() {
        return Uuid::ZERO;
    }
    match state.broker(broker).map(|broker| broker.directories.as_slice()) {
        None => Uuid::UNASSIGNED_DIR,
        Some([]) => Uuid::ZERO,
        Some([only]) => *only,
        Some(_) => Uuid::UNASSIGNED_DIR,
    }
}
