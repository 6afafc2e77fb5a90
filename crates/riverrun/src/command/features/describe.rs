//! `features describe`: what is supported, and what is in force.

use crate::command::java_exception::thrown;
use anyhow::{Result, anyhow, ensure};
use base::NodeId;
use client::Cluster;
use client::admin;
use metadata::MetadataVersion;

/// The node to ask, if one is named.
pub(super) fn node(id: Option<i32>) -> Result<Option<NodeId>> {
    if let Some(id) = id {
        ensure!(id >= 0, "Invalid node id {id}: must be non-negative.");
    }
    Ok(id.map(NodeId))
}

/// Prints every feature that the node supports.
pub(super) async fn describe(cluster: &Cluster, node: Option<NodeId>) -> Result<()> {
    let described = admin::describe_features(cluster, node).await;
    let features = described.map_err(|error| anyhow!(thrown(&error)))?;
    let epoch = features.epoch.map_or(String::from("-"), |epoch| epoch.to_string());
    for (name, range) in &features.supported {
        let finalized = features.finalized.get(name).copied().unwrap_or(0);
        println!(
            "Feature: {name:<40}  SupportedMinVersion: {:<15}  SupportedMaxVersion: {:<15}  FinalizedVersionLevel: {:<15}  \
             Epoch: {epoch}",
            shown(name, *range.start()),
            shown(name, *range.end()),
            shown(name, finalized),
        );
    }
    Ok(())
}

/// A level as text: that of `metadata.version` by its name.
fn shown(feature: &str, level: i16) -> String {
    match (feature, MetadataVersion::from_feature_level(level)) {
        (MetadataVersion::FEATURE_NAME, Some(version)) => version.to_string(),
        (MetadataVersion::FEATURE_NAME, None) => format!("UNKNOWN {level}"),
        _ => level.to_string(),
    }
}
