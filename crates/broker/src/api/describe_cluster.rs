//! DescribeCluster (key 60): the cluster's id and its brokers (KIP-700, KIP-919, KIP-1073).
//!
//! Endpoint type 1 asks for brokers; controllers (2) are MISMATCHED_ENDPOINT_TYPE on a broker's listener, anything else
//! UNSUPPORTED_ENDPOINT_TYPE. Fenced brokers are listed if asked for (version 2).

use super::metadata::{ALL_CLUSTER_OPERATIONS, some_broker};
use crate::Broker;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_cluster_request::DescribeClusterRequest;
use protocol::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};
use std::sync::Arc;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Answers from the image.
pub async fn handle(
    broker: &Arc<Broker>,
    context: &RequestContext,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    let refused = |error: ErrorCode, message: &str| DescribeClusterResponse {
        error_code: error.code(),
        error_message: Some(message.to_owned()),
        ..Default::default()
    };
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            let message = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
            return refused(ErrorCode::MismatchedEndpointType, message);
        }
        other => {
            let message = format!("Unsupported endpoint type {other}");
            return refused(ErrorCode::UnsupportedEndpointType, &message);
        }
    }
    let published = broker.image.borrow().clone();
    let listener = &*context.connection.listener;
    let wanted = published.image.brokers.iter().filter(|known| request.include_fenced_brokers || !known.fenced);
    let brokers = wanted.filter_map(|known| {
        let endpoint = known.listener(listener)?;
        Some(DescribeClusterBroker {
            broker_id: known.id.0,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            rack: known.rack.clone(),
            is_fenced: known.fenced,
        })
    });
    let mut response = DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: broker.cluster_id.to_string(),
        controller_id: some_broker(&published.image).0,
        brokers: brokers.collect(),
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = ALL_CLUSTER_OPERATIONS;
    }
    response
}
