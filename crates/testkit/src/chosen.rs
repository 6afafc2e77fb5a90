//! Which cluster a test is about: a broker of ours, or of Apache Kafka with `RIVERRUN_STORIES_OF=kafka` in the environment,
//! which proves the test; and with `RIVERRUN_NODES=3` three nodes in the place of one.

use anyhow::{Result, bail};

use crate::{Cluster, Maker, Settings, SingleNode, ThreeNodes};

/// How many nodes there are in the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The one.
    One,
    /// Three, with three replicas of everything.
    Three,
}

impl Count {
    /// What `RIVERRUN_NODES` says.
    pub fn chosen() -> Result<Count> {
        match std::env::var("RIVERRUN_NODES").as_deref() {
            Ok("3") => Ok(Count::Three),
            Ok("" | "1") | Err(_) => Ok(Count::One),
            Ok(other) => bail!("RIVERRUN_NODES is 1 or 3, not {other:?}"),
        }
    }
}

/// Starts that cluster. Settings that name a directory are those of one node, whatever was chosen.
pub fn start(settings: &Settings) -> Result<Box<dyn Cluster>> {
    match Count::chosen()? {
        Count::Three if !settings.is_of_one_node() => Ok(Box::new(ThreeNodes::start(settings)?)),
        _ => start_one(settings),
    }
}

/// Starts one broker: for what is about a single process and its directory, however many there are beside it.
pub fn start_one(settings: &Settings) -> Result<Box<dyn Cluster>> {
    match Maker::chosen() {
        Maker::Kafka => Ok(Box::new(SingleNode::start(Maker::Kafka, settings)?)),
        Maker::Riverrun => Ok(Box::new(SingleNode::start(Maker::Riverrun, settings)?)),
    }
}
