//! Quotas of users, clients and addresses.

use super::outcome;
use crate::cluster::Cluster;
use crate::error::ClientError;
use protocol::messages::alter_client_quotas_request as alter;
use protocol::messages::describe_client_quotas_request::{ComponentData, DescribeClientQuotasRequest};

/// Whom a quota is for: parts of type (`user`, `client-id`, `ip`) and name, or no name for the default of that type.
pub type QuotaEntity = Vec<(String, Option<String>)>;

/// Which entities of one type are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaMatch {
    /// The one with this name.
    Named(String),
    /// The default.
    Default,
    /// All.
    Any,
}

/// The quotas of one entity, in the broker's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Quota {
    /// Whom they are for.
    pub entity: QuotaEntity,
    /// Key and limit.
    pub limits: Vec<(String, f64)>,
}

/// A change of one quota: the key, and the limit or none to remove it.
pub type QuotaChange = (String, Option<f64>);

/// The quotas of entities that consist of exactly these parts.
pub async fn describe_quotas(cluster: &Cluster, parts: &[(String, QuotaMatch)]) -> Result<Vec<Quota>, ClientError> {
    let component = |(entity_type, wanted): &(String, QuotaMatch)| {
        let (match_type, r#match) = match wanted {
            QuotaMatch::Named(name) => (0, Some(name.clone())),
            QuotaMatch::Default => (1, None),
            QuotaMatch::Any => (2, None),
        };
        ComponentData {
            entity_type: entity_type.clone(),
            match_type,
            r#match,
        }
    };
    let request = DescribeClientQuotasRequest {
        components: parts.iter().map(component).collect(),
        strict: true,
    };
    let answer = cluster.call("describeClientQuotas", &request).await?;
    outcome(answer.error_code, answer.error_message)?;
    let entries = answer.entries.unwrap_or_default().into_iter().map(|entry| Quota {
        entity: entry
            .entity
            .into_iter()
            .map(|part| (part.entity_type, part.entity_name))
            .collect(),
        limits: entry.values.into_iter().map(|value| (value.key, value.value)).collect(),
    });
    Ok(entries.collect())
}

/// Changes quotas of one entity; all of them or none.
pub async fn alter_quotas(cluster: &Cluster, entity: &QuotaEntity, changes: &[QuotaChange]) -> Result<(), ClientError> {
    let part = |(entity_type, entity_name): &(String, Option<String>)| alter::EntityData {
        entity_type: entity_type.clone(),
        entity_name: entity_name.clone(),
    };
    let op = |(key, limit): &QuotaChange| alter::OpData {
        key: key.clone(),
        value: limit.unwrap_or_default(),
        remove: limit.is_none(),
    };
    let entry = alter::EntryData {
        entity: entity.iter().map(part).collect(),
        ops: changes.iter().map(op).collect(),
    };
    let request = alter::AlterClientQuotasRequest {
        entries: vec![entry],
        validate_only: false,
    };
    let answer = cluster.call("alterClientQuotas", &request).await?;
    answer
        .entries
        .into_iter()
        .try_for_each(|entry| outcome(entry.error_code, entry.error_message))
}
