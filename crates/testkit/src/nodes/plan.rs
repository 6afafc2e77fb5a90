//! What a cluster of several nodes is to be.

use crate::{Maker, Settings};

/// The parts a node takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// `broker`.
    Broker,
    /// `controller`.
    Controller,
    /// `broker,controller`.
    Combined,
}

impl Roles {
    /// Whether it takes clients.
    #[must_use]
    pub fn broker(self) -> bool {
        self != Roles::Controller
    }

    /// Whether it takes part in the quorum.
    #[must_use]
    pub fn controller(self) -> bool {
        self != Roles::Broker
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Roles::Broker => "broker",
            Roles::Controller => "controller",
            Roles::Combined => "broker,controller",
        }
    }
}

/// How the voters of the metadata quorum are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voters {
    /// `controller.quorum.voters`: written in every node's configuration.
    Static,
    /// Kept in the metadata log (KIP-853), begun by `--initial-controllers`.
    Dynamic,
}

/// One node of a [`Plan`].
#[derive(Clone, Debug)]
pub struct NodePlan {
    pub(super) id: i32,
    pub(super) roles: Roles,
    pub(super) maker: Maker,
    pub(super) host: String,
    pub(super) properties: Vec<(String, String)>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) prefix: Vec<String>,
    pub(super) later: bool,
}

impl NodePlan {
    /// A node of ours, or of Apache Kafka's where `RIVERRUN_STORIES_OF` says so.
    #[must_use]
    pub fn new(id: i32, roles: Roles) -> NodePlan {
        NodePlan {
            id,
            roles,
            maker: Maker::chosen_for(id),
            host: "127.0.0.1".to_owned(),
            properties: Vec::new(),
            environment: Vec::new(),
            prefix: Vec::new(),
            later: false,
        }
    }

    /// The same node, known to the others as a bootstrap controller, but no voter at first, and not started with the rest.
    #[must_use]
    pub fn joins_later(mut self) -> NodePlan {
        self.later = true;
        self
    }

    /// The same node started by another command, which must become it (`nsenter --net=… --`): its process is the node's.
    #[must_use]
    pub fn started_by(mut self, prefix: &[&str]) -> NodePlan {
        self.prefix = prefix.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The same node with one more line of `server.properties`, over the plan's.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> NodePlan {
        self.properties.push((key.to_owned(), value.to_string()));
        self
    }

    /// The same node by another maker.
    #[must_use]
    pub fn made_by(mut self, maker: Maker) -> NodePlan {
        self.maker = maker;
        self
    }

    /// The same node listening on another address of this machine, such as `127.0.0.2`.
    #[must_use]
    pub fn on_host(mut self, host: &str) -> NodePlan {
        host.clone_into(&mut self.host);
        self
    }

    /// The same node with one more variable in its environment.
    #[must_use]
    pub fn in_environment(mut self, name: &str, value: &str) -> NodePlan {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A cluster's nodes and what all of them are told.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) nodes: Vec<NodePlan>,
    pub(super) voters: Voters,
    pub(super) settings: Settings,
    pub(super) log_dirs: Vec<&'static str>,
}

impl Plan {
    /// Nodes 1 to `count`, each broker and controller.
    #[must_use]
    pub fn combined(count: i32) -> Plan {
        Plan::of((1..=count).map(|id| NodePlan::new(id, Roles::Combined)).collect())
    }

    /// Brokers 1 to `brokers`, and controllers from 101 on.
    #[must_use]
    pub fn separate(controllers: i32, brokers: i32) -> Plan {
        let controllers = (101..101 + controllers).map(|id| NodePlan::new(id, Roles::Controller));
        let brokers = (1..=brokers).map(|id| NodePlan::new(id, Roles::Broker));
        Plan::of(controllers.chain(brokers).collect())
    }

    /// These nodes.
    #[must_use]
    pub fn of(nodes: Vec<NodePlan>) -> Plan {
        Plan {
            nodes,
            voters: Voters::Dynamic,
            settings: Settings::default(),
            log_dirs: Vec::new(),
        }
    }

    /// The same plan with every node's logs in these directories below its own, the metadata log in the first.
    #[must_use]
    pub fn with_log_dirs(mut self, names: &[&'static str]) -> Plan {
        self.log_dirs = names.to_vec();
        self
    }

    /// The same plan with every node by one maker.
    #[must_use]
    pub fn made_by(mut self, maker: Maker) -> Plan {
        for node in &mut self.nodes {
            node.maker = maker;
        }
        self
    }

    /// The same plan with one node changed.
    ///
    /// # Panics
    /// If there is none of that id: the test's mistake.
    #[must_use]
    pub fn node(mut self, id: i32, change: impl FnOnce(NodePlan) -> NodePlan) -> Plan {
        let node = self.nodes.iter_mut().find(|node| node.id == id);
        let node = node.expect("a planned node");
        *node = change(node.clone());
        self
    }

    /// The same plan with one more node.
    #[must_use]
    pub fn and(mut self, node: NodePlan) -> Plan {
        self.nodes.push(node);
        self
    }

    /// The same plan with its voters known in another way.
    #[must_use]
    pub fn voters(mut self, voters: Voters) -> Plan {
        self.voters = voters;
        self
    }

    /// The same plan with one more line in every node's `server.properties`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Plan {
        self.settings = self.settings.with(key, value);
        self
    }

    /// The same plan with another level of a feature.
    #[must_use]
    pub fn with_feature(mut self, name: &'static str, level: i16) -> Plan {
        self.settings = self.settings.with_feature(name, level);
        self
    }

    /// How many brokers there are.
    #[must_use]
    pub fn brokers(&self) -> usize {
        self.nodes.iter().filter(|node| node.roles.broker()).count()
    }
}
