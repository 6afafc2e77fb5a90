//! What does not change while a replica runs, and the moments it is told.

use crate::message::Destination;
use crate::replica::ReplicaKey;
use crate::voters::{Endpoint, KRaftVersionRange, Voter};
use base::{Instant, Timestamp};
use std::time::Duration;

/// What a replica may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Participation {
    /// A controller: a voter, or an observer that may become one, for which `join` says how.
    Controller {
        /// `controller.quorum.auto.join.enable`.
        join: Join,
    },
    /// A broker only: never a voter, so nobody relies on what it has flushed.
    Broker,
}

/// Who makes a controller a voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// An operator.
    ByOperator,
    /// The controller itself, once it follows the leader.
    Automatic,
}

/// What does not change while the replica runs.
#[derive(Clone, Debug)]
pub struct RaftConfig {
    /// This replica.
    pub own: ReplicaKey,
    /// Where it listens for the quorum.
    pub endpoints: Vec<Endpoint>,
    /// The listener through which other nodes are reached: the first of `controller.listener.names`.
    pub listener: String,
    /// `controller.quorum.bootstrap.servers`. The static voters are asked too, without being named here.
    pub bootstrap: Vec<Destination>,
    /// What it may become.
    pub participation: Participation,
    /// `controller.quorum.election.timeout.ms`.
    pub election_timeout: Duration,
    /// `controller.quorum.election.backoff.max.ms`.
    pub election_backoff_max: Duration,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout: Duration,
    /// `controller.quorum.request.timeout.ms`.
    pub request_timeout: Duration,
    /// `controller.quorum.retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `internal.metadata.max.batch.size.in.bytes`.
    pub max_batch: usize,
}

impl RaftConfig {
    /// This replica as it is to stand in the voter set.
    pub(crate) fn own_voter(&self) -> Voter {
        Voter {
            key: self.own,
            endpoints: self.endpoints.clone(),
            kraft_versions: KRaftVersionRange::SUPPORTED,
        }
    }

    /// Where a node with these endpoints is reached.
    pub(crate) fn reach(&self, node: base::NodeId, endpoints: &[Endpoint]) -> Option<Destination> {
        let named = endpoints.iter().find(|endpoint| endpoint.listener == self.listener);
        let endpoint = named.or(endpoints.first())?;
        Some(Destination {
            node: Some(node),
            host: endpoint.host.clone(),
            port: endpoint.port,
        })
    }
}

/// Both clocks at one moment: the monotonic one for deadlines, the wall's for records and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For deadlines.
    pub instant: Instant,
    /// For record timestamps.
    pub wall: Timestamp,
}
