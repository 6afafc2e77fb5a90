//! What the cluster has agreed on: the feature `transaction.version`.

use crate::Broker;
use metadata::{MetadataImage, feature};
use tracing::debug;
use transaction_coordinator::TransactionVersion;

/// The cluster's `transaction.version`.
pub(crate) fn version(image: &MetadataImage) -> TransactionVersion {
    let level = image.features.all().get(feature::TRANSACTION_VERSION).copied();
    TransactionVersion::of_level(level.unwrap_or(0)).unwrap_or(TransactionVersion::V2)
}

/// Tells the coordinators of another version.
pub(crate) fn follow(broker: &Broker, old: &MetadataImage, new: &MetadataImage) {
    let agreed = version(new);
    if agreed == version(old) {
        return;
    }
    for shard in broker.transactions.all() {
        let told = shard.change(|_, serving, _| serving.coordinator.set_version(agreed));
        if let Err(error) = told {
            // One that still loads has begun with this image.
            debug!(partition = shard.index, %error, "a transaction coordinator was not told of transaction.version");
        }
    }
}
