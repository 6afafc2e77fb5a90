//! Whether a configuration makes sense for what it belongs to.

use crate::api_error::ApiError;
use crate::settings::ControllerSettings;
use crate::state::ControllerState;
use base::NodeId;
use config::alter::{self, AlterError};
use metadata::image::{ConfigResource, ConfigResourceType};
use metadata::topic_name;
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
            alter::check_topic(&settings.config, values).map_err(refused)
        }
        ConfigResourceType::Broker => validate_broker_name(&resource.name),
        ConfigResourceType::ClientMetrics => alter::check_client_metrics(&resource.name, values).map_err(refused),
        ConfigResourceType::Group => {
            invalid_request_if(resource.name.is_empty(), "Default group resources are not allowed.")?;
            alter::check_group(&settings.config, values).map_err(refused)
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

/// The refusal of the configuration tables, as clients see it.
pub(super) fn refused(error: AlterError) -> ApiError {
    let code = match error {
        AlterError::InvalidConfig(_) => ErrorCode::InvalidConfig,
        AlterError::InvalidRequest(_) => ErrorCode::InvalidRequest,
    };
    ApiError::new(code, error)
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
