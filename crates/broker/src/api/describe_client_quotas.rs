//! DescribeClientQuotas (key 48): the quotas of users, client ids and addresses that match a filter (KIP-546).
//!
//! A component matches an entity's part exactly (0), its default (1) or any name (2); a strict filter wants no other parts.
//! Errors: INVALID_REQUEST, UNSUPPORTED_VERSION (unknown entity type). Version 1 only made the message flexible.

use crate::Broker;
use metadata::MetadataImage;
use metadata::image::ClientQuotaEntity;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_client_quotas_request::{ComponentData, DescribeClientQuotasRequest};
use protocol::messages::describe_client_quotas_response::{
    DescribeClientQuotasResponse, EntityData, EntryData, ValueData,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Answers from the image.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: DescribeClientQuotasRequest,
) -> DescribeClientQuotasResponse {
    let image = broker.image.borrow().image.clone();
    describe(&image, &request)
}

/// A name that a part of the entity must have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Exactly(String),
    Default,
    Any,
}

type Filter = BTreeMap<String, Name>;

fn describe(image: &MetadataImage, request: &DescribeClientQuotasRequest) -> DescribeClientQuotasResponse {
    let filter = match filter(&request.components) {
        Ok(filter) => filter,
        Err((code, message)) => {
            return DescribeClientQuotasResponse {
                error_code: code.code(),
                error_message: Some(message),
                entries: None,
                ..Default::default()
            };
        }
    };
    let found = image.client_quotas.iter().filter(|(entity, _)| matches(entity, &filter, request.strict));
    let entries = found.map(|(entity, quotas)| EntryData {
        entity: entity.iter().map(|(kind, name)| EntityData { entity_type: kind.clone(), entity_name: name.clone() }).collect(),
        values: quotas.iter().map(|(key, value)| ValueData { key: key.clone(), value: *value }).collect(),
    });
    DescribeClientQuotasResponse { entries: Some(entries.collect()), ..Default::default() }
}

fn filter(components: &[ComponentData]) -> Result<Filter, (ErrorCode, String)> {
    let invalid = |message: String| Err((ErrorCode::InvalidRequest, message));
    let mut filter = Filter::new();
    for component in components {
        let kind = &component.entity_type;
        if kind.is_empty() {
            return invalid("Invalid empty entity type.".to_owned());
        }
        if filter.contains_key(kind) {
            return invalid(format!("Entity type {kind} cannot appear more than once in the filter."));
        }
        if !["ip", "user", "client-id"].contains(&kind.as_str()) {
            return Err((ErrorCode::UnsupportedVersion, format!("Unsupported entity type {kind}")));
        }
        let name = match (component.match_type, component.r#match.clone()) {
            (0, Some(name)) => Name::Exactly(name),
            (0, None) => {
                return invalid("Request specified MATCH_TYPE_EXACT, but set match string to null.".to_owned());
            }
            (1, None) => Name::Default,
            (2, None) => Name::Any,
            (code @ (1 | 2), Some(_)) => {
                let which = if code == 1 { "DEFAULT" } else { "SPECIFIED" };
                return invalid(format!("Request specified MATCH_TYPE_{which}, but also specified a match string."));
            }
            (code, _) => return invalid(format!("Unknown match type {code}")),
        };
        filter.insert(kind.clone(), name);
    }
    if filter.contains_key("ip") && filter.len() > 1 {
        let message = "Invalid entity filter component combination. IP filter component should not be used with user or \
                       clientId filter component.";
        return invalid(message.to_owned());
    }
    Ok(filter)
}

fn matches(entity: &ClientQuotaEntity, filter: &Filter, strict: bool) -> bool {
    let agrees = |(kind, wanted): (&String, &Name)| match (entity.get(kind), wanted) {
        (None, _) => false,
        (Some(_), Name::Any) => true,
        (Some(name), Name::Default) => name.is_none(),
        (Some(name), Name::Exactly(wanted)) => name.as_ref() == Some(wanted),
    };
    (!strict || entity.len() == filter.len()) && filter.iter().all(agrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::metadata_records::MetadataRecord;
    use protocol::metadata_records::client_quota_record::{self, ClientQuotaRecord};

    fn image() -> MetadataImage {
        let mut image = MetadataImage::default();
        let entities: [&[(&str, Option<&str>)]; 4] = [
            &[("user", Some("alice"))],
            &[("user", None)],
            &[("user", Some("alice")), ("client-id", Some("c"))],
            &[("ip", Some("1.2.3.4"))],
        ];
        for (value, entity) in (1_i32..).zip(entities) {
            let part = |(kind, name): &(&str, Option<&str>)| client_quota_record::EntityData {
                entity_type: (*kind).to_owned(),
                entity_name: name.map(str::to_owned),
            };
            let record = ClientQuotaRecord {
                entity: entity.iter().map(part).collect(),
                key: "producer_byte_rate".to_owned(),
                value: value.into(),
                remove: false,
            };
            image.apply(&MetadataRecord::ClientQuota(record)).unwrap();
        }
        image
    }

    fn component(kind: &str, match_type: i8, name: Option<&str>) -> ComponentData {
        ComponentData { entity_type: kind.to_owned(), match_type, r#match: name.map(str::to_owned) }
    }

    #[test]
    fn filters_find_what_they_name() {
        let image = image();
        let cases: [(Vec<ComponentData>, bool, &[f64]); 8] = [
            (vec![], false, &[3.0, 4.0, 2.0, 1.0]),
            (vec![], true, &[]),
            (vec![component("user", 0, Some("alice"))], false, &[3.0, 1.0]),
            (vec![component("user", 0, Some("alice"))], true, &[1.0]),
            (vec![component("user", 1, None)], false, &[2.0]),
            (vec![component("user", 2, None)], true, &[2.0, 1.0]),
            (vec![component("user", 2, None), component("client-id", 2, None)], true, &[3.0]),
            (vec![component("ip", 2, None)], true, &[4.0]),
        ];
        for (components, strict, expected) in cases {
            let request = DescribeClientQuotasRequest { components, strict };
            let entries = describe(&image, &request).entries.unwrap();
            let values: Vec<f64> = entries.iter().map(|entry| entry.values[0].value).collect();
            assert_eq!(values, expected, "{request:?}");
        }
    }

    #[test]
    fn filters_that_make_no_sense_are_refused() {
        let cases = [
            (vec![component("", 0, None)], ErrorCode::InvalidRequest),
            (vec![component("user", 2, None), component("user", 1, None)], ErrorCode::InvalidRequest),
            (vec![component("group", 2, None)], ErrorCode::UnsupportedVersion),
            (vec![component("user", 0, None)], ErrorCode::InvalidRequest),
            (vec![component("user", 1, Some("x"))], ErrorCode::InvalidRequest),
            (vec![component("user", 2, Some("x"))], ErrorCode::InvalidRequest),
            (vec![component("user", 3, None)], ErrorCode::InvalidRequest),
            (vec![component("user", 2, None), component("ip", 2, None)], ErrorCode::InvalidRequest),
        ];
        for (components, code) in cases {
            let request = DescribeClientQuotasRequest { components, strict: false };
            let response = describe(&image(), &request);
            assert_eq!((response.error_code, &response.entries), (code.code(), &None), "{request:?}");
        }
    }
}
