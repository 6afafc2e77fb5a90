//! AddRaftVoter (key 80), RemoveRaftVoter (key 81) and UpdateRaftVoter (key 82): the voters change (KIP-853).

use super::{Asker, version};
use client::Channel;
use protocol::ErrorCode;
use protocol::messages::add_raft_voter_request::{AddRaftVoterRequest, Listener as AddedListener};
use protocol::messages::remove_raft_voter_request::RemoveRaftVoterRequest;
use protocol::messages::update_raft_voter_request::{
    KRaftVersionFeature, Listener as UpdatedListener, UpdateRaftVoterRequest,
};
use raft::message::{AckWhen, AddVoterRequest, RemoveVoterRequest, UpdateVoterRequest};
use raft::{Answer, SendFailure};

/// The first version that may be answered before the change is committed (KIP-1186).
const ACK_FROM: i16 = 1;

impl Asker {
    pub(super) async fn add_voter(&self, channel: &Channel, request: &AddVoterRequest) -> Result<Answer, SendFailure> {
        let version = version::<AddRaftVoterRequest>(channel)?;
        let listeners = request.endpoints.iter().map(|endpoint| AddedListener {
            name: endpoint.listener.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
        });
        let wire = AddRaftVoterRequest {
            cluster_id: self.cluster_id(),
            timeout_ms: i32::try_from(self.patience.as_millis()).unwrap_or(i32::MAX),
            voter_id: request.voter.id.0,
            voter_directory_id: request.voter.wire_directory(),
            listeners: listeners.collect(),
            ack_when_committed: request.ack == AckWhen::Committed || version < ACK_FROM,
        };
        let response = self.send(channel, &wire, version).await?;
        Ok(Answer::AddVoter {
            error: ErrorCode::from(response.error_code),
            message: response.error_message,
        })
    }

    pub(super) async fn remove_voter(
        &self,
        channel: &Channel,
        request: &RemoveVoterRequest,
    ) -> Result<Answer, SendFailure> {
        let version = version::<RemoveRaftVoterRequest>(channel)?;
        let wire = RemoveRaftVoterRequest {
            cluster_id: self.cluster_id(),
            voter_id: request.voter.id.0,
            voter_directory_id: request.voter.wire_directory(),
        };
        let response = self.send(channel, &wire, version).await?;
        Ok(Answer::RemoveVoter {
            error: ErrorCode::from(response.error_code),
            message: response.error_message,
        })
    }

    pub(super) async fn update_voter(
        &self,
        channel: &Channel,
        request: &UpdateVoterRequest,
    ) -> Result<Answer, SendFailure> {
        let version = version::<UpdateRaftVoterRequest>(channel)?;
        let listeners = request.endpoints.iter().map(|endpoint| UpdatedListener {
            name: endpoint.listener.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
        });
        let wire = UpdateRaftVoterRequest {
            cluster_id: self.cluster_id(),
            current_leader_epoch: request.epoch.0,
            voter_id: request.voter.id.0,
            voter_directory_id: request.voter.wire_directory(),
            listeners: listeners.collect(),
            kraft_version_feature: KRaftVersionFeature {
                min_supported_version: request.kraft_versions.min,
                max_supported_version: request.kraft_versions.max,
            },
        };
        let response = self.send(channel, &wire, version).await?;
        let leader = response.current_leader;
        let endpoint = u16::try_from(leader.port).ok().map(|port| (leader.host, port));
        Ok(Answer::UpdateVoter {
            error: ErrorCode::from(response.error_code),
            leadership: self.leadership(leader.leader_id, leader.leader_epoch, endpoint),
        })
    }
}
