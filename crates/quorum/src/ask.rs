//! What this replica asks others, in the wire's words: one file for each kind of request, both ways.

mod api_versions;
mod fetch;
mod fetch_snapshot;
mod quorum_epoch;
mod vote;
mod voters;

use base::{LeaderEpoch, NodeId};
use client::{Channel, ClientError};
use protocol::ErrorCode;
use raft::voters::Endpoint;
use raft::{Answer, Leadership, Request, SendFailure};
use std::time::Duration;

/// What every request says of the one who asks, and how much it wants.
#[derive(Debug)]
pub(crate) struct Asker {
    /// The cluster, as `meta.properties` has it.
    pub(crate) cluster_id: String,
    /// The listener by which controllers reach one another: the first of `controller.listener.names`.
    pub(crate) listener: String,
    /// `controller.quorum.fetch.max.bytes`
    pub(crate) fetch_max_bytes: i32,
    /// `controller.quorum.fetch.snapshot.max.bytes`
    pub(crate) fetch_snapshot_max_bytes: i32,
    /// `controller.quorum.request.timeout.ms`
    pub(crate) patience: Duration,
}

impl Asker {
    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&self, channel: &Channel, request: Request) -> Result<Answer, SendFailure> {
        match request {
            Request::Vote(request) => self.vote(channel, &request).await,
            Request::BeginQuorumEpoch(request) => self.begin_quorum_epoch(channel, &request).await,
            Request::EndQuorumEpoch(request) => self.end_quorum_epoch(channel, &request).await,
            Request::Fetch(request) => self.fetch(channel, &request).await,
            Request::FetchSnapshot(request) => self.fetch_snapshot(channel, &request).await,
            Request::ApiVersions => self.api_versions(channel).await,
            Request::AddVoter(request) => self.add_voter(channel, &request).await,
            Request::RemoveVoter(request) => self.remove_voter(channel, &request).await,
            Request::UpdateVoter(request) => self.update_voter(channel, &request).await,
        }
    }

    /// What an answer says of the leader, whose endpoint it names among others.
    fn leadership(&self, leader: i32, epoch: i32, endpoint: Option<(String, u16)>) -> Leadership {
        Leadership {
            leader: (leader >= 0).then_some(NodeId(leader)),
            epoch: LeaderEpoch(epoch),
            endpoints: endpoint
                .filter(|(host, _)| !host.is_empty())
                .map(|(host, port)| Endpoint {
                    listener: self.listener.clone(),
                    host,
                    port,
                })
                .into_iter()
                .collect(),
        }
    }

    /// The same where an answer lists nodes, each with its id, host and port.
    fn leadership_among<'a, P: TryInto<u16>>(
        &self,
        leader: i32,
        epoch: i32,
        nodes: impl IntoIterator<Item = (i32, &'a String, P)>,
    ) -> Leadership {
        let found = nodes.into_iter().find(|(id, ..)| *id == leader);
        let endpoint = found.and_then(|(_, host, port)| Some((host.clone(), port.try_into().ok()?)));
        self.leadership(leader, epoch, endpoint)
    }

    /// Sends, and waits for the answer as long as this replica is patient.
    async fn send<R: protocol::Request>(
        &self,
        channel: &Channel,
        request: &R,
        version: i16,
    ) -> Result<R::Response, SendFailure> {
        let sent = channel.send_within(request, version, self.patience).await;
        sent.map_err(|error| failure(&error))
    }

    fn cluster_id(&self) -> Option<String> {
        Some(self.cluster_id.clone())
    }
}

/// The version in which the node behind `channel` is asked.
fn version<R: protocol::Request>(channel: &Channel) -> Result<i16, SendFailure> {
    channel.version::<R>().map_err(|error| failure(&error))
}

/// What became of a request that has no answer.
pub(crate) fn failure(error: &ClientError) -> SendFailure {
    match error {
        ClientError::UnsupportedVersion { .. } | ClientError::Unwritable { .. } => SendFailure::UnsupportedVersion,
        ClientError::Refused { code, .. } => SendFailure::Refused(*code),
        ClientError::Connect { .. }
        | ClientError::Disconnected { .. }
        | ClientError::NoAnswer { .. }
        | ClientError::Malformed { .. }
        | ClientError::TimedOut { .. }
        | ClientError::NotConsumers { .. }
        | ClientError::NotThere { .. }
        | ClientError::UnknownNode(_) => SendFailure::Disconnected,
    }
}

/// An error for the request as a whole is no answer.
fn check(code: i16) -> Result<(), SendFailure> {
    match ErrorCode::from(code) {
        ErrorCode::None => Ok(()),
        code => Err(SendFailure::Refused(code)),
    }
}

/// The one partition's part of an answer, which must be there.
fn only<T>(parts: Option<T>) -> Result<T, SendFailure> {
    parts.ok_or(SendFailure::Refused(ErrorCode::InvalidRequest))
}
