//! The broker: answers clients, hosts partitions, keeps in touch with the controller.
//!
//! [`Broker`] is a bag of handles without methods. What is done with them is a function in a file: an API in `api/`, a
//! duty of the host beside it.

pub mod api;
mod applied;
pub mod channel;
mod checking;
pub mod checkpoints;
pub mod cleaner;
pub mod config_check;
pub mod controller_connection;
pub mod coordinators;
mod epoch_files;
pub mod fetch_session;
pub mod flush_queue;
pub mod flusher;
pub mod forward;
pub mod future_replicas;
pub mod hosting;
pub mod housekeeping;
mod leader_hint;
pub mod lifecycle;
pub mod log_config;
pub mod log_dirs;
pub mod measures;
mod open_files;
mod opening;
pub mod partitions;
pub mod peers;
pub mod producer_ids;
pub mod publisher;
pub mod quota;
mod refused;
pub mod removals;
pub mod replica_dirs;
mod replicated;
pub mod replication;
mod scrub;
pub mod service;
mod space;
mod standings;
pub mod start;
mod waiting;

use arc_swap::ArcSwap;
use base::fs::Fs;
use base::metric::Registry;
use base::{Clock, NodeId, Rng};
use channel::ControllerChannel;
use config::BrokerConfig;
use group_coordinator::GroupCoordinator;
use metadata::Published;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use transaction_coordinator::TransactionCoordinator;

/// The broker's handles.
#[derive(Debug)]
pub struct Broker {
    /// `node.id`.
    pub node: NodeId,
    /// The cluster's id, as text.
    pub cluster_id: Arc<str>,
    /// The settings now in force; replaced whole when a dynamic config changes.
    pub config: ArcSwap<BrokerConfig>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Randomness.
    pub rng: Mutex<Rng>,
    /// The newest image that this broker has applied: partitions in it are hosted.
    pub image: watch::Receiver<Published>,
    /// What the quorum has committed; `image` follows it.
    pub committed: watch::Receiver<Published>,
    /// The way to the controller.
    pub controller: Arc<dyn ControllerChannel>,
    /// The hosted partitions.
    pub partitions: partitions::Partitions,
    /// What their leaders know of other brokers; the metadata publisher alone replaces it.
    pub standings: Arc<partition::Brokers>,
    /// What waits to be put on stable storage.
    pub flushes: flusher::FlushQueues,
    /// The coordinators of groups.
    pub groups: coordinators::Shards<GroupCoordinator>,
    /// The coordinators of transactions.
    pub transactions: coordinators::Shards<TransactionCoordinator>,
    /// The markers that they want to be written.
    pub markers: Arc<coordinators::MarkerQueue>,
    /// Connections to other brokers.
    pub peers: peers::Peers,
    /// What is fetched from leaders.
    pub fetchers: replication::Fetchers,
    /// Changes of who is in sync that the controller is to be asked for.
    pub alterations: replication::Alterations,
    /// Replicas that move between its log directories.
    pub future_replicas: future_replicas::FutureReplicas,
    /// What holds back replicas that catch up.
    pub throttles: replication::Throttles,
    /// What clients may use.
    pub quotas: quota::ClientQuotas,
    /// The log cleaner.
    pub cleaner: cleaner::LogCleaner,
    /// What the coordinators of groups know of the cluster; the metadata publisher alone replaces it.
    pub group_picture: Arc<ArcSwap<group_coordinator::Picture>>,
    /// The log directories.
    pub log_dirs: log_dirs::LogDirs,
    /// Incremental fetch sessions.
    pub fetch_sessions: fetch_session::FetchSessions,
    /// Producer ids in stock.
    pub producer_ids: producer_ids::ProducerIds,
    /// The epoch of this broker's registration; -1 before it.
    pub epoch: AtomicI64,
    /// The process's metrics.
    pub metrics: Arc<Registry>,
    /// The broker's own of them.
    pub measures: measures::Measures,
    /// Raised when the broker shuts down: whoever waits gives up.
    pub stopping: watch::Receiver<bool>,
}
