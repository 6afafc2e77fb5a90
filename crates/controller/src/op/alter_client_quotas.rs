//! AlterClientQuotas (49): quotas of users, client ids and addresses (KIP-546, KIP-612).
//! Errors, per entity: INVALID_REQUEST.

use super::{Outcome, check_size};
use crate::api_error::ApiError;
use crate::state::ControllerState;
use metadata::image::ClientQuotaEntity;
use protocol::ErrorCode;
use protocol::messages::alter_client_quotas_request as asked;
use protocol::messages::alter_client_quotas_response as answered;
use protocol::metadata_records::MetadataRecord;
use protocol::metadata_records::client_quota_record::{ClientQuotaRecord, EntityData};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Changes quotas, or says whether they could be changed.
pub fn alter_client_quotas(
    state: &ControllerState,
    request: &asked::AlterClientQuotasRequest,
) -> Outcome<answered::AlterClientQuotasResponse> {
    let mut results: BTreeMap<ClientQuotaEntity, Result<(), ApiError>> = BTreeMap::new();
    let mut records = Vec::new();
    for entry in &request.entries {
        let part = |part: &asked::EntityData| (part.entity_type.clone(), part.entity_name.clone());
        let entity: ClientQuotaEntity = entry.entity.iter().map(part).collect();
        let altered = alter(state, &entity, entry, results.contains_key(&entity));
        results.insert(entity, altered.as_ref().map(|_| ()).map_err(Clone::clone));
        records.extend(altered.into_iter().flatten());
    }
    if let Err(error) = check_size(&records) {
        results.values_mut().for_each(|result| *result = Err(error.clone()));
        records.clear();
    }
    let entries = results.iter().map(|(entity, result)| answer(entity, result)).collect();
    let response = answered::AlterClientQuotasResponse {
        entries,
        ..Default::default()
    };
    if request.validate_only {
        Outcome::unchanged(response)
    } else {
        Outcome::atomic(records, response)
    }
}

fn answer(entity: &ClientQuotaEntity, result: &Result<(), ApiError>) -> answered::EntryData {
    let (error_code, error_message) = ApiError::parts(result);
    let part = |(entity_type, entity_name): (&String, &Option<String>)| answered::EntityData {
        entity_type: entity_type.clone(),
        entity_name: entity_name.clone(),
    };
    answered::EntryData {
        error_code,
        error_message,
        entity: entity.iter().map(part).collect(),
    }
}

fn invalid(message: String) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message)
}

fn alter(
    state: &ControllerState,
    entity: &ClientQuotaEntity,
    entry: &asked::EntryData,
    seen: bool,
) -> Result<Vec<MetadataRecord>, ApiError> {
    let mut changes: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    let mut duplicate = false;
    for op in &entry.ops {
        duplicate |= changes.insert(&op.key, (!op.remove).then_some(op.value)).is_some();
    }
    if seen || duplicate {
        return Err(invalid(format!("Ignoring duplicate entity {}", shown(entity))));
    }
    check_entity(entity)?;
    let current = state.image().client_quotas.get(entity);
    let mut records = Vec::new();
    for (key, value) in changes {
        let before = current.and_then(|quotas| quotas.get(key)).copied();
        if let Some(value) = value {
            check_quota(entity, key, value)?;
        }
        if before != value {
            let part = |(entity_type, entity_name): (&String, &Option<String>)| EntityData {
                entity_type: entity_type.clone(),
                entity_name: entity_name.clone(),
            };
            records.push(MetadataRecord::ClientQuota(ClientQuotaRecord {
                entity: entity.iter().map(part).collect(),
                key: key.to_owned(),
                value: value.unwrap_or(0.0),
                remove: value.is_none(),
            }));
        }
    }
    Ok(records)
}

/// As Java shows a ClientQuotaEntity.
fn shown(entity: &ClientQuotaEntity) -> String {
    let part = |(kind, name): (&String, &Option<String>)| format!("{kind}={}", name.as_deref().unwrap_or("null"));
    let parts: Vec<String> = entity.iter().map(part).collect();
    format!("ClientQuotaEntity(entries={{{}}})", parts.join(", "))
}

fn check_entity(entity: &ClientQuotaEntity) -> Result<(), ApiError> {
    if entity.is_empty() {
        return Err(invalid("Invalid empty client quota entity".to_owned()));
    }
    for (kind, name) in entity {
        if !["user", "client-id", "ip"].contains(&kind.as_str()) {
            return Err(invalid(format!("Unhandled client quota entity type: {kind}")));
        }
        if name.as_deref() == Some("") {
            return Err(invalid(format!("Empty {kind} not supported")));
        }
    }
    if let Some(address) = entity.get("ip") {
        if entity.len() > 1 {
            let message = "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId";
            return Err(invalid(message.to_owned()));
        }
        // Kafka would ask the resolver about a name; the state machine of the controller must not depend on one.
        if let Some(address) = address
            && address.parse::<IpAddr>().is_err()
        {
            return Err(invalid(format!("{address} is not a valid IP or resolvable host.")));
        }
    }
    Ok(())
}

/// How a quota's value is bounded.
enum Bound {
    Any,
    Whole { max: f64, kind: &'static str },
}

fn check_quota(entity: &ClientQuotaEntity, key: &str, value: f64) -> Result<(), ApiError> {
    let whole = |max: f64, kind| Bound::Whole { max, kind };
    let bound = match (entity.contains_key("ip"), key) {
        (true, "connection_creation_rate") => whole(f64::from(i32::MAX), "an INT"),
        (false, "producer_byte_rate" | "consumer_byte_rate") => whole(i64::MAX as f64, "a LONG"),
        (false, "request_percentage" | "controller_mutation_rate") => Bound::Any,
        _ => return Err(invalid(format!("Invalid configuration key {key}"))),
    };
    // Not a number is no quota either; Kafka's comparison lets it pass.
    if value <= 0.0 || value.is_nan() {
        return Err(invalid(format!("Quota {key} must be greater than 0")));
    }
    match bound {
        Bound::Any => Ok(()),
        Bound::Whole { max, kind } if value > max => {
            Err(invalid(format!("Proposed value for {key} is too large for {kind}.")))
        }
        Bound::Whole { .. } if (value % 1.0).abs() > 1e-6 => {
            Err(invalid(format!("{key} cannot be a fractional value.")))
        }
        Bound::Whole { .. } => Ok(()),
    }
}
