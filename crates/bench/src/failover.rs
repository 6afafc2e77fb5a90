//! How long clients wait when a node is gone: from `kill -9`, SIGSTOP or a cut network until every partition that it led
//! takes an acks=all record again and hands it out, and until a topic can be created again.
//!
//! `cargo xtask bench failover` runs it and reads its lines: one of JSON for each measurement. It starts three nodes, broker
//! and controller each, on a network of their own, of Apache Kafka with `RIVERRUN_STORIES_OF=kafka` in the environment. The
//! settings are the makers' own defaults, but for those it is told to set.

#[path = "failover/cluster.rs"]
mod cluster;
#[path = "failover/probe.rs"]
mod probe;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use cluster::Cluster;
use serde_json::json;
use std::time::Duration;

/// How long clients wait when a node is gone.
#[derive(Parser)]
struct Options {
    /// How many partitions there are.
    #[arg(long)]
    partitions: i32,
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// What happens to the node.
    #[arg(long, value_delimiter = ',', default_value = "kill,freeze,cut")]
    faults: Vec<Fault>,
    /// Which node it happens to.
    #[arg(long, value_delimiter = ',', default_value = "leader,controller,follower")]
    victims: Vec<Victim>,
    /// A setting of every node, KEY=VALUE.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').ok_or("KEY=VALUE is expected")?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fault {
    /// SIGKILL: its peers' connections are reset.
    Kill,
    /// SIGSTOP: its connections stay, and nothing comes.
    Freeze,
    /// Nothing that it sends arrives, and nothing arrives at it.
    Cut,
}

/// Which node it happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Victim {
    /// One that leads partitions and is not the active controller.
    Leader,
    /// The active controller, which leads partitions too.
    Controller,
    /// One that is not the active controller, seen by the partitions that it follows.
    Follower,
}

/// What is waited for at most.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> Result<()> {
    let options = Options::parse();
    let mut cluster = Cluster::start(options.partitions, &options.settings)?;
    let creation = cluster.creation();
    let line = json!({
        "partitions": options.partitions,
        "create_ms": millis(&[creation.answered]),
        "known_ms": millis(&[creation.known]),
        "in_sync_ms": millis(&[creation.in_sync]),
        "memory_mib": creation.memory_mib,
    });
    println!("{line}");
    for fault in &options.faults {
        for victim in &options.victims {
            for round in 0..options.rounds {
                measure(&mut cluster, *fault, *victim)
                    .with_context(|| format!("{fault:?} {victim:?} round {round}"))?;
            }
        }
    }
    Ok(())
}

fn measure(cluster: &mut Cluster, fault: Fault, victim: Victim) -> Result<()> {
    cluster.balance()?;
    let controller = cluster.controller()?;
    let node = match victim {
        Victim::Controller => controller,
        Victim::Leader => cluster.leader_other_than(controller)?,
        Victim::Follower => cluster.follower_other_than(controller)?,
    };
    let affected = match victim {
        Victim::Controller | Victim::Leader => cluster.led_by(node)?,
        Victim::Follower => cluster.followed_by(node)?,
    };
    let survivors = cluster.others(node);
    let began = cluster.befall(fault, node)?;
    let found = probe::until_served(&survivors, cluster::TOPIC, &affected, began, PATIENCE)?;
    cluster.cure(fault, node)?;
    cluster.recover()?;
    let line = json!({
        "partitions": cluster.partitions(),
        "fault": format!("{fault:?}").to_lowercase(),
        "victim": format!("{victim:?}").to_lowercase(),
        "affected": affected.len(),
        "produce_ms": millis(&found.produced),
        "fetch_ms": millis(&found.fetched),
        "create_topic_ms": millis(&[found.created]),
    });
    println!("{line}");
    Ok(())
}

fn millis(times: &[Duration]) -> Vec<f64> {
    times
        .iter()
        .map(|time| (time.as_secs_f64() * 1e5).round() / 100.0)
        .collect()
}
