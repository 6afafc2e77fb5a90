//! DescribeCluster (key 60) on a controller: the controllers, for who bootstraps from them (KIP-919).
//!
//! Asked for brokers, or (before version 1) for nothing in particular, a controller answers MISMATCHED_ENDPOINT_TYPE; an
//! endpoint type that is neither is UNSUPPORTED_ENDPOINT_TYPE. Listed are the controllers that registered with a listener
//! of the name the request came by.

use crate::handle::{Entrance, Quorum};
use crate::leader;
use base::NodeId;
use network::RequestContext;
use protocol::ErrorCode;
use protocol::messages::describe_cluster_request::DescribeClusterRequest;
use protocol::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};
use std::sync::Arc;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;
/// Not computed.
const NO_OPERATIONS: i32 = i32::MIN;
/// Every operation on a cluster, as bits: CREATE 5, ALTER 7, DESCRIBE 8, CLUSTER_ACTION 9, DESCRIBE_CONFIGS 10,
/// ALTER_CONFIGS 11, IDEMPOTENT_WRITE 12. Without an authorizer everybody may do them all.
const ALL_OPERATIONS: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

/// Describes.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    let (code, message) = match request.endpoint_type {
        CONTROLLERS => return answer(entrance, context, &request).await,
        BROKERS => (
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type CONTROLLER, but we wanted an endpoint of type BROKER".to_owned(),
        ),
        other => (ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {other}")),
    };
    DescribeClusterResponse {
        error_code: code.code(),
        error_message: Some(message),
        cluster_authorized_operations: NO_OPERATIONS,
        ..Default::default()
    }
}

async fn answer(
    entrance: &Entrance,
    context: &RequestContext,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    let leadership = entrance.inspect(|replica| replica.raft.leadership()).await;
    let asked = request.include_cluster_authorized_operations;
    DescribeClusterResponse {
        endpoint_type: CONTROLLERS,
        cluster_id: entrance.quorum.cluster_id.clone(),
        controller_id: leadership.map_or(NodeId::NONE.0, |leadership| leader::wire_id(&leadership)),
        brokers: controllers(&entrance.quorum, &context.connection.listener),
        cluster_authorized_operations: if asked { ALL_OPERATIONS } else { NO_OPERATIONS },
        ..Default::default()
    }
}

fn controllers(quorum: &Quorum, listener: &str) -> Vec<DescribeClusterBroker> {
    let image = quorum.published.borrow().image.clone();
    let listed = image.controllers.iter().filter_map(|controller| {
        let reached = controller.listeners.iter().find(|known| known.name == listener)?;
        Some(DescribeClusterBroker {
            broker_id: controller.id.0,
            host: reached.host.clone(),
            port: i32::from(reached.port),
            ..Default::default()
        })
    });
    listed.collect()
}
