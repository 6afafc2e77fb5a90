//! AlterConfigs (key 33), forwarded: the active controller decides.
//!
//! Replaces all that a resource has set (KIP-133); superseded by IncrementalAlterConfigs. The broker itself checks changes of brokers, and
//! refuses those of other brokers and of log levels, before the controller is asked (`crate::config_check`).

use crate::Broker;
use crate::config_check::{KeyChange, Refusal, ResourceChange, Style, check_all};
use crate::forward::{ask, forward};
use bytes::Bytes;
use network::api::{decode, respond};
use network::{Reply, RequestContext};
use protocol::messages::alter_configs_request::AlterConfigsRequest;
use protocol::messages::alter_configs_response::{AlterConfigsResourceResponse, AlterConfigsResponse};
use std::sync::Arc;

/// Answers what the broker refuses, and has the controller decide on the rest.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    let mut request: AlterConfigsRequest = match decode(context, &body) {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    let refusals = check_all(&broker.config.load(), &changes(&request), Style::Replace);
    if refusals.iter().all(Option::is_none) {
        return forward(broker, context, body).await;
    }
    let mut response = AlterConfigsResponse::default();
    let mut kept = Vec::new();
    for (resource, refusal) in request.resources.drain(..).zip(refusals) {
        match refusal {
            None => kept.push(resource),
            Some(refusal) => {
                let refused = refuse(resource.resource_type, resource.resource_name, refusal);
                response.responses.push(refused);
            }
        }
    }
    if kept.is_empty() {
        return respond(context, &response);
    }
    request.resources = kept;
    match ask(broker, context, &request).await {
        Ok(decided) => response.responses.extend(decided.responses),
        Err(reply) => return reply,
    }
    respond(context, &response)
}

fn changes(request: &AlterConfigsRequest) -> Vec<ResourceChange<'_>> {
    let resources = request.resources.iter().map(|resource| {
        let keys = resource.configs.iter().map(|config| KeyChange {
            name: &config.name,
            operation: 0,
            value: config.value.as_deref(),
        });
        ResourceChange {
            kind: resource.resource_type,
            name: &resource.resource_name,
            keys: keys.collect(),
        }
    });
    resources.collect()
}

fn refuse(resource_type: i8, resource_name: String, refusal: Refusal) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse {
        error_code: refusal.error.code(),
        error_message: Some(refusal.message),
        resource_type,
        resource_name,
    }
}
