//! UpdateFeatures (57): changes finalized feature levels (KIP-584, KIP-778, KIP-1022).
//! Errors: INVALID_UPDATE_VERSION, for the whole request at once.

use super::Outcome;
use crate::api_error::ApiError;
use crate::config_change;
use crate::context::OpContext;
use crate::state::ControllerState;
use base::NodeId;
use metadata::MetadataVersion;
use metadata::feature::{self, DEPENDENCIES, ELIGIBLE_LEADER_REPLICAS_VERSION, KRAFT_VERSION};
use metadata::image::VersionRange;
use protocol::ErrorCode;
use protocol::messages::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use protocol::messages::update_features_response::{UpdatableFeatureResult, UpdateFeaturesResponse};
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::feature_level_record::FeatureLevelRecord;
use protocol::metadata_records::no_op_record::NoOpRecord;
use std::collections::BTreeMap;

/// Whether the answer lists every feature on success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Results {
    /// Versions 0 and 1.
    PerFeature,
    /// Version 2 on.
    Overall,
}

/// What the caller allows; Kafka's codes 1 to 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UpgradeType {
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
}

/// What an update of features leads to besides its records.
#[derive(Clone, Debug, PartialEq)]
pub struct FeaturesUpdate {
    /// The answer.
    pub response: UpdateFeaturesResponse,
    /// The level that the raft layer must give `kraft.version`, by writing control records before these records.
    pub kraft_version: Option<i16>,
}

/// Updates features, or says whether they could be updated.
pub fn update_features(
    state: &ControllerState,
    cx: &OpContext<'_>,
    request: &UpdateFeaturesRequest,
    results: Results,
) -> Outcome<FeaturesUpdate> {
    let (records, kraft_version) = match update(state, cx, request) {
        Ok(update) => update,
        Err(error) => {
            let reason = error.message.unwrap_or_default();
            let message =
                format!("The update failed for all features since the following feature had an error: {reason}");
            let response = UpdateFeaturesResponse {
                error_code: error.code.code(),
                error_message: Some(message),
                ..Default::default()
            };
            return Outcome::unchanged(FeaturesUpdate {
                response,
                kraft_version: None,
            });
        }
    };
    let listed = request
        .feature_updates
        .iter()
        .filter(|_| results == Results::PerFeature);
    let success = |update: &FeatureUpdateKey| UpdatableFeatureResult {
        feature: update.feature.clone(),
        error_code: ErrorCode::None.code(),
        // Kafka's word for no error.
        error_message: Some("NONE".to_owned()),
    };
    let response = UpdateFeaturesResponse {
        error_message: None,
        results: listed.map(success).collect(),
        ..Default::default()
    };
    if request.validate_only {
        return Outcome::unchanged(FeaturesUpdate {
            response,
            kraft_version: None,
        });
    }
    Outcome::atomic(
        records,
        FeaturesUpdate {
            response,
            kraft_version,
        },
    )
}

type Update = (Vec<MetadataRecord>, Option<i16>);

fn update(state: &ControllerState, cx: &OpContext<'_>, request: &UpdateFeaturesRequest) -> Result<Update, ApiError> {
    let mut proposed = state.image().features.all();
    proposed.extend(
        request
            .feature_updates
            .iter()
            .map(|update| (update.feature.clone(), update.max_version_level)),
    );
    let mut records = Vec::new();
    let mut kraft_version = None;
    for update in &request.feature_updates {
        let level = update.max_version_level;
        match check(state, cx, update, &proposed)? {
            Kind::Kraft if level != cx.kraft_version => {
                kraft_version = Some(level);
                records.push(MetadataRecord::NoOp(NoOpRecord {}));
            }
            Kind::Kraft => {}
            Kind::Recorded => {
                let name = update.feature.clone();
                records.push(MetadataRecord::FeatureLevel(FeatureLevelRecord {
                    name,
                    feature_level: level,
                }));
            }
        }
    }
    let enables_elr =
        |update: &FeatureUpdateKey| update.feature == ELIGIBLE_LEADER_REPLICAS_VERSION && update.max_version_level > 0;
    if request.feature_updates.iter().any(enables_elr) {
        let mut safety = config_change::elr_safety_records(state, cx.settings);
        safety.append(&mut records);
        records = safety;
    }
    Ok((records, kraft_version))
}

/// Where a feature's level is kept.
enum Kind {
    /// In the raft log's control records.
    Kraft,
    /// In FeatureLevelRecords.
    Recorded,
}

fn check(
    state: &ControllerState,
    cx: &OpContext<'_>,
    update: &FeatureUpdateKey,
    proposed: &BTreeMap<String, i16>,
) -> Result<Kind, ApiError> {
    let (name, level) = (update.feature.as_str(), update.max_version_level);
    let invalid = |message: &str| {
        let message = format!("Invalid update version {level} for feature {name}. {message}");
        ApiError::new(ErrorCode::InvalidUpdateVersion, message)
    };
    // Version 0 of the request has `allow_downgrade` instead of the type.
    let upgrade_type = match (update.allow_downgrade, update.upgrade_type) {
        (true, _) | (false, 2) => UpgradeType::SafeDowngrade,
        (false, 1) => UpgradeType::Upgrade,
        (false, 3) => UpgradeType::UnsafeDowngrade,
        (false, _) => return Err(invalid("The controller does not support the given upgrade type.")),
    };
    let current = if name == KRAFT_VERSION {
        cx.kraft_version
    } else {
        state.image().features.level(name)
    };
    if level < 0 {
        return Err(invalid("A feature version cannot be less than 0."));
    }
    if let Some(reason) = reason_not_supported(state, cx, name, level) {
        return Err(invalid(&reason));
    }
    if level < current && upgrade_type == UpgradeType::Upgrade {
        return Err(invalid(
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
             downgrade.",
        ));
    }
    if level > current && upgrade_type != UpgradeType::Upgrade {
        return Err(invalid("Can't downgrade to a newer version."));
    }
    match name {
        MetadataVersion::FEATURE_NAME => check_metadata_version(current, level, upgrade_type).map(|()| Kind::Recorded),
        KRAFT_VERSION if level < current => Err(invalid("Can't downgrade the version of this feature.")),
        KRAFT_VERSION => Ok(Kind::Kraft),
        _ => match unmet_dependency(name, level, proposed) {
            Some(reason) => Err(invalid(&reason)),
            None => Ok(Kind::Recorded),
        },
    }
}

fn check_metadata_version(current: i16, level: i16, upgrade_type: UpgradeType) -> Result<(), ApiError> {
    let lossy = MetadataVersion::metadata_changed_between(MetadataVersion(current), MetadataVersion(level));
    if level >= current || !lossy {
        return Ok(());
    }
    let reason = match upgrade_type {
        UpgradeType::UnsafeDowngrade => "Unsafe metadata downgrade is not supported in this version.",
        UpgradeType::Upgrade | UpgradeType::SafeDowngrade => {
            "Refusing to perform the requested downgrade because it might delete metadata information."
        }
    };
    let message = format!("Unsupported metadata.version downgrade from {current} to {level}. {reason}");
    Err(ApiError::new(ErrorCode::InvalidUpdateVersion, message))
}

fn unmet_dependency(name: &str, level: i16, proposed: &BTreeMap<String, i16>) -> Option<String> {
    let holds = |name: &str| proposed.get(name).copied().unwrap_or(0);
    let unmet = DEPENDENCIES
        .iter()
        .find(|it| it.feature == name && level >= it.level && holds(it.requires) < it.at_least)?;
    Some(format!(
        "{name} could not be set to {level} because it depends on {} level {}",
        unmet.requires, unmet.at_least
    ))
}

/// Who in the cluster does not support the level: this controller, a broker, another controller, or a quorum member
/// that has not said.
fn reason_not_supported(state: &ControllerState, cx: &OpContext<'_>, name: &str, level: i16) -> Option<String> {
    let disabled = VersionRange { min: 0, max: 0 };
    let here = cx.settings.node_id();
    let own = feature::find(name).map_or(disabled, |it| VersionRange {
        min: it.min,
        max: it.max,
    });
    if let Some(reason) = out_of_range(&format!("Local controller {here}"), own, level) {
        return Some(reason);
    }
    for broker in state.image().brokers.iter() {
        let range = broker.features.get(name).copied().unwrap_or(disabled);
        if let Some(reason) = out_of_range(&format!("Broker {}", broker.id), range, level) {
            return Some(reason);
        }
    }
    if !state.metadata_version().supports_controller_registration() {
        return None;
    }
    let controllers = &state.image().controllers;
    for controller in controllers.iter().filter(|controller| controller.id != here) {
        let range = controller.features.get(name).copied().unwrap_or(disabled);
        if let Some(reason) = out_of_range(&format!("Controller {}", controller.id), range, level) {
            return Some(reason);
        }
    }
    let silent = |node: &&NodeId| **node != here && controllers.get(**node).is_none();
    let silent = cx.settings.quorum_nodes.iter().find(silent)?;
    Some(format!(
        "controller {silent} has not registered, and may not support this feature"
    ))
}

fn out_of_range(who: &str, range: VersionRange, level: i16) -> Option<String> {
    let VersionRange { min, max } = range;
    match () {
        () if range.contains(level) => None,
        () if max == 0 => Some(format!("{who} does not support this feature.")),
        () if min == max => Some(format!("{who} only supports versions {min}")),
        () => Some(format!("{who} only supports versions {min}-{max}")),
    }
}
