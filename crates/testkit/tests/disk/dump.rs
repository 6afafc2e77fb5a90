//! Kafka's log tool over every file of a data directory, and ours beside it.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use testkit::{dependencies, kafka_broker};

/// Whether a record may follow another with a gap in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offsets {
    Consecutive,
    Compacted,
}

/// Lets Kafka's tool look at all files under `data_dir` that a broker which shut down left there, and holds our tool's
/// output against its.
pub fn judge_all(data_dir: &Path) -> Result<()> {
    judge_logs(data_dir, Offsets::Consecutive)?;
    let indexes = files(data_dir, &["index", "timeindex", "txnindex"])?;
    let snapshots = files(data_dir, &["snapshot"])?;
    ensure!(
        !indexes.is_empty() && !snapshots.is_empty(),
        "files are missing in {}",
        data_dir.display()
    );
    judge(&["--verify-index-only"], &indexes, Offsets::Consecutive)?;
    judge(&[], &indexes, Offsets::Consecutive)?;
    judge(&["--index-sanity-check"], &indexes, Offsets::Consecutive)?;
    judge(&[], &snapshots, Offsets::Consecutive)
}

/// The same for the logs alone: a broker that was killed leaves indexes that the next start trims or builds anew.
pub fn judge_logs(data_dir: &Path, offsets: Offsets) -> Result<()> {
    let logs = files(data_dir, &["log"])?;
    let is_metadata = |path: &PathBuf| path.to_string_lossy().contains("__cluster_metadata-0");
    let (metadata, ordinary): (Vec<_>, Vec<_>) = logs.into_iter().partition(is_metadata);
    ensure!(
        !metadata.is_empty() && !ordinary.is_empty(),
        "logs are missing in {}",
        data_dir.display()
    );
    judge(&["--deep-iteration", "--print-data-log"], &ordinary, offsets)?;
    judge(&["--cluster-metadata-decoder"], &metadata, Offsets::Consecutive)
}

fn judge(options: &[&str], files: &[PathBuf], offsets: Offsets) -> Result<()> {
    let by_kafka = kafka(options, files, offsets)?;
    for fault in ["isvalid: false", "invalid bytes at the end", "Error at", "is corrupt"] {
        let found = by_kafka.lines().find(|line| line.contains(fault));
        ensure!(
            found.is_none(),
            "kafka-dump-log {options:?}: {}",
            found.unwrap_or_default()
        );
    }
    let ours = riverrun(options, files, offsets)?;
    let other = by_kafka.lines().zip(ours.lines()).find(|(kafka, ours)| kafka != ours);
    ensure!(
        ours == by_kafka,
        "dump-log {options:?} prints something else than Kafka's: {other:#?}"
    );
    Ok(())
}

fn files(data_dir: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for partition in std::fs::read_dir(data_dir)? {
        let partition = partition?.path();
        // What is marked as deleted is on its way out.
        if !partition.is_dir() || partition.to_string_lossy().ends_with("-delete") {
            continue;
        }
        for file in std::fs::read_dir(partition)? {
            let file = file?.path();
            let extension = file
                .extension()
                .and_then(|extension| extension.to_str())
                .unwrap_or_default();
            if extensions.contains(&extension) {
                found.push(file);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn kafka(options: &[&str], files: &[PathBuf], offsets: Offsets) -> Result<String> {
    let mut command = kafka_broker::java_with(&["-Xmx512m"], &[])?;
    command.arg("org.apache.kafka.tools.DumpLogSegments");
    run(command, options, files, offsets)
}

fn riverrun(options: &[&str], files: &[PathBuf], offsets: Offsets) -> Result<String> {
    let mut command = Command::new(dependencies::riverrun()?);
    command.arg("dump-log");
    run(command, options, files, offsets)
}

/// What the tool prints; what it says on stderr is faults it found.
fn run(mut command: Command, options: &[&str], files: &[PathBuf], offsets: Offsets) -> Result<String> {
    let list: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    command
        .args(options)
        .arg("--files")
        .arg(list.join(","))
        .stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().with_context(|| format!("{command:?}"))?;
    let stderr = String::from_utf8_lossy(&stderr);
    let faults: Vec<_> = stderr
        .lines()
        .filter(|line| !is_harmless(line, offsets))
        .take(20)
        .collect();
    if !status.success() || !faults.is_empty() {
        bail!(
            "{} {options:?}: {status}\n{}",
            command.get_program().display(),
            faults.join("\n")
        );
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// The logger's start-up; and that the tool of 4.3 finds a gap before the first record of every segment but the first.
fn is_harmless(line: &str, offsets: Offsets) -> bool {
    let logger = ["SLF4J", "StatusLogger", "StatusConsoleListener"];
    logger.iter().any(|word| line.contains(word))
        || line.starts_with("Non-consecutive offsets in ")
        || line.starts_with("  -1 is followed by ")
        || offsets == Offsets::Compacted && line.contains(" is followed by ")
}
