//! What the controller knows: the fold of the metadata log.

use base::{NodeId, Offset};
use coordinator_runtime::Shard;
use metadata::image::BrokerImage;
use metadata::loader::{LoadError, Loader};
use metadata::{MetadataImage, MetadataVersion};
use protocol::metadata_records::MetadataRecord;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The controller's state at one offset. A clone is a version: it shares everything with the original.
#[derive(Clone, Debug, Default)]
pub struct ControllerState {
    loader: Loader,
    /// Where each broker's last RegisterBrokerRecord lies; it has caught up once it has applied that record.
    registered_at: Arc<BTreeMap<NodeId, Offset>>,
}

impl ControllerState {
    /// The state read from a snapshot that ends before `end`.
    pub fn from_snapshot(loader: Loader, end: Offset) -> Self {
        let last = Offset(end.0 - 1);
        let registered_at = loader.latest().brokers.iter().map(|broker| (broker.id, last)).collect();
        Self {
            loader,
            registered_at: Arc::new(registered_at),
        }
    }

    /// The newest metadata, an open transaction included: what the next operation decides on.
    pub fn image(&self) -> &MetadataImage {
        self.loader.latest()
    }

    /// The metadata without an open transaction: what may be published once committed.
    pub fn published(&self) -> &MetadataImage {
        self.loader.published()
    }

    /// Where the open metadata transaction began, if one is open.
    pub fn open_transaction(&self) -> Option<Offset> {
        self.loader.open_transaction()
    }

    /// The finalized metadata.version.
    pub fn metadata_version(&self) -> MetadataVersion {
        self.image().features.metadata_version_or_minimum()
    }

    /// Whether the log has no content yet, so that the first leader must write the bootstrap records; an open
    /// transaction does not count, it will be aborted.
    pub fn is_empty(&self) -> bool {
        self.published().features.metadata_version.is_none()
    }

    /// The broker's registration.
    pub fn broker(&self, id: NodeId) -> Option<&Arc<BrokerImage>> {
        self.image().brokers.get(id)
    }

    /// Where the broker's registration lies in the log.
    pub fn registered_at(&self, id: NodeId) -> Option<Offset> {
        self.registered_at.get(&id).copied()
    }
}

impl Shard for ControllerState {
    type Record = MetadataRecord;
    type Error = LoadError;

    fn replay(&mut self, offset: Offset, record: &MetadataRecord) -> Result<(), LoadError> {
        self.loader.replay(offset, record)?;
        match record {
            MetadataRecord::RegisterBroker(record) => {
                Arc::make_mut(&mut self.registered_at).insert(NodeId(record.broker_id), offset);
            }
            MetadataRecord::UnregisterBroker(record) => {
                Arc::make_mut(&mut self.registered_at).remove(&NodeId(record.broker_id));
            }
            _ => {}
        }
        Ok(())
    }

    fn is_without_effect(record: &MetadataRecord) -> bool {
        matches!(record, MetadataRecord::NoOp(_))
    }
}
