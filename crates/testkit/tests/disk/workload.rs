//! `tests/clients/python/disk.py`: librdkafka writes, and tells what it reads.

use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};
use testkit::{Cluster, dependencies, suite};

/// When the records are said to be created: now, so that no broker retires them or their producers.
static TIME: LazyLock<i64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
});

/// Produces the records of a phase.
pub fn write(broker: &dyn Cluster, phase: i32) -> Result<()> {
    run(broker, &["write", &phase.to_string(), &TIME.to_string()]).map(drop)
}

/// Deletes the first records of a log.
pub fn trim(broker: &dyn Cluster, phase: i32) -> Result<()> {
    run(broker, &["trim", &phase.to_string(), &TIME.to_string()]).map(drop)
}

/// Commits a transaction and aborts another.
pub fn transact(broker: &dyn Cluster, phase: i32) -> Result<()> {
    run(broker, &["transact", &phase.to_string(), &TIME.to_string()]).map(drop)
}

/// Every topic's configs, offsets and records, a line each.
pub fn read(broker: &dyn Cluster) -> Result<String> {
    run(broker, &["read", &TIME.to_string()])
}

fn run(broker: &dyn Cluster, args: &[&str]) -> Result<String> {
    let program: PathBuf = dependencies::workspace().join("tests/clients/python/disk.py");
    let mut command: Command = suite::python(&program)?;
    command.env("BOOTSTRAP", broker.bootstrap()).args(args);
    suite::run(&format!("disk.py {} against {}", args[0], broker.name()), &mut command)
}
