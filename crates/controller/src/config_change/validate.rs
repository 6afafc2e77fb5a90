//! Whether a configuration makes sense for what it belongs to.

use crate::api_error::ApiError;
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use crate::topic_name;
use base::NodeId;
use config::table::{CLIENT_METRICS, GROUP, TOPIC};
use config::{ConfigError, Settings, topic};
use metadata::image::{ConfigResource, ConfigResourceType};
use protocol::ErrorCode;
use std::collections::BTreeMap;

/// Refuses a configuration that the resource cannot have. A broker's own keys are checked by the broker, which knows
/// them; the controller only checks whose they are.
pub(super) fn validate(
    settings: &ControllerSettings,
    resource: &ConfigResource,
    values: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    match resource.resource_type {
        ConfigResourceType::Topic => {
            invalid_request_if(resource.name.is_empty(), "Default topic resources are not allowed.")?;
            topic_name::validate(&resource.name)
                .map_err(|message| ApiError::new(ErrorCode::InvalidTopicException, message))?;
            validate_topic(settings, values)
        }
        ConfigResourceType::Broker => validate_broker_name(&resource.name),
        ConfigResourceType::ClientMetrics => {
            invalid_request_if(resource.name.is_empty(), "Subscription name can't be empty")?;
            validate_client_metrics(values)
        }
        ConfigResourceType::Group => {
            invalid_request_if(resource.name.is_empty(), "Default group resources are not allowed.")?;
            validate_group(settings, values)
        }
        ConfigResourceType::BrokerLogger => Err(ApiError::new(
            ErrorCode::InvalidRequest,
            "Unknown resource type BROKER_LOGGER",
        )),
    }
}

/// Refuses to configure what is not there.
pub(super) fn check_existence(
    state: &ControllerState,
    settings: &ControllerSettings,
    resource: &ConfigResource,
) -> Result<(), ApiError> {
    let name = &resource.name;
    match resource.resource_type {
        ConfigResourceType::Topic if state.image().topics.id(name).is_none() => {
            let message = format!("The topic '{name}' does not exist.");
            Err(ApiError::new(ErrorCode::UnknownTopicOrPartition, message))
        }
        ConfigResourceType::Broker if !name.is_empty() => {
            let node = NodeId(name.parse().unwrap_or(-1));
            let known = state.broker(node).is_some()
                || settings.quorum_nodes.contains(&node)
                || state.image().controllers.get(node).is_some();
            if known {
                return Ok(());
            }
            Err(ApiError::new(
                ErrorCode::BrokerIdNotRegistered,
                format!("No node with id {node} found."),
            ))
        }
        ConfigResourceType::Topic
        | ConfigResourceType::Broker
        | ConfigResourceType::BrokerLogger
        | ConfigResourceType::ClientMetrics
        | ConfigResourceType::Group => Ok(()),
    }
}

fn invalid_request_if(wrong: bool, message: &str) -> Result<(), ApiError> {
    if wrong {
        Err(ApiError::new(ErrorCode::InvalidRequest, message))
    } else {
        Ok(())
    }
}

fn invalid_config(error: &ConfigError) -> ApiError {
    ApiError::new(ErrorCode::InvalidConfig, error)
}

fn validate_broker_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Ok(());
    }
    let unparsable = "Unable to parse broker name as a base 10 number.";
    let id: i32 = name
        .parse()
        .map_err(|_| ApiError::new(ErrorCode::InvalidRequest, unparsable))?;
    invalid_request_if(id < 0, "Invalid negative broker ID.")
}

fn validate_topic(settings: &ControllerSettings, values: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if let Some(name) = values.keys().find(|name| TOPIC.get(name).is_none()) {
        let message = format!("Unknown topic config name: {name}");
        return Err(ApiError::new(ErrorCode::InvalidConfig, message));
    }
    let resolved = topic::resolve(&settings.config.settings, values).map_err(|error| invalid_config(&error))?;
    let min: i64 = resolved.read("min.compaction.lag.ms");
    let max: i64 = resolved.read("max.compaction.lag.ms");
    if min > max {
        let message =
            format!("conflict topic config setting min.compaction.lag.ms ({min}) > max.compaction.lag.ms ({max})");
        return Err(ApiError::new(ErrorCode::InvalidConfig, message));
    }
    if resolved.read::<bool>("remote.storage.enable") {
        let message = "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote \
                       log storage.";
        return Err(ApiError::new(ErrorCode::InvalidConfig, message));
    }
    Ok(())
}

fn validate_client_metrics(values: &BTreeMap<String, String>) -> Result<(), ApiError> {
    const PARAMETERS: [&str; 6] = [
        "client_instance_id",
        "client_id",
        "client_software_name",
        "client_software_version",
        "client_source_address",
        "client_source_port",
    ];
    if let Some(name) = values.keys().find(|name| CLIENT_METRICS.get(name).is_none()) {
        let message = format!("Unknown client metrics configuration: {name}");
        return Err(ApiError::new(ErrorCode::InvalidRequest, message));
    }
    if let Some(interval) = values
        .get("interval.ms")
        .and_then(|text| text.trim().parse::<i32>().ok())
    {
        let message =
            format!("Invalid value {interval} for interval.ms, interval must be between 100 and 3600000 (1 hour)");
        invalid_request_if(!(100..=3_600_000).contains(&interval), &message)?;
    }
    let parsed = Settings::resolve(&CLIENT_METRICS, values).map_err(|error| invalid_config(&error))?;
    if values.contains_key("match") {
        for pattern in parsed.read::<Vec<String>>("match") {
            let parts: Vec<&str> = pattern.split('=').collect();
            if parts.len() != 2 || parts[1].is_empty() || !PARAMETERS.contains(&parts[0].trim()) {
                let message = format!("Illegal client matching pattern: {pattern}");
                return Err(ApiError::new(ErrorCode::InvalidConfig, message));
            }
        }
    }
    Ok(())
}

/// The group keys that must lie between two broker keys, with the broker keys' names.
const GROUP_BOUNDS: [(&str, &str, &str); 11] = [
    (
        "consumer.heartbeat.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
    ),
    (
        "consumer.session.timeout.ms",
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
    ),
    (
        "consumer.assignment.interval.ms",
        "group.consumer.min.assignment.interval.ms",
        "group.consumer.max.assignment.interval.ms",
    ),
    (
        "share.heartbeat.interval.ms",
        "group.share.min.heartbeat.interval.ms",
        "group.share.max.heartbeat.interval.ms",
    ),
    (
        "share.session.timeout.ms",
        "group.share.min.session.timeout.ms",
        "group.share.max.session.timeout.ms",
    ),
    (
        "share.record.lock.duration.ms",
        "group.share.min.record.lock.duration.ms",
        "group.share.max.record.lock.duration.ms",
    ),
    (
        "share.delivery.count.limit",
        "group.share.min.delivery.count.limit",
        "group.share.max.delivery.count.limit",
    ),
    (
        "share.partition.max.record.locks",
        "group.share.min.partition.max.record.locks",
        "group.share.max.partition.max.record.locks",
    ),
    (
        "share.assignment.interval.ms",
        "group.share.min.assignment.interval.ms",
        "group.share.max.assignment.interval.ms",
    ),
    (
        "streams.heartbeat.interval.ms",
        "group.streams.min.heartbeat.interval.ms",
        "group.streams.max.heartbeat.interval.ms",
    ),
    (
        "streams.session.timeout.ms",
        "group.streams.min.session.timeout.ms",
        "group.streams.max.session.timeout.ms",
    ),
];

fn validate_group(settings: &ControllerSettings, values: &BTreeMap<String, String>) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidConfig, message));
    if let Some(name) = values.keys().find(|name| GROUP.get(name).is_none()) {
        return invalid(format!("Unknown group config name: {name}"));
    }
    let parsed = Settings::resolve(&GROUP, values).map_err(|error| invalid_config(&error))?;
    let broker = &settings.config.settings;
    for (key, min, max) in GROUP_BOUNDS.iter().filter(|(key, _, _)| values.contains_key(*key)) {
        let value: i64 = parsed.read(key);
        if broker.get(min).is_some() && value < broker.read::<i64>(min) {
            return invalid(format!("{key} must be greater than or equal to {min}"));
        }
        if broker.get(max).is_some() && value > broker.read::<i64>(max) {
            return invalid(format!("{key} must be less than or equal to {max}"));
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let (session, heartbeat) = (
            format!("{kind}.session.timeout.ms"),
            format!("{kind}.heartbeat.interval.ms"),
        );
        // What the group does not set itself, the broker's key of the same name gives.
        let effective = |key: &str| match values.contains_key(key) {
            true => parsed.read::<i64>(key),
            false => broker.read::<i64>(&format!("group.{key}")),
        };
        if effective(&session) <= effective(&heartbeat) {
            return invalid(format!("{session} must be greater than {heartbeat}"));
        }
    }
    Ok(())
}
