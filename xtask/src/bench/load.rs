//! The loads, and the generator that makes them: the binary's own perf tools, the same for every broker.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::broker::Broker;

/// Which way the records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the generator to the broker.
    Produce,
    /// From the broker to the generator.
    Fetch,
}

impl fmt::Display for Direction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Produce => "produce",
            Self::Fetch => "fetch",
        })
    }
}

/// Records of one size, sent in one way, and whether they are read again.
pub struct Load {
    /// Its name, which topics are called by.
    pub name: &'static str,
    /// What a reader of the table should know.
    what: &'static str,
    records: u64,
    record_size: u64,
    properties: &'static [&'static str],
    fetched: bool,
}

/// One run of a load.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The load.
    pub load: &'static str,
    /// The way.
    pub direction: Direction,
    /// How many records.
    pub records: u64,
    /// How many bytes of values.
    pub bytes: u64,
    /// Records a second, as the generator saw it.
    pub records_per_second: f64,
    /// What the broker spent.
    pub cpu_seconds: f64,
}

impl Measured {
    /// What tables tell of it.
    pub fn rows(&self) -> [(&'static str, f64); 4] {
        let (records, bytes) = (self.records as f64, self.bytes as f64);
        [
            ("MB/s", self.records_per_second * bytes / records / 1e6),
            ("records/s", self.records_per_second),
            ("CPU-s per GB", self.cpu_seconds / bytes * 1e9),
            ("CPU-s per million records", self.cpu_seconds / records * 1e6),
        ]
    }
}

impl Load {
    /// What is measured: a shape for bytes, one for records, one for requests.
    pub fn all() -> [Self; 3] {
        [
            Self {
                name: "1KiB",
                what: "1 KiB records in batches of 64 KiB",
                records: 1_500_000,
                record_size: 1024,
                properties: &["batch.size=65536", "linger.ms=5"],
                fetched: true,
            },
            Self {
                name: "100B",
                what: "100 B records in batches of 16 KiB",
                records: 5_000_000,
                record_size: 100,
                properties: &["batch.size=16384", "linger.ms=5"],
                fetched: true,
            },
            Self {
                name: "one-a-batch",
                what: "100 B records, each in a batch of its own, up to four in a request",
                records: 200_000,
                record_size: 100,
                properties: &["batch.size=0", "linger.ms=0"],
                fetched: false,
            },
        ]
    }

    /// What each load is.
    pub fn descriptions() -> Vec<(&'static str, &'static str)> {
        Self::all().iter().map(|load| (load.name, load.what)).collect()
    }

    /// What a broker is warmed up with: a JVM needs some millions of records.
    pub fn warm_ups() -> [Self; 2] {
        let warm_up = |name, records, record_size, properties| Self {
            name,
            what: "",
            records,
            record_size,
            properties,
            fetched: true,
        };
        [
            warm_up("warm-up-100B", 4_000_000, 100, &["batch.size=16384", "linger.ms=5"]),
            warm_up("warm-up-1KiB", 1_500_000, 1024, &["batch.size=65536", "linger.ms=5"]),
        ]
    }

    /// Sends the records to a topic, and reads them again if the load says so.
    pub fn run(&self, binary: &Path, broker: &Broker, topic: &str, scale: f64) -> Result<Vec<Measured>> {
        let records = ((self.records as f64 * scale) as u64).max(1000);
        let before = broker.cpu_seconds()?;
        let rate = produce(
            binary,
            broker.address(),
            topic,
            records,
            self.record_size,
            self.properties,
        )?;
        let mut measured = vec![self.measured(Direction::Produce, records, rate, broker.cpu_seconds()? - before)];
        if self.fetched {
            let before = broker.cpu_seconds()?;
            let rate = fetch(binary, broker.address(), topic, records)?;
            measured.push(self.measured(Direction::Fetch, records, rate, broker.cpu_seconds()? - before));
        }
        Ok(measured)
    }

    fn measured(&self, direction: Direction, records: u64, records_per_second: f64, cpu_seconds: f64) -> Measured {
        let bytes = records * self.record_size;
        Measured {
            load: self.name,
            direction,
            records,
            bytes,
            records_per_second,
            cpu_seconds,
        }
    }
}

/// Runs `producer-perf-test` and gives back records a second.
fn produce(
    binary: &Path,
    address: &str,
    topic: &str,
    records: u64,
    record_size: u64,
    properties: &[&str],
) -> Result<f64> {
    let records = records.to_string();
    let record_size = record_size.to_string();
    let mut command = Command::new(binary);
    command.args(["producer-perf-test", "--bootstrap-server", address, "--topic", topic]);
    command.args([
        "--num-records",
        &records,
        "--record-size",
        &record_size,
        "--throughput",
        "-1",
    ]);
    command.arg("--command-property").args(properties);
    let text = output(&mut command)?;
    let line = text
        .lines()
        .rfind(|line| line.contains("records sent, "))
        .with_context(|| text.clone())?;
    let (_, rest) = line.split_once("records sent, ").with_context(|| text.clone())?;
    let rate = rest.split_whitespace().next().context("a rate follows")?;
    Ok(rate.parse()?)
}

/// Runs `consumer-perf-test` and gives back records a second.
fn fetch(binary: &Path, address: &str, topic: &str, records: u64) -> Result<f64> {
    let records = records.to_string();
    let mut command = Command::new(binary);
    command.args([
        "consumer-perf-test",
        "--bootstrap-server",
        address,
        "--topic",
        topic,
        "--hide-header",
    ]);
    command.args(["--num-records", &records]);
    let text = output(&mut command)?;
    if text.contains("WARNING") {
        bail!("not all records came back: {text}");
    }
    let rate = text.trim().split(", ").nth(5).with_context(|| text.clone())?;
    Ok(rate.parse()?)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{command:?} failed: {text}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}
