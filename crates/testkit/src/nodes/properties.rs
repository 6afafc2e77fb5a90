//! `server.properties` of a node among others.

use std::path::Path;

use super::place::{Place, VotersText};
use super::plan::{NodePlan, Plan, Voters};

/// The file's text: what the tests' clusters have, over it what the plan says, over it what the node's own plan says.
pub(super) fn server_properties(
    data_dir: &Path,
    plan: &Plan,
    node: &NodePlan,
    place: &Place,
    voters: &VotersText,
) -> String {
    let mut lines = Lines::default();
    lines.set("process.roles", node.roles.text());
    lines.set("node.id", node.id);
    lines.set("listeners", place.listeners());
    lines.set("controller.listener.names", "CONTROLLER");
    match plan.voters {
        Voters::Static => lines.set("controller.quorum.voters", &voters.fixed),
        Voters::Dynamic => lines.set("controller.quorum.bootstrap.servers", &voters.bootstrap),
    }
    lines.set("log.dirs", log_dirs(data_dir, &plan.log_dirs));
    // As many copies as there are brokers, and one of them may be away.
    let replicas = plan.brokers().clamp(1, 3);
    let in_sync = replicas.saturating_sub(1).max(1);
    for topic in [
        "offsets.topic",
        "transaction.state.log",
        "share.coordinator.state.topic",
    ] {
        lines.set(&format!("{topic}.replication.factor"), replicas);
    }
    lines.set("transaction.state.log.min.isr", in_sync);
    lines.set("share.coordinator.state.topic.min.isr", in_sync);
    lines.set("offsets.topic.num.partitions", 4);
    lines.set("transaction.state.log.num.partitions", 4);
    lines.set("group.initial.rebalance.delay.ms", 0);
    for (key, value) in plan.settings.properties.iter().chain(&node.properties) {
        lines.set(key, value);
    }
    lines.0.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
}

fn log_dirs(data_dir: &Path, names: &[&str]) -> String {
    if names.is_empty() {
        return data_dir.display().to_string();
    }
    let paths = names.iter().map(|name| data_dir.join(name).display().to_string());
    paths.collect::<Vec<_>>().join(",")
}

#[derive(Default)]
struct Lines(Vec<(String, String)>);

impl Lines {
    fn set(&mut self, key: &str, value: impl ToString) {
        self.0.retain(|(present, _)| present != key);
        self.0.push((key.to_owned(), value.to_string()));
    }
}
