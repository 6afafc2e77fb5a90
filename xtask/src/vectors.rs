//! `cargo xtask vectors`: has Apache Kafka encode its messages, and keeps the bytes for the protocol crate's tests.

use crate::test;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Writes `crates/protocol/tests/vectors.txt`.
pub fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in the workspace")?;
    let class_path = test::kafka_jars()?.join("*");
    let status = Command::new("java")
        .arg("-cp")
        .arg(class_path)
        .arg(root.join("tests/vectors/Vectors.java"))
        .arg(root.join("crates/protocol/tests/vectors.txt"))
        .status()
        .context("cannot start java")?;
    if !status.success() {
        bail!("{status}: java");
    }
    Ok(())
}
