//! BrokerRegistration (62): a broker's process announces itself (KIP-631).
//! Errors: INCONSISTENT_CLUSTER_ID, DUPLICATE_BROKER_REGISTRATION, INVALID_REGISTRATION, BROKER_ID_NOT_REGISTERED (for a
//! ZooKeeper broker), UNSUPPORTED_VERSION.

use super::Outcome;
use crate::api_error::ApiError;
use crate::context::OpContext;
use crate::partition::{BrokerEvent, update_partitions};
use crate::state::ControllerState;
use base::{NodeId, Uuid};
use metadata::MetadataVersion;
use metadata::feature::KRAFT_VERSION;
use metadata::image::{BrokerEpoch, BrokerImage, SecurityProtocol};
use protocol::ErrorCode;
use protocol::messages::broker_registration_request::{BrokerRegistrationRequest, Feature};
use protocol::messages::broker_registration_response::BrokerRegistrationResponse;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};

/// Whether the request can say which registration the broker last shut down cleanly from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownDetection {
    /// It can (version 3 on).
    Supported,
    /// It cannot: every restart counts as unclean.
    Unsupported,
}

/// Registers a broker. Its epoch is the offset at which these records begin.
pub fn broker_registration(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    request: &BrokerRegistrationRequest,
    detection: ShutdownDetection,
) -> Outcome<BrokerRegistrationResponse> {
    match register(state, cx, request, detection) {
        Ok((records, epoch)) => {
            let response = BrokerRegistrationResponse {
                broker_epoch: epoch.0,
                ..Default::default()
            };
            Outcome::splittable(records, response)
        }
        Err(error) => {
            tracing::info!(broker = request.broker_id, code = %error.code, reason = ?error.message, "registration refused");
            let error_code = error.code.code();
            Outcome::unchanged(BrokerRegistrationResponse {
                error_code,
                ..Default::default()
            })
        }
    }
}

fn register(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    request: &BrokerRegistrationRequest,
    detection: ShutdownDetection,
) -> Result<(Vec<MetadataRecord>, BrokerEpoch), ApiError> {
    let id = NodeId(request.broker_id);
    let existing = state.broker(id).map(|broker| broker.as_ref());
    check_identity(cx, request, existing)?;
    let version = state.metadata_version();
    if version.supports_directory_assignment() {
        check_directories(state, request)?;
    }
    let mut record = RegisterBrokerRecord {
        broker_id: id.0,
        incarnation_id: request.incarnation_id,
        end_points: end_points(request)?,
        features: features(state, cx, request)?,
        rack: request.rack.clone(),
        log_dirs: if version.supports_directory_assignment() {
            request.log_dirs.clone()
        } else {
            Vec::new()
        },
        ..Default::default()
    };
    let mut records = Vec::new();
    match existing.filter(|existing| existing.incarnation_id == request.incarnation_id) {
        // The same process amends its registration: it keeps its epoch and its standing.
        Some(existing) => {
            record.fenced = existing.fenced;
            record.in_controlled_shutdown = existing.in_controlled_shutdown;
            record.broker_epoch = existing.epoch.0;
        }
        None => {
            records = records_for_shutdown(state, cx, request, existing, detection);
            record.broker_epoch = cx.next_offset.0;
            cx.sessions.register(id);
        }
    }
    let epoch = BrokerEpoch(record.broker_epoch);
    records.push(MetadataRecord::RegisterBroker(record));
    Ok((records, epoch))
}

fn check_identity(
    cx: &OpContext<'_>,
    request: &BrokerRegistrationRequest,
    existing: Option<&BrokerImage>,
) -> Result<(), ApiError> {
    let (ours, theirs) = (&cx.settings.cluster_id, &request.cluster_id);
    if ours != theirs {
        let message = format!("Expected cluster ID {ours}, but got cluster ID {theirs}");
        return Err(ApiError::new(ErrorCode::InconsistentClusterId, message));
    }
    let other = existing.filter(|existing| existing.incarnation_id != request.incarnation_id);
    let lasts = |other: &BrokerImage| cx.sessions.is_valid(other.id, other.epoch, cx.now);
    if other.is_some_and(|other| lasts(other) && !has_ended(cx, request, other)) {
        let message = "Another broker is registered with that broker id. If the broker was recently restarted this \
                       should self-resolve once the heartbeat manager expires the broker's session.";
        return Err(ApiError::new(ErrorCode::DuplicateBrokerRegistration, message));
    }
    if request.is_migrating_zk_broker {
        let message = "Controller does not support registering ZK brokers.";
        return Err(ApiError::new(ErrorCode::BrokerIdNotRegistered, message));
    }
    Ok(())
}

/// Whether the registered incarnation has ended although its session lasts: its connection has, and the new one holds a
/// directory of it, which only one process at a time can.
fn has_ended(cx: &OpContext<'_>, request: &BrokerRegistrationRequest, other: &BrokerImage) -> bool {
    let held = |directory: &Uuid| !directory.is_reserved() && other.directories.contains(directory);
    cx.sessions.is_lost(other.id) && request.log_dirs.iter().any(held)
}

fn check_directories(state: &ControllerState, request: &BrokerRegistrationRequest) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidRegistration, message));
    if request.log_dirs.is_empty() {
        return invalid("No directories specified in request".to_owned());
    }
    if request.log_dirs.iter().any(Uuid::is_reserved) {
        return invalid("Reserved directory ID in request".to_owned());
    }
    let mut sorted = request.log_dirs.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return invalid("Duplicate directory ID in request".to_owned());
    }
    for broker in state
        .image()
        .brokers
        .iter()
        .filter(|broker| broker.id.0 != request.broker_id)
    {
        if let Some(directory) = request
            .log_dirs
            .iter()
            .find(|directory| broker.directories.contains(directory))
        {
            return invalid(format!(
                "Broker {} is already registered with directory {directory}",
                broker.id
            ));
        }
    }
    Ok(())
}

fn end_points(request: &BrokerRegistrationRequest) -> Result<Vec<BrokerEndpoint>, ApiError> {
    let mut end_points = Vec::with_capacity(request.listeners.len());
    for listener in &request.listeners {
        if SecurityProtocol::from_code(listener.security_protocol).is_none() {
            let (protocol, name) = (listener.security_protocol, &listener.name);
            let message = format!("Unknown security protocol {protocol} in listener {name}");
            return Err(ApiError::new(ErrorCode::UnknownServerError, message));
        }
        end_points.push(BrokerEndpoint {
            name: listener.name.clone(),
            host: listener.host.clone(),
            port: listener.port,
            security_protocol: listener.security_protocol,
        });
    }
    Ok(end_points)
}

/// The features to record; every finalized one must be in the range the broker supports.
fn features(
    state: &ControllerState,
    cx: &OpContext<'_>,
    request: &BrokerRegistrationRequest,
) -> Result<Vec<BrokerFeature>, ApiError> {
    let mut finalized = state.image().features.all();
    finalized.insert(KRAFT_VERSION.to_owned(), cx.kraft_version);
    for feature in &request.features {
        check_feature(feature, finalized.remove(&feature.name).unwrap_or(0))?;
    }
    if !request
        .features
        .iter()
        .any(|feature| feature.name == MetadataVersion::FEATURE_NAME)
    {
        let message = "Request features do not contain 'metadata.version'";
        return Err(ApiError::new(ErrorCode::InvalidRegistration, message));
    }
    for (name, level) in finalized.into_iter().filter(|(_, level)| *level != 0) {
        check_feature(
            &Feature {
                name,
                min_supported_version: 0,
                max_supported_version: 0,
            },
            level,
        )?;
    }
    let record = |feature: &Feature| BrokerFeature {
        name: feature.name.clone(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    };
    Ok(request.features.iter().map(record).collect())
}

fn check_feature(feature: &Feature, finalized: i16) -> Result<(), ApiError> {
    let (min, max) = (feature.min_supported_version, feature.max_supported_version);
    if (min..=max).contains(&finalized) {
        return Ok(());
    }
    let name = &feature.name;
    let message = format!(
        "Unable to register because the broker does not support finalized version {finalized} of {name}. The broker \
         wants a version between {min} and {max}, inclusive."
    );
    Err(ApiError::new(ErrorCode::UnsupportedVersion, message))
}

/// What the end of the broker's previous incarnation means for its partitions: after an unclean end it may have lost
/// records, so it is neither in sync nor eligible (KIP-966).
fn records_for_shutdown(
    state: &ControllerState,
    cx: &OpContext<'_>,
    request: &BrokerRegistrationRequest,
    existing: Option<&BrokerImage>,
    detection: ShutdownDetection,
) -> Vec<MetadataRecord> {
    let broker = NodeId(request.broker_id);
    let stored = existing.map(|existing| existing.epoch.0);
    let clean = detection == ShutdownDetection::Supported && stored == Some(request.previous_broker_epoch);
    if state.image().features.is_elr_enabled() && !clean {
        return update_partitions(state, cx.settings, BrokerEvent::UncleanShutdown(broker), |partition| {
            partition.isr.contains(&broker) || partition.elr.contains(&broker)
        });
    }
    let leaves = BrokerEvent::Leaves(broker);
    update_partitions(state, cx.settings, leaves, |partition| partition.isr.contains(&broker))
}
