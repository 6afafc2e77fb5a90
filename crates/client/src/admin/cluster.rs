//! The cluster itself: its nodes, its named resources.

use super::outcome;
use crate::cluster::{CONTROLLERS, Cluster, Node};
use crate::error::ClientError;
use crate::settings::{Address, Entrance};
use base::NodeId;
use protocol::messages::describe_cluster_request::DescribeClusterRequest;
use protocol::messages::list_config_resources_request::ListConfigResourcesRequest;
use protocol::messages::unregister_broker_request::UnregisterBrokerRequest;
use std::collections::BTreeSet;

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// The broker that takes the controller's requests.
    pub controller: Option<NodeId>,
    /// Its brokers, by id; its controllers, where those are asked.
    pub nodes: Vec<Node>,
    /// Which of the brokers are fenced.
    pub fenced: BTreeSet<NodeId>,
}

/// Whether fenced brokers are among the nodes (KIP-1073).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fenced {
    /// They are left out.
    Excluded,
    /// They are named, too.
    Included,
}

/// Describes the cluster, without fenced brokers.
pub async fn describe_cluster(cluster: &Cluster) -> Result<ClusterDescription, ClientError> {
    describe_cluster_with(cluster, Fenced::Excluded).await
}

/// Describes the cluster.
pub async fn describe_cluster_with(cluster: &Cluster, fenced: Fenced) -> Result<ClusterDescription, ClientError> {
    let mut request = DescribeClusterRequest {
        include_fenced_brokers: fenced == Fenced::Included,
        ..Default::default()
    };
    if cluster.settings().entrance == Entrance::Controllers {
        request.endpoint_type = CONTROLLERS;
    }
    let answer = cluster.call("describeCluster", &request).await?;
    outcome(answer.error_code, answer.error_message)?;
    let fenced = answer.brokers.iter().filter(|broker| broker.is_fenced);
    let fenced = fenced.map(|broker| NodeId(broker.broker_id)).collect();
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
        fenced,
    })
}

/// Forgets a broker that will not come back.
pub async fn unregister_broker(cluster: &Cluster, broker: NodeId) -> Result<(), ClientError> {
    let request = UnregisterBrokerRequest { broker_id: broker.0 };
    let answer = cluster
        .call_controller("unregisterBroker", &request, |answer| answer.error_code)
        .await?;
    outcome(answer.error_code, answer.error_message)
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
