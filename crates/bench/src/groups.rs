//! The load of many groups on one broker: offset commits, heartbeats, and a thousand rebalances at once.
//!
//! `cargo xtask bench groups` runs it and reads its lines: before each phase it prints `begin NAME` and waits for a line
//! on stdin, after it `end NAME OPERATIONS SECONDS` and waits again, so that the broker's CPU time can be read between.

#[path = "groups/commits.rs"]
mod commits;
#[path = "groups/heartbeats.rs"]
mod heartbeats;
#[path = "groups/member.rs"]
mod member;
#[path = "groups/rebalance.rs"]
mod rebalance;

use anyhow::{Context, Result};
use clap::Parser;
use client::{Address, Channel, Settings};
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use std::io::BufRead;
use std::time::{Duration, Instant};

/// The load of many groups.
#[derive(Parser)]
struct Options {
    /// The broker, HOST:PORT.
    #[arg(long)]
    bootstrap: Address,
    /// Groups that rebalance at once.
    #[arg(long, default_value_t = 1_000)]
    groups: usize,
    /// Members of each.
    #[arg(long, default_value_t = 10)]
    members: usize,
    /// Offset commits that are measured.
    #[arg(long, default_value_t = 200_000)]
    commits: usize,
    /// Heartbeats that are measured.
    #[arg(long, default_value_t = 200_000)]
    heartbeats: usize,
}

/// The topic whose offsets are committed.
const TOPIC: &str = "bench";
/// Operations that warm a JVM up, for each that is measured at most.
const WARMUP: usize = 50_000;

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> Result<()> {
    let channel = first_connection(&options.bootstrap).await?;
    create_topic(&channel).await?;
    coordinator(&channel).await?;
    settle(&options.bootstrap).await?;
    commits::run(&options.bootstrap, WARMUP.min(options.commits)).await?;
    phase("commits", || commits::run(&options.bootstrap, options.commits)).await?;
    let groups = heartbeats::Groups::join(&options.bootstrap).await?;
    groups.beat(WARMUP.min(options.heartbeats)).await?;
    phase("heartbeats", || groups.beat(options.heartbeats)).await?;
    phase("rebalance", || {
        rebalance::run(&options.bootstrap, options.groups, options.members)
    })
    .await
}

/// Runs a phase between its two lines.
async fn phase<F: Future<Output = Result<usize>>>(name: &str, work: impl FnOnce() -> F) -> Result<()> {
    say(&format!("begin {name}"))?;
    let began = Instant::now();
    let operations = work().await.with_context(|| name.to_owned())?;
    say(&format!("end {name} {operations} {}", began.elapsed().as_secs_f64()))
}

fn say(line: &str) -> Result<()> {
    println!("{line}");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(())
}

/// Commits for every group until all coordinators have read their logs.
async fn settle(address: &Address) -> Result<()> {
    for _ in 0..300 {
        if commits::run(address, 16 * 100).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    commits::run(address, 16 * 100).await.map(drop)
}

/// The broker was only just started.
async fn first_connection(address: &Address) -> Result<Channel> {
    for _ in 0..600 {
        if let Ok(channel) = connect(address).await {
            return Ok(channel);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    connect(address).await
}

/// A connection that waits as long as a rebalance of thousands may take.
async fn connect(address: &Address) -> Result<Channel> {
    let settings = Settings {
        request_timeout: Duration::from_secs(300),
        ..Settings::new(&address.to_string())?
    };
    Ok(Channel::connect(address, &settings).await?)
}

async fn create_topic(channel: &Channel) -> Result<()> {
    let topic = CreatableTopic {
        name: TOPIC.to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: vec![topic],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let answer = channel.send(&request).await?;
    let code = answer.topics.first().context("an answer for the topic")?.error_code;
    // 36: it is there already.
    anyhow::ensure!(code == 0 || code == 36, "the topic cannot be created: error {code}");
    Ok(())
}

/// Waits until all coordinators are there.
async fn coordinator(channel: &Channel) -> Result<()> {
    for attempt in 0.. {
        let request = FindCoordinatorRequest {
            coordinator_keys: (0..200).map(|number| format!("warm-{number}")).collect(),
            ..Default::default()
        };
        let answer = channel.send_at(&request, 4).await?;
        if answer.coordinators.iter().all(|found| found.error_code == 0) {
            return Ok(());
        }
        anyhow::ensure!(attempt < 600, "no coordinator within a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
