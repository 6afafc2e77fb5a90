//! A cluster of several nodes, combined or with separate roles, each made by Apache Kafka or by us: started together on
//! ports of their own, and stopped, killed, frozen and restarted one by one.
//!
//! ```ignore
//! let plan = Plan::combined(3).made_by(Maker::Kafka).with("min.insync.replicas", 2);
//! let mut cluster = Nodes::start(&plan)?;
//! cluster.node_mut(1).kill9()?;
//! cluster.node_mut(1).restart()?;
//! ```

mod node;
mod place;
mod plan;
mod properties;
mod quorum;
mod topics;

pub use node::Node;
pub use plan::{NodePlan, Plan, Roles, Voters};
pub use quorum::QuorumView;
pub use topics::{PartitionView, TopicsView};

use std::collections::BTreeMap;
use std::thread;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::talk::eventually;
use place::{Place, VotersText};

/// The running cluster; its processes end and its files go when it is dropped.
pub struct Nodes {
    nodes: BTreeMap<i32, Node>,
    plan: Plan,
    home: TempDir,
}

impl Nodes {
    /// Formats every node's directory, starts all of them, and waits until every broker knows of every other.
    pub fn start(plan: &Plan) -> Result<Nodes> {
        let mut cluster = Nodes::prepare(plan)?;
        cluster.launch_all()?;
        cluster.wait_until_complete()?;
        Ok(cluster)
    }

    /// Formats every node's directory and starts none.
    pub fn prepare(plan: &Plan) -> Result<Nodes> {
        let home = TempDir::with_prefix("riverrun-nodes-")?;
        let mut places = BTreeMap::new();
        for node in &plan.nodes {
            places.insert(node.id, Place::reserve(node)?);
        }
        let voters = VotersText::of(places.values());
        let mut nodes = BTreeMap::new();
        for node in &plan.nodes {
            let place = places.remove(&node.id).context("reserved above")?;
            nodes.insert(node.id, Node::new(home.path(), plan, node, place, &voters)?);
        }
        format_all(nodes.values())?;
        Ok(Nodes {
            nodes,
            plan: plan.clone(),
            home,
        })
    }

    /// Formats a node that was not planned and does not start it; a controller comes as an observer of the quorum.
    pub fn add(&mut self, node: NodePlan) -> Result<&mut Node> {
        let place = Place::reserve(&node)?;
        let id = node.id;
        let voters = VotersText::of(self.nodes.values().map(Node::place));
        let mut new = Node::new(self.home.path(), &self.plan, &node, place, &voters)?;
        new.format_as_observer();
        new.format()?;
        self.nodes.insert(id, new);
        self.nodes.get_mut(&id).context("inserted above")
    }

    /// Starts every node that does not run and does not join later, and does not wait for them.
    pub fn launch_all(&mut self) -> Result<()> {
        let waits = |node: &&mut Node| !node.is_running() && node.starts_with_the_others();
        for node in self.nodes.values_mut().filter(waits) {
            node.launch()?;
        }
        Ok(())
    }

    /// Waits until every running broker knows of every other one and every running controller answers.
    pub fn wait_until_complete(&mut self) -> Result<()> {
        for node in self.nodes.values_mut().filter(|node| node.is_running()) {
            node.wait_until_ready()?;
        }
        let brokers = self.running_brokers();
        for node in self.nodes.values().filter(|node| node.is_running() && node.is_broker()) {
            eventually("every broker is known to every other", || {
                Ok((node.known_brokers().unwrap_or_default() == brokers).then_some(()))
            })
            .with_context(|| format!("node {}, which wrote:\n{}", node.id(), node.log_tail()))?;
        }
        Ok(())
    }

    /// A node by its id.
    ///
    /// # Panics
    /// If there is none: the test's mistake.
    #[must_use]
    pub fn node(&self, id: i32) -> &Node {
        self.nodes.get(&id).expect("a planned node")
    }

    /// A node by its id, to be started and ended.
    ///
    /// # Panics
    /// If there is none: the test's mistake.
    pub fn node_mut(&mut self, id: i32) -> &mut Node {
        self.nodes.get_mut(&id).expect("a planned node")
    }

    /// Every node, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// Every node, by id, to be started and ended.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.values_mut()
    }

    /// `HOST:PORT,HOST:PORT` of every broker, running or not: `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let brokers = self.nodes.values().filter(|node| node.is_broker());
        brokers.map(Node::client_address).collect::<Vec<_>>().join(",")
    }

    /// `HOST:PORT,HOST:PORT` of every controller: `bootstrap.controllers`.
    #[must_use]
    pub fn bootstrap_controllers(&self) -> String {
        let controllers = self.nodes.values().filter(|node| node.is_controller());
        controllers.map(Node::controller_address).collect::<Vec<_>>().join(",")
    }

    /// The ids of the brokers that run, frozen ones included.
    #[must_use]
    pub fn running_brokers(&self) -> Vec<i32> {
        let running = self.nodes.values().filter(|node| node.is_running() && node.is_broker());
        running.map(Node::id).collect()
    }

    /// The last lines of what every node wrote, for the message of a failed test.
    #[must_use]
    pub fn log_tails(&self) -> String {
        let tails = self.nodes.values().map(|node| {
            let (id, maker) = (node.id(), node.maker().name());
            format!("--- node {id}, {maker}:\n{}", node.log_tail())
        });
        tails.collect::<Vec<_>>().join("\n")
    }
}

/// At the same time: a Java program takes a second to start.
fn format_all<'a>(nodes: impl Iterator<Item = &'a Node>) -> Result<()> {
    thread::scope(|scope| {
        let formatting: Vec<_> = nodes.map(|node| scope.spawn(|| node.format())).collect();
        for formatted in formatting {
            formatted.join().expect("formatting does not panic")?;
        }
        Ok(())
    })
}
