//! The cluster itself: its brokers, its named resources.

use super::outcome;
use crate::cluster::{Cluster, Node};
use crate::error::ClientError;
use crate::settings::Address;
use base::NodeId;
use protocol::messages::describe_cluster_request::DescribeClusterRequest;
use protocol::messages::list_config_resources_request::ListConfigResourcesRequest;

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// The broker that takes the controller's requests.
    pub controller: Option<NodeId>,
    /// Its brokers, by id.
    pub nodes: Vec<Node>,
}

/// Describes the cluster.
pub async fn describe_cluster(cluster: &Cluster) -> Result<ClusterDescription, ClientError> {
    let answer = cluster
        .call("describeCluster", &DescribeClusterRequest::default())
        .await?;
    outcome(answer.error_code, answer.error_message)?;
    let node = |broker: protocol::messages::describe_cluster_response::DescribeClusterBroker| {
        let port = u16::try_from(broker.port).ok()?;
        let address = Address {
            host: broker.host,
            port,
        };
        Some(Node {
            id: NodeId(broker.broker_id),
            address,
            rack: broker.rack,
        })
    };
    let mut nodes: Vec<_> = answer.brokers.into_iter().filter_map(node).collect();
    nodes.sort_by_key(|node| node.id);
    let controller = (answer.controller_id >= 0).then_some(NodeId(answer.controller_id));
    Ok(ClusterDescription {
        cluster_id: answer.cluster_id,
        controller,
        nodes,
    })
}

/// The names of resources of one type that have settings (KIP-1142); an old broker knows only client metrics.
pub async fn list_config_resources(
    cluster: &Cluster,
    resource_type: super::ResourceType,
) -> Result<Vec<String>, ClientError> {
    let request = ListConfigResourcesRequest {
        resource_types: vec![resource_type as i8],
    };
    let answer = cluster.call("listConfigResources", &request).await?;
    outcome(answer.error_code, None)?;
    let wanted = answer
        .config_resources
        .into_iter()
        .filter(|found| found.resource_type == resource_type as i8);
    Ok(wanted.map(|found| found.resource_name).collect())
}
