//! Three nodes, a topic, and what befalls one of them.

use anyhow::{Context, Result, ensure};
use protocol::messages::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::elect_leaders_request::ElectLeadersRequest;
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::metadata_response::MetadataResponsePartition;
use std::time::{Duration, Instant};
use testkit::network::{Network, Peer};
use testkit::nodes::{Nodes, Plan};
use testkit::talk::eventually;
use testkit::{Cluster as _, Maker, Talk};

use super::Fault;

/// The topic whose partitions change their leaders.
pub const TOPIC: &str = "measured";
const NODES: i32 = 3;
/// How many partitions one request creates: no more than 10,000 records come of a request, of the topic itself one.
const AT_ONCE: i32 = 5_000;
/// How long the cluster may take to be whole again; thousands of partitions take their time.
const RECOVERY: Duration = Duration::from_secs(300);

/// The cluster.
pub struct Cluster {
    nodes: Nodes,
    network: Network,
    partitions: i32,
    creation: Creation,
}

/// What it took to create the partitions, from the request on.
#[derive(Clone, Debug, Default)]
pub struct Creation {
    /// Until it was answered.
    pub answered: Duration,
    /// Until every node's metadata had them all, with leaders.
    pub known: Duration,
    /// Until all replicas were in sync.
    pub in_sync: Duration,
    /// What each node holds in memory after that, the active controller's first.
    pub memory_mib: Vec<u64>,
}

impl Cluster {
    /// Starts it, and creates the topic.
    pub fn start(partitions: i32, settings: &[(String, String)]) -> Result<Cluster> {
        let network = Network::with_nodes(1..=NODES)?;
        let mut plan = Plan::combined(NODES)
            .made_by(Maker::chosen())
            .with("min.insync.replicas", 2);
        for (key, value) in settings {
            plan = plan.with(key, value);
        }
        for id in 1..=NODES {
            let [start, name_space] = network.prefix(id);
            plan = plan.node(id, |node| {
                node.on_host(&Network::host(id)).started_by(&[&start, &name_space])
            });
        }
        let mut cluster = Cluster {
            nodes: Nodes::start(&plan)?,
            network,
            partitions,
            creation: Creation::default(),
        };
        let began = Instant::now();
        cluster.create()?;
        cluster.creation.answered = began.elapsed();
        for node in 1..=NODES {
            cluster.until(node, |each| each.leader_id > 0)?;
        }
        cluster.creation.known = began.elapsed();
        cluster.recover()?;
        cluster.creation.in_sync = began.elapsed();
        let controller = cluster.controller()?;
        let others = (1..=NODES).filter(|node| *node != controller);
        for node in std::iter::once(controller).chain(others) {
            cluster
                .creation
                .memory_mib
                .push(memory_mib(cluster.nodes.node(node).pid())?);
        }
        Ok(cluster)
    }

    /// What it took to create the partitions.
    pub fn creation(&self) -> Creation {
        self.creation.clone()
    }

    fn create(&self) -> Result<()> {
        let topic = CreatableTopic {
            name: TOPIC.to_owned(),
            num_partitions: self.partitions.min(AT_ONCE),
            replication_factor: 3,
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: 120_000,
            ..Default::default()
        };
        let mut talk = self.talk()?;
        talk.wire().set_timeout(Duration::from_secs(120))?;
        let answer = talk.ask(&request, 7)?.topics.pop().context("an answer for the topic")?;
        // 36: it was created by a request whose answer was lost.
        ensure!([0, 36].contains(&answer.error_code), "{answer:?}");
        if self.partitions > AT_ONCE {
            self.create_the_rest(&mut talk)?;
        }
        Ok(())
    }

    fn create_the_rest(&self, talk: &mut Talk) -> Result<()> {
        let topic = CreatePartitionsTopic {
            name: TOPIC.to_owned(),
            count: self.partitions,
            assignments: None,
        };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            timeout_ms: 120_000,
            ..Default::default()
        };
        let answer = talk
            .ask(&request, 3)?
            .results
            .pop()
            .context("an answer for the topic")?;
        // 37: there are as many, by a request whose answer was lost.
        ensure!([0, 37].contains(&answer.error_code), "{answer:?}");
        Ok(())
    }

    fn talk(&self) -> Result<Talk> {
        let mut talk = Talk::at(self.nodes.node(1).client_address())?;
        talk.wire().set_timeout(Duration::from_secs(60))?;
        Ok(talk)
    }

    /// How many partitions the topic has.
    pub fn partitions(&self) -> i32 {
        self.partitions
    }

    fn metadata(&self) -> Result<Vec<MetadataResponsePartition>> {
        self.metadata_of(1)
    }

    fn metadata_of(&self, node: i32) -> Result<Vec<MetadataResponsePartition>> {
        let topic = MetadataRequestTopic {
            name: Some(TOPIC.to_owned()),
            ..Default::default()
        };
        let request = MetadataRequest {
            topics: Some(vec![topic]),
            ..Default::default()
        };
        let mut talk = Talk::at(self.nodes.node(node).client_address())?;
        talk.wire().set_timeout(Duration::from_secs(60))?;
        let mut topics = talk.ask(&request, 12)?.topics;
        Ok(topics.pop().context("the topic")?.partitions)
    }

    /// Has every partition led by the first of its replicas.
    pub fn balance(&self) -> Result<()> {
        let request = ElectLeadersRequest {
            topic_partitions: None,
            timeout_ms: 60_000,
            ..Default::default()
        };
        eventually("every partition may be led by its preferred leader", || {
            let answer = self.talk()?.ask(&request, 2)?;
            let results = answer.replica_election_results.iter();
            let codes = results.flat_map(|topic| topic.partition_result.iter().map(|result| result.error_code));
            // 84: it is led so already. Anything else is tried again: a node that was away may have to catch up.
            let elected = answer.error_code == 0 && codes.into_iter().all(|code| [0, 84].contains(&code));
            Ok(elected.then_some(()))
        })?;
        eventually("every partition is led by its preferred leader", || {
            let partitions = self.metadata()?;
            let balanced = partitions
                .iter()
                .all(|each| Some(&each.leader_id) == each.replica_nodes.first());
            Ok(balanced.then_some(()))
        })
    }

    /// The active controller.
    pub fn controller(&self) -> Result<i32> {
        Ok(self.nodes.quorum()?.leader)
    }

    /// The leader of the first partition that somebody else leads than this node. Of one partition the leader may be the
    /// controller; then the controller is made to be another by a restart.
    pub fn leader_other_than(&mut self, controller: i32) -> Result<i32> {
        let leaders: Vec<i32> = self.metadata()?.iter().map(|each| each.leader_id).collect();
        if let Some(leader) = leaders.iter().find(|leader| **leader != controller) {
            return Ok(*leader);
        }
        self.nodes.node_mut(controller).kill9()?;
        self.nodes.controller_after(controller)?;
        self.nodes.node_mut(controller).launch()?;
        self.recover()?;
        self.balance()?;
        Ok(controller)
    }

    /// A node that is neither the controller nor, if that can be, the leader of the first partition.
    pub fn follower_other_than(&self, controller: i32) -> Result<i32> {
        let leader = self.metadata()?.first().context("a partition")?.leader_id;
        let mut others = (1..=NODES).filter(|node| *node != controller && *node != leader);
        others.next().context("three nodes")
    }

    /// The partitions that a node follows: all that it does not lead.
    pub fn followed_by(&self, node: i32) -> Result<Vec<i32>> {
        let partitions = self.metadata()?;
        let followed = partitions.iter().filter(|each| each.leader_id != node);
        Ok(followed.map(|each| each.partition_index).collect())
    }

    /// The partitions that a node leads.
    pub fn led_by(&self, node: i32) -> Result<Vec<i32>> {
        let partitions = self.metadata()?;
        let led = partitions.iter().filter(|each| each.leader_id == node);
        Ok(led.map(|each| each.partition_index).collect())
    }

    /// Id and address of every other node.
    pub fn others(&self, node: i32) -> Vec<(i32, String)> {
        let others = self.nodes.iter().filter(|other| other.id() != node);
        others
            .map(|other| (other.id(), other.client_address().to_owned()))
            .collect()
    }

    /// Does it, and answers when.
    pub fn befall(&mut self, fault: Fault, node: i32) -> Result<Instant> {
        let began = Instant::now();
        match fault {
            Fault::Kill => self.nodes.node_mut(node).kill9()?,
            Fault::Freeze => self.nodes.node(node).freeze()?,
            Fault::Cut => {
                for other in self.network.peers().filter(|other| *other != Peer::Node(node)) {
                    self.network.cut(other, Peer::Node(node))?;
                    self.network.cut(Peer::Node(node), other)?;
                }
                // Cutting takes some milliseconds; they are not the cluster's.
                return Ok(Instant::now());
            }
        }
        Ok(began)
    }

    /// Undoes it.
    pub fn cure(&mut self, fault: Fault, node: i32) -> Result<()> {
        match fault {
            Fault::Kill => self.nodes.node_mut(node).launch(),
            Fault::Freeze => self.nodes.node(node).thaw(),
            Fault::Cut => self.network.heal(),
        }
    }

    /// Waits until every node serves and every replica is in sync.
    pub fn recover(&mut self) -> Result<()> {
        self.nodes.wait_until_complete()?;
        self.until(1, |each| each.leader_id > 0 && each.isr_nodes.len() == 3)
    }

    /// Waits until a node says this of every partition.
    fn until(&self, node: i32, wanted: impl Fn(&MetadataResponsePartition) -> bool) -> Result<()> {
        let deadline = Instant::now() + RECOVERY;
        loop {
            let partitions = self.metadata_of(node).unwrap_or_default();
            if partitions.len() == usize::try_from(self.partitions)? && partitions.iter().all(&wanted) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "the partitions are not well within {RECOVERY:?}\n{}",
                self.nodes.log_tails()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn memory_mib(process: Option<u32>) -> Result<u64> {
    let process = process.context("the node runs")?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|text| text.split_whitespace().next());
    Ok(kib.context("VmRSS")?.parse::<u64>()? / 1024)
}
