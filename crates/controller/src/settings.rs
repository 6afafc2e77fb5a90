//! What this controller is told by its configuration, and what follows from it together with the dynamic configs.

use crate::state::ControllerState;
use base::{NodeId, Windows};
use config::{BrokerConfig, topic};
use metadata::image::TopicImage;
use std::sync::Arc;
use std::time::Duration;

/// The settings of one controller node.
#[derive(Clone, Debug)]
pub struct ControllerSettings {
    /// The node's static configuration.
    pub config: Arc<BrokerConfig>,
    /// The cluster's id, as `meta.properties` has it.
    pub cluster_id: String,
    /// The voters of the quorum, this node among them: all of them must support a feature's new level.
    pub quorum_nodes: Vec<NodeId>,
    /// `broker.session.timeout.ms`
    pub session_timeout: Duration,
    /// `metadata.max.idle.interval.ms`; `None` if 0, which turns the no-op records off.
    pub max_idle_interval: Option<Duration>,
    /// `leader.imbalance.check.interval.seconds`; `None` if `auto.leader.rebalance.enable` is false.
    pub imbalance_check_interval: Option<Duration>,
    /// `unclean.leader.election.interval.ms`
    pub unclean_election_interval: Duration,
    /// For how long clients' rates of changes can be saved up: `controller.quota.window.num` times
    /// `controller.quota.window.size.seconds`.
    pub mutation_window: Duration,
}

impl ControllerSettings {
    /// The settings of the node with this configuration in the cluster `cluster_id`.
    pub fn new(config: Arc<BrokerConfig>, cluster_id: impl Into<String>, quorum_nodes: Vec<NodeId>) -> Self {
        let idle: Duration = config.settings.read("metadata.max.idle.interval.ms");
        let rebalances: bool = config.settings.read("auto.leader.rebalance.enable");
        let imbalance_seconds: i64 = config.settings.read("leader.imbalance.check.interval.seconds");
        let imbalance = Duration::from_secs(u64::try_from(imbalance_seconds).unwrap_or(0));
        let samples: i64 = config.settings.read("controller.quota.window.num");
        let sample: i64 = config.settings.read("controller.quota.window.size.seconds");
        let window = u64::try_from(samples.saturating_mul(sample)).unwrap_or(0);
        Self {
            cluster_id: cluster_id.into(),
            quorum_nodes,
            session_timeout: config.settings.read("broker.session.timeout.ms"),
            max_idle_interval: (!idle.is_zero()).then_some(idle),
            imbalance_check_interval: (rebalances && !imbalance.is_zero()).then_some(imbalance),
            mutation_window: Duration::from_secs(window),
            unclean_election_interval: config.settings.read("unclean.leader.election.interval.ms"),
            config,
        }
    }

    /// The samples over which is measured how fast clients make changes.
    pub fn mutation_windows(&self) -> Windows {
        let samples: i32 = self.config.settings.read("controller.quota.window.num");
        let seconds: i32 = self.config.settings.read("controller.quota.window.size.seconds");
        let natural = |number: i32| u32::try_from(number).unwrap_or(1);
        Windows::new(natural(samples), Duration::from_secs(u64::from(natural(seconds))))
    }

    /// This node's id.
    pub fn node_id(&self) -> NodeId {
        self.config.node_id
    }

    /// `num.partitions`: the partitions of a topic whose creator leaves the number open (KIP-464).
    pub fn default_partitions(&self) -> i32 {
        self.config.requests.num_partitions
    }

    /// `default.replication.factor`
    pub fn default_replication_factor(&self) -> i16 {
        i16::try_from(self.config.requests.default_replication_factor).unwrap_or(i16::MAX)
    }

    /// `delete.topic.enable`
    pub fn deletes_topics(&self) -> bool {
        self.config.requests.delete_topic_enable
    }

    /// The statically configured `min.insync.replicas`.
    pub fn static_min_insync_replicas(&self) -> i32 {
        self.config.settings.read("min.insync.replicas")
    }

    /// A topic key's value for the topic: its own, or what this controller gives all topics (its own dynamic config, the
    /// cluster's, the static one, the default).
    pub fn topic_value<'a>(&'a self, state: &'a ControllerState, topic: &str, key: &str) -> Option<&'a str> {
        let configs = &state.image().configs;
        if let Some(value) = configs.topic(topic).and_then(|values| values.get(key)) {
            return Some(value);
        }
        let layers = [
            configs.broker(self.node_id()).map(Arc::as_ref),
            configs.all_brokers().map(Arc::as_ref),
        ];
        for layer in layers.into_iter().flatten().chain([&self.config.originals]) {
            if let Some(value) = topic::broker_synonyms(key).find_map(|name| layer.get(name)) {
                return Some(value);
            }
        }
        config::table::TOPIC.get(key)?.default_text()
    }

    /// In how many replicas the topic's records must be; never more than it has.
    pub fn effective_min_insync_replicas(&self, state: &ControllerState, topic: &TopicImage) -> usize {
        let value = self.topic_value(state, &topic.name, "min.insync.replicas");
        let min = value.and_then(|text| text.trim().parse().ok()).unwrap_or(1);
        let replicas = topic
            .partition(0)
            .map_or(usize::MAX, |partition| partition.replicas.len());
        replicas.min(min)
    }

    /// Whether a leader that is not in sync may be elected for the topic.
    pub fn allows_unclean_election(&self, state: &ControllerState, topic: &str) -> bool {
        let value = self.topic_value(state, topic, "unclean.leader.election.enable");
        value.is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
    }
}
