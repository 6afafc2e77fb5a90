//! Features: the levels that nodes support, and the one that is in force (KIP-584).

use super::{Each, millis, outcome};
use crate::cluster::Cluster;
use crate::error::ClientError;
use base::NodeId;
use protocol::ErrorCode;
use protocol::messages::api_versions_request::ApiVersionsRequest;
use protocol::messages::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What a node tells of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeaturesDescription {
    /// The levels it supports, by feature.
    pub supported: BTreeMap<String, RangeInclusive<i16>>,
    /// The levels in force, by feature; what is not there is at 0.
    pub finalized: BTreeMap<String, i16>,
    /// The offset in the metadata of which that is true, if the node knows one.
    pub epoch: Option<i64>,
}

/// Which way a level may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum UpgradeType {
    /// Up.
    Upgrade = 1,
    /// Down, if nothing is lost by it.
    SafeDowngrade = 2,
    /// Down, whatever is lost by it.
    UnsafeDowngrade = 3,
}

/// The wanted level of a feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUpdate {
    /// The feature.
    pub name: String,
    /// The level; 0 disables.
    pub level: i16,
}

/// What any node tells of features, or the one that is named.
pub async fn describe_features(cluster: &Cluster, node: Option<NodeId>) -> Result<FeaturesDescription, ClientError> {
    let request = ApiVersionsRequest {
        client_software_name: String::from("riverrun"),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Default::default()
    };
    let answer = match node {
        Some(node) => cluster.call_node("describeFeatures", node, &request).await?,
        None => cluster.call("describeFeatures", &request).await?,
    };
    outcome(answer.error_code, None)?;
    let supported = answer.supported_features.into_iter();
    let finalized = answer.finalized_features.into_iter();
    Ok(FeaturesDescription {
        supported: supported
            .map(|feature| (feature.name, feature.min_version..=feature.max_version))
            .collect(),
        finalized: finalized
            .map(|feature| (feature.name, feature.max_version_level))
            .collect(),
        epoch: (answer.finalized_features_epoch >= 0).then_some(answer.finalized_features_epoch),
    })
}

/// Brings features to other levels, all or none; `dry_run` only says whether that could be.
pub async fn update_features(
    cluster: &Cluster,
    updates: &[FeatureUpdate],
    upgrade: UpgradeType,
    dry_run: DryRun,
) -> Result<Each<String, ()>, ClientError> {
    let key = |update: &FeatureUpdate| FeatureUpdateKey {
        feature: update.name.clone(),
        max_version_level: update.level,
        upgrade_type: upgrade as i8,
        ..Default::default()
    };
    let request = UpdateFeaturesRequest {
        timeout_ms: millis(cluster.settings().request_timeout),
        feature_updates: updates.iter().map(key).collect(),
        validate_only: dry_run == DryRun::Yes,
    };
    let answer = cluster
        .call_controller("updateFeatures", &request, |answer| answer.error_code)
        .await?;
    // From version 2 on the features are not named: what is true of one is true of all.
    if answer.results.is_empty() || ErrorCode::from(answer.error_code) != ErrorCode::None {
        let all = outcome(answer.error_code, answer.error_message);
        let each = updates.iter().map(|update| (update.name.clone(), all.clone()));
        return Ok(each.collect());
    }
    let each = answer.results.into_iter();
    Ok(each
        .map(|result| (result.feature, outcome(result.error_code, result.error_message)))
        .collect())
}

/// Whether something is only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// Only tried.
    Yes,
    /// Done.
    No,
}
