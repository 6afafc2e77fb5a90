//! The quorum of controllers: who votes, how far each of them is, who joins and leaves it (KIP-595, KIP-853).

use super::{millis, outcome};
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::settings::Address;
use base::{NodeId, Uuid};
use protocol::ApiKey;
use protocol::messages::add_raft_voter_request::{AddRaftVoterRequest, Listener};
use protocol::messages::describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData};
use protocol::messages::describe_quorum_response::{DescribeQuorumResponse, ReplicaState};
use protocol::messages::remove_raft_voter_request::RemoveRaftVoterRequest;

/// The quorum as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumDescription {
    /// Its leader.
    pub leader: NodeId,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// Up to where the metadata is committed.
    pub high_watermark: i64,
    /// Who votes.
    pub voters: Vec<QuorumReplica>,
    /// Who only follows.
    pub observers: Vec<QuorumReplica>,
    /// Where the voters are.
    pub nodes: Vec<QuorumNode>,
}

/// A replica of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumReplica {
    /// The node.
    pub id: NodeId,
    /// The directory of its log; zero if that is not known.
    pub directory: Uuid,
    /// Where its log ends.
    pub log_end: i64,
    /// When it fetched last, in milliseconds since 1970, if it did.
    pub last_fetch: Option<i64>,
    /// When it had everything last, in milliseconds since 1970, if it ever had.
    pub last_caught_up: Option<i64>,
}

/// Where a voter is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumNode {
    /// The node.
    pub id: NodeId,
    /// What it listens on.
    pub endpoints: Vec<VoterEndpoint>,
}

/// One listener of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterEndpoint {
    /// Its name.
    pub listener: String,
    /// Its address.
    pub address: Address,
}

/// Describes the quorum.
pub async fn describe_quorum(cluster: &Cluster) -> Result<QuorumDescription, ClientError> {
    let request = DescribeQuorumRequest {
        topics: vec![TopicData {
            topic_name: String::from("__cluster_metadata"),
            partitions: vec![PartitionData { partition_index: 0 }],
        }],
    };
    let what = "describeMetadataQuorum";
    let code = |answer: &DescribeQuorumResponse| match answer.error_code {
        0 => partition(answer).map_or(0, |partition| partition.error_code),
        code => code,
    };
    let mut answer = cluster.call_controller(what, &request, code).await?;
    outcome(answer.error_code, answer.error_message.take())?;
    let Some(described) = partition(&answer) else {
        return Err(ClientError::Malformed {
            address: cluster.settings().bootstrap[0].clone(),
            api: ApiKey::DescribeQuorum,
            reason: String::from("it says nothing of the metadata"),
        });
    };
    outcome(described.error_code, described.error_message.clone())?;
    let nodes = answer.nodes.iter().map(|node| QuorumNode {
        id: NodeId(node.node_id),
        endpoints: node
            .listeners
            .iter()
            .map(|listener| VoterEndpoint {
                listener: listener.name.clone(),
                address: Address {
                    host: listener.host.clone(),
                    port: listener.port,
                },
            })
            .collect(),
    });
    Ok(QuorumDescription {
        leader: NodeId(described.leader_id),
        leader_epoch: described.leader_epoch,
        high_watermark: described.high_watermark,
        voters: described.current_voters.iter().map(replica).collect(),
        observers: described.observers.iter().map(replica).collect(),
        nodes: nodes.collect(),
    })
}

fn partition(answer: &DescribeQuorumResponse) -> Option<&protocol::messages::describe_quorum_response::PartitionData> {
    answer.topics.first()?.partitions.first()
}

fn replica(state: &ReplicaState) -> QuorumReplica {
    let known = |moment: i64| (moment >= 0).then_some(moment);
    QuorumReplica {
        id: NodeId(state.replica_id),
        directory: state.replica_directory_id,
        log_end: state.log_end_offset,
        last_fetch: known(state.last_fetch_timestamp),
        last_caught_up: known(state.last_caught_up_timestamp),
    }
}

/// Gives a controller a vote.
pub async fn add_raft_voter(
    cluster: &Cluster,
    id: NodeId,
    directory: Uuid,
    endpoints: &[VoterEndpoint],
) -> Result<(), ClientError> {
    let listener = |endpoint: &VoterEndpoint| Listener {
        name: endpoint.listener.clone(),
        host: endpoint.address.host.clone(),
        port: endpoint.address.port,
    };
    let request = AddRaftVoterRequest {
        cluster_id: None,
        timeout_ms: millis(cluster.settings().api_timeout),
        voter_id: id.0,
        voter_directory_id: directory,
        listeners: endpoints.iter().map(listener).collect(),
        ..Default::default()
    };
    let answer = cluster
        .call_controller("addRaftVoter", &request, |answer| answer.error_code)
        .await?;
    outcome(answer.error_code, answer.error_message)
}

/// Takes a controller's vote away.
pub async fn remove_raft_voter(cluster: &Cluster, id: NodeId, directory: Uuid) -> Result<(), ClientError> {
    let request = RemoveRaftVoterRequest {
        cluster_id: None,
        voter_id: id.0,
        voter_directory_id: directory,
    };
    let answer = cluster
        .call_controller("removeRaftVoter", &request, |answer| answer.error_code)
        .await?;
    outcome(answer.error_code, answer.error_message)
}
