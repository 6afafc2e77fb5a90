//! AlterConfigs (33): replaces all of a resource's dynamic configuration at once; the old way, IncrementalAlterConfigs is
//! the new one (KIP-133, KIP-339). Errors as there.

use super::{Outcome, check_size};
use crate::api_error::ApiError;
use crate::config_change::{Change, change_existing, read_resources};
use crate::context::OpContext;
use crate::state::ControllerState;
use metadata::image::ConfigResource;
use protocol::messages::alter_configs_request::{AlterConfigsRequest, AlterConfigsResource};
use protocol::messages::alter_configs_response::{AlterConfigsResourceResponse, AlterConfigsResponse};
use protocol::metadata_records::MetadataRecord;
use std::collections::BTreeMap;

/// Replaces configuration, or says whether it could be replaced.
pub fn alter_configs(
    state: &ControllerState,
    cx: &OpContext<'_>,
    request: &AlterConfigsRequest,
) -> Outcome<AlterConfigsResponse> {
    let named = request
        .resources
        .iter()
        .map(|it| (it.resource_type, it.resource_name.clone(), it));
    let (wanted, refused) = read_resources(named);
    let mut responses: Vec<_> = refused
        .into_iter()
        .map(|it| answer(it.resource_type, it.name, &Err(it.error)))
        .collect();
    let mut records = Vec::new();
    for (resource, asked) in wanted {
        let changed = change_existing(state, cx, &resource, change(state, &resource, asked));
        responses.push(answer(resource.resource_type.code(), resource.name, &changed));
        records.extend(changed.into_iter().flatten());
    }
    if let Err(error) = check_size(&records) {
        let refused = Err(error);
        let all = request.resources.iter();
        responses = all
            .map(|it| answer(it.resource_type, it.resource_name.clone(), &refused))
            .collect();
        records.clear();
    }
    let response = AlterConfigsResponse {
        responses,
        ..Default::default()
    };
    if request.validate_only {
        Outcome::unchanged(response)
    } else {
        Outcome::atomic(records, response)
    }
}

fn answer(
    resource_type: i8,
    resource_name: String,
    result: &Result<Vec<MetadataRecord>, ApiError>,
) -> AlterConfigsResourceResponse {
    let (error_code, error_message) = ApiError::parts(result);
    AlterConfigsResourceResponse {
        error_code,
        error_message,
        resource_type,
        resource_name,
    }
}

/// What is named is set, what is set and not named goes.
fn change(state: &ControllerState, resource: &ConfigResource, asked: &AlterConfigsResource) -> Change {
    let altered: BTreeMap<String, Option<String>> = asked
        .configs
        .iter()
        .map(|config| (config.name.clone(), config.value.clone()))
        .collect();
    let current = state.image().configs.get(resource);
    let removed = current
        .iter()
        .flat_map(|values| values.keys())
        .filter(|key| !altered.contains_key(*key));
    Change {
        removed: removed.cloned().collect(),
        altered,
    }
}
