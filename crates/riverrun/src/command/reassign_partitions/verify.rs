//! `--verify`: how far a plan is; once it is done, the throttles go.

use super::Failure;
use super::assignment::{self, Assignment, listed};
use super::moves;
use super::plan_file::Plan;
use super::throttles::{self, AtTheEnd};
use base::{NodeId, TopicPartition};
use client::Cluster;
use client::admin;
use std::collections::BTreeSet;

/// Prints how far the plan is.
pub(super) async fn verify(cluster: &Cluster, plan: &Plan, throttles: AtTheEnd) -> Result<(), Failure> {
    let moving = admin::list_reassignments(cluster, None).await?;
    let on_the_move: BTreeSet<&TopicPartition> = moving.iter().map(|(partition, _)| partition).collect();
    let resting = plan.partitions.iter().map(|(partition, _)| partition);
    let resting = resting.filter(|partition| !on_the_move.contains(partition));
    let current = assignment::of_known_topics(cluster, &assignment::topics(resting)).await?;
    println!("Status of partition reassignment:");
    let targets: Assignment = plan.partitions.iter().cloned().collect();
    for (partition, target) in &targets {
        if on_the_move.contains(partition) {
            println!("Reassignment of partition {partition} is still in progress.");
        } else {
            println!("{}", outcome(partition, current.get(partition), target));
        }
    }
    let progress = moves::progress(cluster, &plan.directories).await?;
    let lines = progress
        .iter()
        .map(|(replica, progress)| progress.shown(replica, &plan.directories[replica]));
    println!("{}", lines.collect::<Vec<_>>().join("\n"));
    let done = moving.is_empty() && progress.values().all(moves::Progress::is_done);
    match throttles {
        AtTheEnd::Cleared if done => throttles::clear(cluster, &plan.partitions).await,
        AtTheEnd::Cleared | AtTheEnd::Kept => Ok(()),
    }
}

fn outcome(partition: &TopicPartition, current: Option<&Vec<NodeId>>, target: &[NodeId]) -> String {
    let current = current.map_or(&[][..], Vec::as_slice);
    if current == target {
        return format!("Reassignment of partition {partition} is completed.");
    }
    format!(
        "There is no active reassignment of partition {partition}, but replica set is {} rather than {}.",
        listed(current),
        listed(target)
    )
}
