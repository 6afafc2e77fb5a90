//! Three nodes in the place of one: every topic has three replicas, of which two must have a record before it is
//! acknowledged. What a test does to "the broker" it does to the cluster as follows:
//!
//! - node 1 is killed: it is the preferred leader of the first partition of every topic that [`Talk`](crate::Talk)
//!   creates. It is started again once another broker leads what it led, and gets back what it prefers to lead;
//! - every node is stopped, and every node started again;
//! - the process and the directory are those of node 1.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use protocol::messages::elect_leaders_request::ElectLeadersRequest;

use crate::cluster::{Cluster, Settings};
use crate::process::Process;
use crate::talk::until;
use crate::{Maker, Nodes, Plan};

/// How many there are.
const NODES: i32 = 3;
/// The one whose process, directory and end the test sees.
const SEEN: i32 = 1;

/// The running nodes.
pub struct ThreeNodes {
    nodes: Nodes,
    bootstrap: String,
}

impl ThreeNodes {
    /// Starts them with what one node would be started with.
    pub fn start(settings: &Settings) -> Result<ThreeNodes> {
        ensure!(
            !settings.is_of_one_node(),
            "three nodes cannot share a directory: {settings:?}"
        );
        let mut plan = Plan::combined(NODES)
            .with("default.replication.factor", NODES)
            .with("min.insync.replicas", NODES - 1);
        for (key, value) in &settings.properties {
            plan = plan.with(key, value);
        }
        for (feature, level) in &settings.features {
            plan = plan.with_feature(feature, *level);
        }
        for (name, value) in &settings.environment {
            plan = (1..=NODES).fold(plan, |plan, id| plan.node(id, |node| node.in_environment(name, value)));
        }
        let nodes = Nodes::start(&plan)?;
        let bootstrap = nodes.bootstrap();
        Ok(ThreeNodes { nodes, bootstrap })
    }

    /// Waits until somebody else leads every partition that a dead node led.
    fn until_taken_over(&self) -> Result<()> {
        let Some(alive) = self.nodes.brokers().next() else {
            return Ok(());
        };
        let running = self.nodes.running_brokers();
        until("the living lead everything", || {
            let topics = alive.topics(None)?;
            let mut partitions = topics.values().flat_map(|(_, partitions)| partitions);
            Ok(partitions.all(|partition| running.contains(&partition.leader)))
        })
        .with_context(|| self.nodes.log_tails())
    }

    /// Waits until every broker knows every replica of every partition to be in sync.
    fn until_in_sync(&self) -> Result<()> {
        for node in self.nodes.brokers() {
            let mut seen = None;
            until("every replica is in sync", || {
                let topics = node.topics(None)?;
                let mut partitions = topics.values().flat_map(|(_, partitions)| partitions);
                let whole = partitions
                    .all(|partition| partition.leader >= 0 && partition.isr.len() == partition.replicas.len());
                seen = Some(topics);
                Ok(whole)
            })
            .with_context(|| format!("as node {} sees it: {seen:?}", node.id()))
            .with_context(|| self.nodes.log_tails())?;
        }
        Ok(())
    }

    /// Has every preferred leader elected.
    fn elect_preferred(&self) -> Result<()> {
        let request = ElectLeadersRequest {
            election_type: 0,
            topic_partitions: None,
            timeout_ms: 30_000,
        };
        let answer = self.nodes.node(SEEN).talk()?.ask(&request, 2)?;
        ensure!(answer.error_code == 0, "ElectLeaders: error {}", answer.error_code);
        for node in self.nodes.brokers() {
            until("preferred leaders lead", || {
                let topics = node.topics(None)?;
                let mut partitions = topics.values().flat_map(|(_, partitions)| partitions);
                Ok(partitions.all(|partition| partition.replicas.first() == Some(&partition.leader)))
            })
            .with_context(|| self.nodes.log_tails())?;
        }
        Ok(())
    }
}

impl Cluster for ThreeNodes {
    fn name(&self) -> &'static str {
        match Maker::chosen() {
            Maker::Kafka => "three of kafka",
            Maker::Riverrun => "three of riverrun",
        }
    }

    fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    fn controller(&self) -> &str {
        self.nodes.node(SEEN).controller_address()
    }

    fn data_dir(&self) -> &Path {
        self.nodes.node(SEEN).data_dir()
    }

    fn process(&mut self) -> &mut Option<Process> {
        self.nodes.node_mut(SEEN).process()
    }

    fn pid(&self) -> Option<u32> {
        self.nodes.node(SEEN).pid()
    }

    fn stop_cleanly(&mut self) -> Result<()> {
        // At the same time, as a script does it that stops a cluster: the last ones have nobody left to hand over to.
        std::thread::scope(|scope| {
            let stopping: Vec<_> = self
                .nodes
                .iter_mut()
                .map(|node| scope.spawn(|| node.stop_cleanly()))
                .collect();
            for stopped in stopping {
                stopped.join().expect("stopping does not panic")?;
            }
            Ok(())
        })
    }

    fn restart(&mut self) -> Result<()> {
        self.until_taken_over()?;
        self.nodes.launch_all()?;
        self.nodes.wait_until_complete()?;
        self.until_in_sync()?;
        self.elect_preferred()
    }

    fn log_tail(&self) -> String {
        self.nodes.log_tails()
    }
}
