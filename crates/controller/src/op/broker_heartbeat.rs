//! BrokerHeartbeat (63): a broker is alive, says how far it came, and asks to be unfenced, fenced or let go (KIP-631).
//! Errors: STALE_BROKER_EPOCH.

use super::{Outcome, check_broker_epoch};
use crate::context::OpContext;
use crate::fencing;
use crate::partition::{BrokerEvent, update_partitions};
use crate::sessions::BrokerControlState;
use crate::state::ControllerState;
use base::{NodeId, Offset, Uuid};
use metadata::image::{BrokerEpoch, BrokerImage};
use protocol::ErrorCode;
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::broker_registration_change_record::BrokerRegistrationChangeRecord;

/// Takes note of a heartbeat and decides what the broker may do next.
pub fn broker_heartbeat(
    state: &ControllerState,
    cx: &mut OpContext<'_>,
    request: &BrokerHeartbeatRequest,
) -> Outcome<BrokerHeartbeatResponse> {
    let id = NodeId(request.broker_id);
    cx.sessions.touch(id, BrokerEpoch(request.broker_epoch), cx.now);
    let checked = check_broker_epoch(state, request.broker_id, request.broker_epoch);
    let (Ok(broker), Some(registered_at)) = (checked, state.registered_at(id)) else {
        let error_code = ErrorCode::StaleBrokerEpoch.code();
        return Outcome::unchanged(BrokerHeartbeatResponse {
            error_code,
            ..Default::default()
        });
    };
    let current = cx.sessions.control_state(broker);
    let next = next_state(state, cx, request, broker, registered_at);
    let mut records = Vec::new();
    if current != next {
        match next {
            BrokerControlState::Fenced | BrokerControlState::ShutdownNow => {
                records.extend(fencing::fence(state, cx.settings, broker));
            }
            BrokerControlState::Unfenced => records.extend(fencing::unfence(state, cx.settings, broker)),
            BrokerControlState::ControlledShutdown => {
                records.extend(fencing::begin_controlled_shutdown(state, cx.settings, broker));
            }
        }
    }
    let is_fenced = matches!(next, BrokerControlState::Fenced | BrokerControlState::ShutdownNow);
    if is_fenced {
        cx.sessions.fence(id);
    }
    cx.sessions.record_offset(id, Offset(request.current_metadata_offset));
    records.extend(directory_changes(state, cx, request, broker));
    if next == BrokerControlState::ControlledShutdown {
        let written = i64::try_from(records.len()).unwrap_or(i64::MAX);
        cx.sessions
            .begin_controlled_shutdown(id, Offset(cx.next_offset.plus(written).0 - 1));
    }
    let response = BrokerHeartbeatResponse {
        is_caught_up: request.current_metadata_offset >= registered_at.0,
        is_fenced,
        should_shut_down: next == BrokerControlState::ShutdownNow,
        ..Default::default()
    };
    Outcome::splittable(records, response)
}

fn next_state(
    state: &ControllerState,
    cx: &OpContext<'_>,
    request: &BrokerHeartbeatRequest,
    broker: &BrokerImage,
    registered_at: Offset,
) -> BrokerControlState {
    use BrokerControlState::{ControlledShutdown, Fenced, ShutdownNow, Unfenced};
    let leads = || {
        state
            .image()
            .topics
            .iter()
            .any(|topic| topic.partitions().any(|(_, it)| it.leader == broker.id))
    };
    match cx.sessions.control_state(broker) {
        Fenced if request.want_shut_down => ShutdownNow,
        // A broker is let in once it knows of its own registration.
        Fenced if !request.want_fence && request.current_metadata_offset >= registered_at.0 => Unfenced,
        Fenced => Fenced,
        Unfenced => match (request.want_fence, request.want_shut_down) {
            (true, true) => ShutdownNow,
            (true, false) => Fenced,
            (false, true) if leads() => ControlledShutdown,
            (false, true) => ShutdownNow,
            (false, false) => Unfenced,
        },
        ControlledShutdown if leads() => ControlledShutdown,
        ControlledShutdown => {
            // It goes once everybody else knows the new leaders.
            let handed_over = cx
                .sessions
                .controlled_shutdown_offset(broker.id)
                .unwrap_or(Offset::NONE);
            let known_to_all = cx
                .sessions
                .lowest_active_offset(state)
                .is_none_or(|lowest| handed_over <= lowest);
            if known_to_all { ShutdownNow } else { ControlledShutdown }
        }
        ShutdownNow => ShutdownNow,
    }
}

/// Directories that failed, and directories that take no new replicas any more.
fn directory_changes(
    state: &ControllerState,
    cx: &OpContext<'_>,
    request: &BrokerHeartbeatRequest,
    broker: &BrokerImage,
) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    let change = BrokerRegistrationChangeRecord {
        broker_id: broker.id.0,
        broker_epoch: broker.epoch.0,
        ..Default::default()
    };
    let version = state.metadata_version();
    let failed = |directory: &Uuid| request.offline_log_dirs.contains(directory);
    if version.supports_directory_assignment() && broker.directories.iter().any(failed) {
        records.extend(update_partitions(
            state,
            cx.settings,
            BrokerEvent::Leaves(broker.id),
            |partition| {
                partition
                    .directory(broker.id)
                    .is_some_and(|directory| failed(&directory) && broker.directories.contains(&directory))
            },
        ));
        let log_dirs = broker
            .directories
            .iter()
            .filter(|directory| !failed(directory))
            .copied()
            .collect();
        let change = BrokerRegistrationChangeRecord {
            log_dirs,
            ..change.clone()
        };
        records.push(MetadataRecord::BrokerRegistrationChange(change));
    }
    if let (true, Some(cordoned)) = (version.supports_cordoned_log_dirs(), &request.cordoned_log_dirs) {
        let mut sorted = cordoned.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if broker.cordoned_directories.as_ref() != Some(&sorted) {
            let change = BrokerRegistrationChangeRecord {
                cordoned_log_dirs: Some(cordoned.clone()),
                ..change
            };
            records.push(MetadataRecord::BrokerRegistrationChange(change));
        }
    }
    records
}
