//! The resources that a request names, and those that can be refused before anything is looked up.

use crate::api_error::ApiError;
use metadata::image::{ConfigResource, ConfigResourceType};
use protocol::ErrorCode;
use std::collections::BTreeMap;

/// A resource that is refused, as the request named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The code of its type.
    pub resource_type: i8,
    /// Its name.
    pub name: String,
    /// Why.
    pub error: ApiError,
}

/// Sorts the resources of a request: those to work on, once each, and those refused.
pub fn read_resources<T>(
    resources: impl IntoIterator<Item = (i8, String, T)>,
) -> (BTreeMap<ConfigResource, T>, Vec<Refused>) {
    let mut wanted = BTreeMap::new();
    let mut twice = BTreeMap::new();
    let mut refused = Vec::new();
    for (code, name, what) in resources {
        let Some(resource_type) = ConfigResourceType::from_code(code) else {
            let error = ApiError::new(ErrorCode::UnsupportedVersion, format!("Unknown resource type {code}."));
            refused.push(Refused {
                resource_type: code,
                name,
                error,
            });
            continue;
        };
        let resource = ConfigResource { resource_type, name };
        if !twice.contains_key(&resource) && wanted.insert(resource.clone(), what).is_some() {
            wanted.remove(&resource);
            twice.insert(resource, ());
        }
    }
    refused.extend(twice.into_keys().map(|resource| Refused {
        resource_type: resource.resource_type.code(),
        name: resource.name,
        error: ApiError::new(ErrorCode::InvalidRequest, "Duplicate resource."),
    }));
    (wanted, refused)
}
