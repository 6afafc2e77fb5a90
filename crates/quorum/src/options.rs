//! What the quorum is told of its node, and what its parts are told in turn.

use crate::ask::Asker;
use base::Uuid;
use config::BrokerConfig;
use config::listener::Endpoint;
use raft::voters::{self, KRaftVersionRange, Voter};
use raft::{Destination, Join, Participation, RaftConfig, ReplicaKey, VoterSet};
use std::sync::Arc;

/// The longest answer taken from another controller: a leader sends at most 8 MiB of records, and one batch.
const MAX_ANSWER: usize = 64 << 20;

/// What the quorum is told of its node, all of it known from the configuration and the formatted directory.
#[derive(Clone, Debug)]
pub struct QuorumOptions {
    /// The node's configuration.
    pub config: Arc<BrokerConfig>,
    /// `cluster.id` of `meta.properties`.
    pub cluster_id: String,
    /// `directory.id` of the `meta.properties` in the metadata log directory.
    pub directory_id: Uuid,
    /// Where others reach this controller: the advertised controller listeners, with the ports that were bound.
    pub endpoints: Vec<Endpoint>,
}

/// The listener by which controllers reach one another.
pub(crate) fn listener(config: &BrokerConfig) -> String {
    let first = config.controller_listener_names.first();
    first.map_or_else(String::new, |name| name.as_str().to_owned())
}

/// What this node's requests to other controllers say of it, and how much they want.
pub(crate) fn asker(options: &QuorumOptions) -> Asker {
    let quorum = &options.config.quorum;
    Asker {
        cluster_id: options.cluster_id.clone(),
        listener: listener(&options.config),
        fetch_max_bytes: quorum.controller_quorum_fetch_max_bytes,
        fetch_snapshot_max_bytes: quorum.controller_quorum_fetch_snapshot_max_bytes,
        patience: quorum.controller_quorum_request_timeout,
    }
}

/// How this node reaches other controllers.
pub(crate) fn outgoing(config: &BrokerConfig) -> client::Settings {
    let timeout = config.quorum.controller_quorum_request_timeout;
    client::Settings {
        entrance: client::Entrance::Controllers,
        bootstrap: Vec::new(),
        client_id: format!("raft-client-{}", config.node_id),
        connect_timeout: timeout,
        request_timeout: timeout,
        api_timeout: timeout,
        retry_backoff: config.quorum.controller_quorum_retry_backoff,
        retry_backoff_max: config.quorum.controller_quorum_retry_backoff,
        metadata_max_age: timeout,
        max_answer: MAX_ANSWER,
        receive_buffer: None,
    }
}

pub(crate) fn raft_config(options: &QuorumOptions) -> RaftConfig {
    let endpoints = options.endpoints.iter().map(|endpoint| voters::Endpoint {
        listener: endpoint.listener.as_str().to_owned(),
        host: endpoint.host.clone(),
        port: endpoint.port,
    });
    let max_batch = options.config.metadata_log.internal_metadata_max_batch_size_in_bytes;
    let quorum = &options.config.quorum;
    RaftConfig {
        own: ReplicaKey {
            id: options.config.node_id,
            directory: Some(options.directory_id),
        },
        endpoints: endpoints.collect(),
        listener: listener(&options.config),
        bootstrap: bootstrap_servers(&options.config),
        participation: participation(&options.config),
        election_timeout: quorum.controller_quorum_election_timeout,
        election_backoff_max: quorum.controller_quorum_election_backoff_max,
        fetch_timeout: quorum.controller_quorum_fetch_timeout,
        request_timeout: quorum.controller_quorum_request_timeout,
        retry_backoff: quorum.controller_quorum_retry_backoff,
        max_batch: usize::try_from(max_batch).unwrap_or(0),
    }
}

/// Where to find the quorum.
fn bootstrap_servers(config: &BrokerConfig) -> Vec<Destination> {
    let servers = config.bootstrap_servers.iter().map(|server| Destination {
        node: None,
        host: server.host.clone(),
        port: server.port,
    });
    servers.collect()
}

fn participation(config: &BrokerConfig) -> Participation {
    if !config.roles.controller {
        return Participation::Broker;
    }
    let join = if config.quorum.controller_quorum_auto_join_enable {
        Join::Automatic
    } else {
        Join::ByOperator
    };
    Participation::Controller { join }
}

/// The voters of `controller.quorum.voters`; none if they are kept in the log.
pub(crate) fn static_voters(config: &BrokerConfig) -> VoterSet {
    let listener = config.controller_listener_names.first();
    let voters = config.voters.iter().map(|voter| Voter {
        key: ReplicaKey {
            id: voter.id,
            directory: None,
        },
        endpoints: vec![voters::Endpoint {
            listener: listener.map_or_else(String::new, |name| name.as_str().to_owned()),
            host: voter.host.clone(),
            port: voter.port,
        }],
        // KIP-853: nothing is known of a static voter but that it can do without dynamic quorums.
        kraft_versions: KRaftVersionRange { min: 0, max: 0 },
    });
    VoterSet::new(voters.collect()).unwrap_or_default()
}
