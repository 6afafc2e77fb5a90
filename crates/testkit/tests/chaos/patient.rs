//! The cluster that suffers: nodes on a network of their own, each with a disk and a clock that can ail.

use anyhow::{Context, Result, ensure};
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::metadata_response::MetadataResponseTopic;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::ailments::Ailments;
use testkit::network::Network;
use testkit::nodes::{Nodes, Plan, QuorumView};
use testkit::{Cluster, Maker, Talk};

/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(3);

pub struct Patient {
    pub nodes: Nodes,
    pub network: Network,
    pub ailments: BTreeMap<i32, Ailments>,
    pub dir: TempDir,
    count: i32,
}

impl Patient {
    /// Starts so many nodes, all broker and controller, on the network of the calling thread.
    pub fn start(maker: Maker, count: i32) -> Result<Patient> {
        let dir = TempDir::with_prefix("riverrun-chaos-")?;
        let network = Network::with_nodes(1..=count)?;
        let plan = Plan::combined(count);
        // Who was chosen may be a mixture, one by one.
        let plan = if maker == Maker::chosen() {
            plan
        } else {
            plan.made_by(maker)
        };
        let mut plan = settings(plan);
        let mut ailments = BTreeMap::new();
        for id in 1..=count {
            let own = Ailments::none(&dir.path().join(format!("ailments-{id}")))?;
            let [start, name_space] = network.prefix(id);
            let environment = own.environment("data")?;
            plan = plan.node(id, |node| {
                let node = node.on_host(&Network::host(id)).started_by(&[&start, &name_space]);
                environment
                    .iter()
                    .fold(node, |node, (name, value)| node.in_environment(name, value))
            });
            ailments.insert(id, own);
        }
        let nodes = Nodes::start(&plan)?;
        Ok(Patient {
            nodes,
            network,
            ailments,
            dir,
            count,
        })
    }

    /// Every node's id.
    pub fn ids(&self) -> impl Iterator<Item = i32> + use<> {
        1..=self.count
    }

    /// What the first node to answer, of these, says of topics; of all when none is named.
    pub fn topics(&self, of: impl Iterator<Item = i32>, names: Option<&[&str]>) -> Result<Vec<MetadataResponseTopic>> {
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(|name| wanted(name)).collect()),
            ..Default::default()
        };
        let ask = |id| -> Result<_> {
            let mut talk = Talk::at(self.nodes.node(id).client_address())?;
            talk.wire().set_timeout(QUESTION)?;
            Ok(talk.ask(&request, 12)?.topics)
        };
        let mut answers = of
            .filter(|id| self.nodes.node(*id).is_running())
            .filter_map(|id| ask(id).ok());
        answers.next().context("no node answers")
    }

    /// What the active controller among these says of the quorum.
    pub fn quorum(&self, mut of: impl Iterator<Item = i32>) -> Result<QuorumView> {
        of.find_map(|id| {
            Some(self.nodes.node(id))
                .filter(|node| node.is_running())?
                .quorum()
                .ok()
        })
        .context("no controller is active")
    }

    /// Waits until every node serves, votes, and is in sync wherever it has a replica.
    pub fn recover(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let Err(error) = self.is_whole() else { return Ok(()) };
            ensure!(
                Instant::now() < deadline,
                "not whole {patience:?} after all was healed: {error:#}\n{}",
                self.nodes.log_tails()
            );
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    fn is_whole(&mut self) -> Result<()> {
        for node in self.nodes.iter_mut() {
            ensure!(node.ended()?.is_none(), "node {} ended by itself", node.id());
        }
        let all: Vec<i32> = self.ids().collect();
        let quorum = self.quorum(self.ids())?;
        let voters: Vec<i32> = quorum.voters.iter().map(|(id, ..)| *id).collect();
        ensure!(voters == all, "voters {voters:?}");
        for id in self.ids() {
            let known = self.nodes.node(id).known_brokers()?;
            ensure!(known == all, "node {id} knows of {known:?}");
            for topic in self.topics(std::iter::once(id), None)? {
                let name = topic.name.unwrap_or_default();
                for partition in topic.partitions {
                    let (mut replicas, mut isr) = (partition.replica_nodes, partition.isr_nodes);
                    replicas.sort_unstable();
                    isr.sort_unstable();
                    ensure!(
                        partition.leader_id >= 0 && replicas == isr,
                        "node {id} says of {name}-{}: leader {}, replicas {replicas:?}, in sync {isr:?}",
                        partition.partition_index,
                        partition.leader_id
                    );
                }
            }
        }
        Ok(())
    }

    /// The folders of every node's data.
    pub fn data_dirs(&self) -> Vec<(i32, std::path::PathBuf)> {
        self.nodes
            .iter()
            .map(|node| (node.id(), node.data_dir().to_owned()))
            .collect()
    }
}

fn wanted(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic {
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

/// Three copies of everything, one of which may be away; sessions and lags short enough that a fault of seconds has
/// consequences; segments and snapshots small enough that there are several.
fn settings(plan: Plan) -> Plan {
    let settings = [
        ("default.replication.factor", "3"),
        ("min.insync.replicas", "2"),
        ("broker.session.timeout.ms", "3000"),
        ("broker.heartbeat.interval.ms", "500"),
        ("replica.lag.time.max.ms", "3000"),
        ("group.min.session.timeout.ms", "1000"),
        ("group.consumer.min.session.timeout.ms", "6000"),
        ("group.consumer.session.timeout.ms", "6000"),
        ("group.consumer.min.heartbeat.interval.ms", "1000"),
        ("group.consumer.heartbeat.interval.ms", "1000"),
        ("log.segment.bytes", "1048576"),
        ("metadata.log.max.record.bytes.between.snapshots", "20000"),
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "2000"),
    ];
    settings.iter().fold(plan, |plan, (key, value)| plan.with(key, value))
}
