//! `--execute`: replicas begin to move.

use super::assignment::{self, Assignment};
use super::plan_file::{self, Plan};
use super::throttles::{self, Moves};
use super::words::{failed, joined, plural, refusals};
use super::{Failure, generate, moves, plan};
use crate::command::options::Options;
use base::{NodeId, TopicPartition};
use client::Cluster;
use client::admin::{self, ReplicationFactorChange};
use std::collections::BTreeSet;
use std::time::Duration;

const ALREADY: &str = "Cannot execute because there is an existing partition assignment.  Use --additional to override this \
                       and create a new partition assignment in addition to the existing one. The --additional flag can \
                       also be used to change the throttle by resubmitting the current reassignment.";

/// What is to be executed.
pub(super) struct Execution {
    plan: Plan,
    others: Others,
    factor: ReplicationFactorChange,
    between_brokers: Option<i64>,
    between_directories: Option<i64>,
    patience: Duration,
}

/// What if other replicas are on the move?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Fine,
    Refused,
}

impl Execution {
    /// What a command line asks for.
    pub(super) fn of(options: &Options, patience: Duration) -> Result<Self, Failure> {
        let rate = |name| Ok::<_, Failure>(options.number::<i64>(name)?.filter(|rate| *rate >= 0));
        let (between_brokers, between_directories) = (rate("throttle")?, rate("replica-alter-log-dirs-throttle")?);
        let plan = plan_file::read(plan(options)?)?;
        check(&plan)?;
        Ok(Self {
            plan,
            others: match options.has("additional") {
                true => Others::Fine,
                false => Others::Refused,
            },
            factor: match options.has("disallow-replication-factor-change") {
                true => ReplicationFactorChange::Refused,
                false => ReplicationFactorChange::Allowed,
            },
            between_brokers,
            between_directories,
            patience,
        })
    }
}

fn check(plan: &Plan) -> Result<(), Failure> {
    let error = |message: String| Err(Failure::Error(message));
    if plan.partitions.is_empty() {
        return error(String::from("Partition reassignment list cannot be empty"));
    }
    if plan.partitions.iter().any(|(_, replicas)| replicas.is_empty()) {
        return error(String::from("Partition replica list cannot be empty"));
    }
    let partitions: Vec<&TopicPartition> = plan.partitions.iter().map(|(partition, _)| partition).collect();
    let twice = generate::twice(&partitions);
    if !twice.is_empty() {
        return error(format!(
            "Partition reassignment contains duplicate topic partitions: {}",
            twice.join(",")
        ));
    }
    let doubled = plan.partitions.iter().filter_map(|(partition, replicas)| {
        let twice = generate::twice(replicas);
        let some = !twice.is_empty();
        some.then(|| format!("{partition} contains multiple entries for {}", twice.join(",")))
    });
    let doubled: Vec<String> = doubled.collect();
    if doubled.is_empty() {
        return Ok(());
    }
    error(format!(
        "Partition replica lists may not contain duplicate entries: {}",
        doubled.join(". ")
    ))
}

/// Begins to move replicas.
pub(super) async fn execute(cluster: &Cluster, execution: &Execution) -> Result<(), Failure> {
    let moving = admin::list_reassignments(cluster, None).await?;
    if execution.others == Others::Refused && !moving.is_empty() {
        return Err(Failure::Said(ALREADY.to_owned()));
    }
    let proposed: Assignment = execution.plan.partitions.iter().cloned().collect();
    check_brokers(cluster, &proposed).await?;
    let current = assignment::of_partitions(cluster, &proposed.keys().cloned().collect()).await?;
    let directories = assignment::current_directories(cluster, &current).await?;
    println!(
        "Current partition replica assignment\n\n{}\n\nSave this to use as the --reassignment-json-file option during \
         rollback",
        plan_file::shown(&current, &directories)
    );
    if execution.between_brokers.is_some() || execution.between_directories.is_some() {
        println!(
            "Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle is \
             removed."
        );
    }
    if let Some(rate) = execution.between_brokers {
        let moves = Moves::of(&moving, &proposed, &current);
        throttles::between_brokers(cluster, &moves, rate).await?;
    }
    if let Some(rate) = execution.between_directories {
        let brokers: BTreeSet<NodeId> = execution.plan.directories.keys().map(|replica| replica.node).collect();
        throttles::between_directories(cluster, &brokers, rate).await?;
    }
    begin(cluster, &proposed, execution.factor).await?;
    if execution.plan.directories.is_empty() {
        return Ok(());
    }
    moves::begin(cluster, execution.plan.directories.clone(), execution.patience).await
}

async fn check_brokers(cluster: &Cluster, proposed: &Assignment) -> Result<(), Failure> {
    let known: BTreeSet<NodeId> = admin::describe_cluster(cluster)
        .await?
        .nodes
        .iter()
        .map(|node| node.id)
        .collect();
    let wanted: BTreeSet<NodeId> = proposed.values().flatten().copied().collect();
    match wanted.difference(&known).next() {
        Some(unknown) => Err(Failure::Error(format!("Unknown broker id {unknown}"))),
        None => Ok(()),
    }
}

async fn begin(cluster: &Cluster, proposed: &Assignment, factor: ReplicationFactorChange) -> Result<(), Failure> {
    let targets = proposed
        .iter()
        .map(|(partition, replicas)| (partition.clone(), Some(replicas.clone())));
    let targets: Vec<_> = targets.collect();
    let mut failed = failed(admin::alter_reassignments(cluster, &targets, factor).await?);
    failed.sort();
    if !failed.is_empty() {
        return Err(Failure::Said(format!(
            "Error reassigning partition(s):\n{}",
            refusals(&failed)
        )));
    }
    println!(
        "Successfully started partition reassignment{} for {}",
        plural(proposed.len()),
        joined(proposed.keys())
    );
    Ok(())
}
