//! `--cancel`: what is on the move goes back.

use super::Failure;
use super::moves::{self, Progress};
use super::plan_file::Plan;
use super::throttles::{self, AtTheEnd};
use super::words::{failed, joined, plural, refusals};
use base::TopicPartition;
use client::Cluster;
use client::admin::{self, ReplicationFactorChange};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Cancels what of a plan is on the move.
pub(super) async fn cancel(
    cluster: &Cluster,
    plan: &Plan,
    throttles: AtTheEnd,
    patience: Duration,
) -> Result<(), Failure> {
    let partitions: BTreeSet<TopicPartition> = plan.partitions.iter().map(|(partition, _)| partition.clone()).collect();
    let partitions: Vec<TopicPartition> = partitions.into_iter().collect();
    let mut moving = admin::list_reassignments(cluster, Some(&partitions)).await?;
    moving.retain(|(_, moving)| !moving.adding.is_empty() || !moving.removing.is_empty());
    let mut moving: Vec<TopicPartition> = moving.into_iter().map(|(partition, _)| partition).collect();
    moving.sort();
    if moving.is_empty() {
        println!("None of the specified partition reassignments are active.");
    } else {
        send_back(cluster, &moving).await?;
    }
    let mut active = BTreeMap::new();
    for (replica, progress) in moves::progress(cluster, &plan.directories).await? {
        if let Progress::Active { current, .. } = progress {
            active.insert(replica, current);
        }
    }
    if active.is_empty() {
        // Without the end of the line, as Kafka's script.
        print!("None of the specified partition moves are active.");
    } else {
        moves::begin(cluster, active, patience).await?;
    }
    match throttles {
        AtTheEnd::Cleared => throttles::clear(cluster, &plan.partitions).await,
        AtTheEnd::Kept => Ok(()),
    }
}

async fn send_back(cluster: &Cluster, moving: &[TopicPartition]) -> Result<(), Failure> {
    let targets: Vec<_> = moving.iter().map(|partition| (partition.clone(), None)).collect();
    let each = admin::alter_reassignments(cluster, &targets, ReplicationFactorChange::Allowed).await?;
    let mut failed = failed(each);
    failed.sort();
    if !failed.is_empty() {
        return Err(Failure::Said(format!(
            "Error cancelling partition reassignment{} for:\n{}",
            plural(failed.len()),
            refusals(&failed)
        )));
    }
    println!(
        "Successfully cancelled partition reassignment{} for: {}",
        plural(moving.len()),
        joined(moving.iter())
    );
    Ok(())
}
