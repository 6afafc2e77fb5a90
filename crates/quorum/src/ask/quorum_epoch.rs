//! BeginQuorumEpoch (key 53) and EndQuorumEpoch (key 54): a leader comes and goes.

use super::{Asker, check, only, version};
use crate::metadata_log::METADATA_TOPIC;
use base::{NodeId, Uuid};
use client::Channel;
use protocol::ErrorCode;
use protocol::messages::begin_quorum_epoch_request as begin;
use protocol::messages::end_quorum_epoch_request as end;
use raft::message::{BeginQuorumEpochRequest, EndQuorumEpochRequest};
use raft::{Answer, ReplicaKey, SendFailure};

impl Asker {
    pub(super) async fn begin_quorum_epoch(
        &self,
        channel: &Channel,
        request: &BeginQuorumEpochRequest,
    ) -> Result<Answer, SendFailure> {
        let version = version::<begin::BeginQuorumEpochRequest>(channel)?;
        let wire = self.begin_request(request);
        let response = self.send(channel, &wire, version).await?;
        check(response.error_code)?;
        let part = only(response.topics.first().and_then(|topic| topic.partitions.first()))?;
        let endpoints = response.node_endpoints.iter();
        let nodes = endpoints.map(|endpoint| (endpoint.node_id, &endpoint.host, endpoint.port));
        Ok(Answer::BeginQuorumEpoch {
            error: ErrorCode::from(part.error_code),
            leadership: self.leadership_among(part.leader_id, part.leader_epoch, nodes),
        })
    }

    fn begin_request(&self, request: &BeginQuorumEpochRequest) -> begin::BeginQuorumEpochRequest {
        let voter = request.voter.as_ref();
        let partition = begin::PartitionData {
            partition_index: 0,
            voter_directory_id: voter.map_or(Uuid::ZERO, ReplicaKey::wire_directory),
            leader_id: request.leader.0,
            leader_epoch: request.epoch.0,
        };
        let endpoints = request.endpoints.iter().map(|endpoint| begin::LeaderEndpoint {
            name: endpoint.listener.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
        });
        begin::BeginQuorumEpochRequest {
            cluster_id: self.cluster_id(),
            voter_id: voter.map_or(NodeId::NONE, |voter| voter.id).0,
            topics: vec![begin::TopicData {
                topic_name: METADATA_TOPIC.to_owned(),
                partitions: vec![partition],
            }],
            leader_endpoints: endpoints.collect(),
        }
    }

    pub(super) async fn end_quorum_epoch(
        &self,
        channel: &Channel,
        request: &EndQuorumEpochRequest,
    ) -> Result<Answer, SendFailure> {
        let version = version::<end::EndQuorumEpochRequest>(channel)?;
        let wire = self.end_request(request);
        let response = self.send(channel, &wire, version).await?;
        check(response.error_code)?;
        let part = only(response.topics.first().and_then(|topic| topic.partitions.first()))?;
        let endpoints = response.node_endpoints.iter();
        let nodes = endpoints.map(|endpoint| (endpoint.node_id, &endpoint.host, endpoint.port));
        Ok(Answer::EndQuorumEpoch {
            error: ErrorCode::from(part.error_code),
            leadership: self.leadership_among(part.leader_id, part.leader_epoch, nodes),
        })
    }

    fn end_request(&self, request: &EndQuorumEpochRequest) -> end::EndQuorumEpochRequest {
        let candidate = |successor: &ReplicaKey| end::ReplicaInfo {
            candidate_id: successor.id.0,
            candidate_directory_id: successor.wire_directory(),
        };
        // Version 0 has ids only, version 1 also directories; each encodes what it has.
        let partition = end::PartitionData {
            partition_index: 0,
            leader_id: request.leader.0,
            leader_epoch: request.epoch.0,
            preferred_successors: request.successors.iter().map(|successor| successor.id.0).collect(),
            preferred_candidates: request.successors.iter().map(candidate).collect(),
        };
        let endpoints = request.endpoints.iter().map(|endpoint| end::LeaderEndpoint {
            name: endpoint.listener.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
        });
        end::EndQuorumEpochRequest {
            cluster_id: self.cluster_id(),
            topics: vec![end::TopicData {
                topic_name: METADATA_TOPIC.to_owned(),
                partitions: vec![partition],
            }],
            leader_endpoints: endpoints.collect(),
        }
    }
}
