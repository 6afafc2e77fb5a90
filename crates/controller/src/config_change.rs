//! A change of one resource's dynamic configuration: what it comes to, whether it is allowed, which records say so.

mod describe;
mod incremental;
mod response;
mod validate;

pub use describe::TopicDefaults;
pub use incremental::{KeyChange, incremental};
pub use response::{Refused, read_resources};

use crate::api_error::ApiError;
use crate::context::{OpContext, Origin};
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use metadata::image::{ConfigResource, ConfigResourceType};
use protocol::ErrorCode;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::clear_elr_record::ClearElrRecord;
use protocol::metadata_records::config_record::ConfigRecord;
use std::collections::{BTreeMap, BTreeSet};

const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
const CORDONED_LOG_DIRS: &str = "cordoned.log.dirs";

/// The longest value, in UTF-16 units as Kafka counts.
const MAX_VALUE_LENGTH: usize = 32_767;

/// What is asked of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// New values; `None` takes the key away.
    pub altered: BTreeMap<String, Option<String>>,
    /// Keys that go because a full replacement does not name them.
    pub removed: BTreeSet<String>,
}

/// Whether the resource is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource {
    Existing,
    New,
}

/// The records of a change of a resource that must exist.
///
/// # Errors
/// INVALID_CONFIG and whatever else makes the change impossible.
pub fn change_existing(
    state: &ControllerState,
    cx: &OpContext<'_>,
    resource: &ConfigResource,
    change: Change,
) -> Result<Vec<MetadataRecord>, ApiError> {
    records(state, cx, resource, change, Resource::Existing)
}

/// The records of the configuration of a topic that the same request creates.
///
/// # Errors
/// INVALID_CONFIG and whatever else makes the configuration impossible.
pub fn change_new(
    state: &ControllerState,
    cx: &OpContext<'_>,
    resource: &ConfigResource,
    change: Change,
) -> Result<Vec<MetadataRecord>, ApiError> {
    records(state, cx, resource, change, Resource::New)
}

fn records(
    state: &ControllerState,
    cx: &OpContext<'_>,
    resource: &ConfigResource,
    change: Change,
    standing: Resource,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let current = state
        .image()
        .configs
        .get(resource)
        .map(|values| values.as_ref().clone())
        .unwrap_or_default();
    let mut altered = change.altered;
    // Broker configuration is written again even if it is the same: brokers take it as the order to apply it.
    if resource.resource_type != ConfigResourceType::Broker {
        altered.retain(|key, value| current.get(key) != value.as_ref());
    }
    let mut result = current.clone();
    let removals = change.removed.iter().map(|key| (key, &None));
    for (key, value) in altered.iter().chain(removals) {
        check_transition(state, cx, resource, key, value.as_deref(), &current)?;
        match value {
            Some(value) => result.insert(key.clone(), value.clone()),
            None => result.remove(key),
        };
    }
    validate::validate(cx.settings, resource, &result)?;
    if standing == Resource::Existing {
        validate::check_existence(state, cx.settings, resource)?;
    }
    let removed = change.removed.into_iter().map(|key| (key, None));
    let record = |(name, value): (String, Option<String>)| ConfigRecord {
        resource_type: resource.resource_type.code(),
        resource_name: resource.name.clone(),
        name,
        value,
    };
    let records: Vec<ConfigRecord> = altered.into_iter().chain(removed).map(record).collect();
    let clear_elr = clear_elr_records(state, &records);
    Ok(records
        .into_iter()
        .map(MetadataRecord::Config)
        .chain(clear_elr)
        .collect())
}

/// What no resource may go to from where it is.
fn check_transition(
    state: &ControllerState,
    cx: &OpContext<'_>,
    resource: &ConfigResource,
    key: &str,
    value: Option<&str>,
    current: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let refused = |message: &str| Err(ApiError::new(ErrorCode::InvalidConfig, message));
    let of_brokers = resource.resource_type == ConfigResourceType::Broker;
    if of_brokers && key == MIN_INSYNC_REPLICAS && state.image().features.is_elr_enabled() {
        if !resource.name.is_empty() {
            return refused("Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
        }
        if value.is_none() {
            return refused("Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
        }
    }
    if of_brokers && key == CORDONED_LOG_DIRS {
        if !state.metadata_version().supports_cordoned_log_dirs() {
            return refused(
                "The cordoned.log.dirs configuration value cannot be set because it requires metadata.version >= 4.3-IV0",
            );
        }
        if cx.origin == Origin::Direct && !uncordons(current.get(key).map(String::as_str), value) {
            return refused(
                "When updating cordoned.log.dirs via controllers,  the new value must be a subset of the current \
                 configuration value.",
            );
        }
    }
    match value {
        Some(value) if value.encode_utf16().count() > MAX_VALUE_LENGTH => {
            refused("The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.")
        }
        _ => Ok(()),
    }
}

/// Whether the new list names no directory that the current one does not.
fn uncordons(current: Option<&str>, value: Option<&str>) -> bool {
    let directories = |text: &str| {
        text.trim()
            .split(',')
            .map(|it| it.trim().to_owned())
            .collect::<BTreeSet<_>>()
    };
    let wanted = value.map(str::trim).filter(|text| !text.is_empty()).map(directories);
    let cordoned = current.map(directories).unwrap_or_default();
    wanted.is_none_or(|wanted| wanted.is_subset(&cordoned))
}

/// With another `min.insync.replicas` the eligible leader replicas mean something else: they are forgotten (KIP-966).
fn clear_elr_records(state: &ControllerState, records: &[ConfigRecord]) -> Vec<MetadataRecord> {
    if !state.image().features.is_elr_enabled() {
        return Vec::new();
    }
    let clear = |record: &ConfigRecord| {
        let of_topic = record.resource_type == ConfigResourceType::Topic.code();
        let topic_name = if of_topic {
            record.resource_name.clone()
        } else {
            String::new()
        };
        MetadataRecord::ClearElr(ClearElrRecord { topic_name })
    };
    records
        .iter()
        .filter(|record| record.name == MIN_INSYNC_REPLICAS)
        .map(clear)
        .collect()
}

/// What must be in the log before eligible leader replicas are kept: one `min.insync.replicas` for the whole cluster,
/// and none for single brokers.
pub fn elr_safety_records(state: &ControllerState, settings: &ControllerSettings) -> Vec<MetadataRecord> {
    let record = |resource: &ConfigResource, value: Option<String>| {
        MetadataRecord::Config(ConfigRecord {
            resource_type: resource.resource_type.code(),
            resource_name: resource.name.clone(),
            name: MIN_INSYNC_REPLICAS.to_owned(),
            value,
        })
    };
    let configs = &state.image().configs;
    let mut records = Vec::new();
    let all = ConfigResource::all_brokers();
    if configs.value(&all, MIN_INSYNC_REPLICAS).is_none() {
        records.push(record(&all, Some(settings.static_min_insync_replicas().to_string())));
    }
    let sets_it = |(resource, values): &(&ConfigResource, &std::sync::Arc<BTreeMap<String, String>>)| {
        let one_broker = resource.resource_type == ConfigResourceType::Broker && !resource.name.is_empty();
        one_broker && values.contains_key(MIN_INSYNC_REPLICAS)
    };
    records.extend(
        configs
            .iter()
            .filter(sets_it)
            .map(|(resource, _)| record(resource, None)),
    );
    records
}
