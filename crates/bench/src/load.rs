//! The native load generator: frames are built once and replayed, so that the broker is the bottleneck and not the client.
//! The same bytes go to Riverrun and to Apache Kafka.
//!
//! `cargo xtask bench` runs it and reads the one line of JSON that a command prints when it is done. With `--paced` a
//! command prints `ready` once its topic and its connections are there, and begins when a line comes on stdin, so that the
//! broker's counters can be read between.

#[path = "load/ballast.rs"]
mod ballast;
#[path = "load/batch.rs"]
mod batch;
#[path = "load/connection.rs"]
mod connection;
#[path = "load/due.rs"]
mod due;
#[path = "load/frame.rs"]
mod frame;
#[path = "load/idle.rs"]
mod idle;
#[path = "load/latency.rs"]
mod latency;
#[path = "load/offsets.rs"]
mod offsets;
#[path = "load/pace.rs"]
mod pace;
#[path = "load/produce.rs"]
mod produce;
#[path = "load/read.rs"]
mod read;
#[path = "load/reader.rs"]
mod reader;
#[path = "load/report.rs"]
mod report;
#[path = "load/topic.rs"]
mod topic;

use anyhow::Result;
use clap::{Args, Parser};

/// Loads a broker at little cost of its own.
#[derive(Parser)]
enum Command {
    /// Creates the topic and waits until all its partitions are led.
    Create(Target),
    /// Deletes the topic.
    Delete(Target),
    /// Sends as fast as answers come: what a broker can do.
    Produce(produce::Options),
    /// Reads the topic from its start to what was its end.
    Fetch(read::Options),
    /// Sends on a schedule, whatever the broker does, and tells how long after a record was due it was read.
    Latency(latency::Options),
    /// Opens connections and leaves them alone until a line comes on stdin.
    Idle(idle::Options),
    /// Touches memory and lets it go so that it stays with this machine, until a line comes on stdin.
    Ballast(ballast::Options),
}

/// Whom the load is for.
#[derive(Args, Clone)]
struct Target {
    /// The broker, HOST:PORT.
    #[arg(long)]
    bootstrap: String,
    /// The topic; it is created if it is not there.
    #[arg(long, default_value = "load")]
    topic: String,
    /// Its partitions.
    #[arg(long, default_value_t = 4)]
    partitions: i32,
    /// Their replicas.
    #[arg(long, default_value_t = 1)]
    replication_factor: i16,
    /// A setting of the topic, KEY=VALUE.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// TCP's congestion control on the generator's side, as `reno`; the system's own if not given.
    #[arg(long)]
    congestion: Option<String>,
    /// Prints `ready` before it begins and waits for a line on stdin.
    #[arg(long)]
    paced: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').ok_or("KEY=VALUE is expected")?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

fn main() -> Result<()> {
    match Command::parse() {
        Command::Create(target) => topic::create(&target).map(drop),
        Command::Delete(target) => topic::delete(&target),
        Command::Produce(options) => produce::run(&options),
        Command::Fetch(options) => read::run(&options),
        Command::Latency(options) => latency::run(&options),
        Command::Idle(options) => idle::run(&options),
        Command::Ballast(options) => ballast::run(&options),
    }
}
