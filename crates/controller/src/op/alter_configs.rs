//! AlterConfigs (33): replaces all of a resource's dynamic configuration at once; the old way, IncrementalAlterConfigs is
//! the new one (KIP-133, KIP-339). Errors as there.

use super::Outcome;
use super::each_resource::{Changed, change_each};
use crate::api_error::ApiError;
use crate::config_change::{Change, change_existing};
use crate::context::OpContext;
use crate::state::ControllerState;
use metadata::image::ConfigResource;
use protocol::messages::alter_configs_request::{AlterConfigsRequest, AlterConfigsResource};
use protocol::messages::alter_configs_response::{AlterConfigsResourceResponse, AlterConfigsResponse};
use std::collections::BTreeMap;

/// Replaces configuration, or says whether it could be replaced.
pub fn alter_configs(
    state: &ControllerState,
    cx: &OpContext<'_>,
    request: &AlterConfigsRequest,
) -> Outcome<AlterConfigsResponse> {
    let resources = request.resources.iter();
    let (responses, records) = change_each(
        resources.map(|it| (it.resource_type, it.resource_name.clone(), it)),
        |resource, asked| change_existing(state, cx, resource, change(state, resource, asked)),
        answer,
    );
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

fn answer(resource_type: i8, resource_name: String, changed: &Changed) -> AlterConfigsResourceResponse {
    let (error_code, error_message) = ApiError::parts(changed);
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
