//! Vote (key 52): version 1 brought directory ids, version 2 pre-votes (KIP-996).

use super::{Asker, check, only, version};
use crate::metadata_log::METADATA_TOPIC;
use base::NodeId;
use client::Channel;
use protocol::ErrorCode;
use protocol::messages::vote_request::{PartitionData, TopicData, VoteRequest as Wire};
use raft::message::{VoteKind, VoteRequest};
use raft::{Answer, SendFailure};

/// The first version with pre-votes.
const PRE_VOTE_FROM: i16 = 2;

impl Asker {
    pub(super) async fn vote(&self, channel: &Channel, request: &VoteRequest) -> Result<Answer, SendFailure> {
        let version = version::<Wire>(channel)?;
        if request.kind == VoteKind::PreVote && version < PRE_VOTE_FROM {
            return Err(SendFailure::UnsupportedVersion);
        }
        let wire = self.vote_request(request);
        let response = self.send(channel, &wire, version).await?;
        check(response.error_code)?;
        let part = only(response.topics.first().and_then(|topic| topic.partitions.first()))?;
        let endpoints = response.node_endpoints.iter();
        let nodes = endpoints.map(|endpoint| (endpoint.node_id, &endpoint.host, endpoint.port));
        Ok(Answer::Vote {
            error: ErrorCode::from(part.error_code),
            leadership: self.leadership_among(part.leader_id, part.leader_epoch, nodes),
            granted: part.vote_granted,
        })
    }

    fn vote_request(&self, request: &VoteRequest) -> Wire {
        let voter = request.voter.as_ref();
        let partition = PartitionData {
            partition_index: 0,
            replica_epoch: request.epoch.0,
            replica_id: request.candidate.id.0,
            replica_directory_id: request.candidate.wire_directory(),
            voter_directory_id: voter.map_or(base::Uuid::ZERO, raft::ReplicaKey::wire_directory),
            last_offset_epoch: request.end.epoch.0,
            last_offset: request.end.offset.0,
            pre_vote: request.kind == VoteKind::PreVote,
        };
        Wire {
            cluster_id: self.cluster_id(),
            voter_id: voter.map_or(NodeId::NONE, |voter| voter.id).0,
            topics: vec![TopicData {
                topic_name: METADATA_TOPIC.to_owned(),
                partitions: vec![partition],
            }],
        }
    }
}
