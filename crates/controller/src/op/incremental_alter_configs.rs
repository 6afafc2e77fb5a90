//! IncrementalAlterConfigs (44): sets, deletes, appends to and subtracts from dynamic configuration (KIP-339).
//! Errors, per resource: INVALID_CONFIG, INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION, BROKER_ID_NOT_REGISTERED,
//! INVALID_TOPIC_EXCEPTION, UNSUPPORTED_VERSION (unknown resource type), POLICY_VIOLATION (too much at once).
//! Log levels (BROKER_LOGGER) are not metadata: the node that holds them answers before the controller is asked.

use super::Outcome;
use super::each_resource::{Changed, change_each};
use crate::api_error::ApiError;
use crate::config_change::{KeyChange, change_existing, incremental};
use crate::context::OpContext;
use crate::state::ControllerState;
use config::alter::Operation;
use metadata::image::ConfigResource;
use protocol::ErrorCode;
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, IncrementalAlterConfigsRequest};
use protocol::messages::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};
use std::collections::BTreeMap;

/// Changes configuration, or says whether it could be changed.
pub fn incremental_alter_configs(
    state: &ControllerState,
    cx: &OpContext<'_>,
    request: &IncrementalAlterConfigsRequest,
) -> Outcome<IncrementalAlterConfigsResponse> {
    let resources = request.resources.iter();
    let (responses, records) = change_each(
        resources.map(|it| (it.resource_type, it.resource_name.clone(), it)),
        |resource, asked| change(state, cx, resource, asked),
        answer,
    );
    let response = IncrementalAlterConfigsResponse {
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

fn change(
    state: &ControllerState,
    cx: &OpContext<'_>,
    resource: &ConfigResource,
    asked: &AlterConfigsResource,
) -> Changed {
    let mut operations = BTreeMap::new();
    for config in &asked.configs {
        let code = config.config_operation;
        let unknown = || ApiError::new(ErrorCode::InvalidRequest, format!("Unknown operations type {code}"));
        let operation = Operation::from_id(code).ok_or_else(unknown)?;
        operations.insert(
            config.name.clone(),
            KeyChange {
                operation,
                argument: config.value.clone(),
            },
        );
    }
    change_existing(state, cx, resource, incremental(state, resource, operations)?)
}
