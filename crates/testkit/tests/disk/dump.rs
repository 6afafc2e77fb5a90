//! Kafka's log tool over every file of a data directory, and ours beside it.

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use testkit::batch::without_room;
use testkit::{dependencies, java};

/// Whether a record may follow another with a gap in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offsets {
    Consecutive,
    Compacted,
}

/// One run of the tool: its options, and the files it looks at.
type Look = (&'static [&'static str], Vec<PathBuf>);

/// Lets Kafka's tool look at all files under `data_dir` that a broker which shut down left there, and holds our tool's
/// output against its.
pub fn judge_all(data_dir: &Path) -> Result<()> {
    let mut looks = at_logs(data_dir)?;
    let indexes = files(data_dir, &["index", "timeindex", "txnindex"])?;
    let snapshots = files(data_dir, &["snapshot"])?;
    ensure!(
        !indexes.is_empty() && !snapshots.is_empty(),
        "files are missing in {}",
        data_dir.display()
    );
    looks.push((&["--verify-index-only"], indexes.clone()));
    looks.push((&[], indexes.clone()));
    looks.push((&["--index-sanity-check"], indexes));
    looks.push((&[], snapshots));
    judge(&looks, Offsets::Consecutive)
}

/// The same for the logs alone: a broker that was killed leaves indexes that the next start trims or builds anew.
///
/// Kafka's tool takes the room ahead of a segment that was not closed, its own `log.preallocate` or ours, for a corrupt record; its broker
/// cuts it off. So copies are judged, without it.
pub fn judge_logs(data_dir: &Path, offsets: Offsets) -> Result<()> {
    let copies = tempfile::TempDir::with_prefix("riverrun-logs-")?;
    for log in files(data_dir, &["log"])? {
        let copy = copies.path().join(log.strip_prefix(data_dir)?);
        std::fs::create_dir_all(copy.parent().expect("it lies in its partition's directory"))?;
        std::fs::write(copy, without_room(&std::fs::read(log)?))?;
    }
    judge(&at_logs(copies.path())?, offsets)
}

/// The logs, each with the decoder that it wants.
fn at_logs(data_dir: &Path) -> Result<Vec<Look>> {
    let mut ordinary = files(data_dir, &["log"])?;
    let mut of_topic = |topic: &str| {
        let topic = format!("/{topic}-");
        ordinary
            .extract_if(.., |log| log.to_string_lossy().contains(&topic))
            .collect::<Vec<_>>()
    };
    let metadata = of_topic("__cluster_metadata");
    let offsets = of_topic("__consumer_offsets");
    let transactions = of_topic("__transaction_state");
    ensure!(
        !metadata.is_empty() && !ordinary.is_empty(),
        "logs are missing in {}",
        data_dir.display()
    );
    let mut looks: Vec<Look> = vec![
        (&["--deep-iteration", "--print-data-log"], ordinary),
        (&["--cluster-metadata-decoder"], metadata),
        (&["--offsets-decoder"], offsets),
        (&["--transaction-log-decoder"], transactions),
    ];
    looks.retain(|(_, logs)| !logs.is_empty());
    Ok(looks)
}

fn judge(looks: &[Look], offsets: Offsets) -> Result<()> {
    let by_kafka = kafka(looks, offsets)?;
    for (text, (options, files)) in by_kafka.split(";\n").zip(looks) {
        for fault in ["isvalid: false", "invalid bytes at the end", "Error at", "is corrupt"] {
            let found = text.lines().find(|line| line.contains(fault));
            ensure!(
                found.is_none(),
                "kafka-dump-log {options:?}: {}",
                found.unwrap_or_default()
            );
        }
        let ours = riverrun(options, files, offsets)?;
        let other = text.lines().zip(ours.lines()).find(|(kafka, ours)| kafka != ours);
        ensure!(
            ours == text,
            "dump-log {options:?} prints something else than Kafka's: {other:#?}"
        );
    }
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

/// What Kafka's tool prints at each look, with a line `;` between them: all in one process, which is slow to start.
fn kafka(looks: &[Look], offsets: Offsets) -> Result<String> {
    let classes = dependencies::part("java")?.join("classes");
    let mut command = java::java_with(&["-Xmx512m"], &[&classes])?;
    command.arg("Dumps");
    for (number, (options, files)) in looks.iter().enumerate() {
        if number > 0 {
            command.arg(";");
        }
        command.args(*options).args(["--files", &list(files)]);
    }
    let text = run(command, offsets)?;
    let parts = text.split(";\n").count();
    ensure!(parts == looks.len(), "{} looks, {parts} answers", looks.len());
    Ok(text)
}

fn riverrun(options: &[&str], files: &[PathBuf], offsets: Offsets) -> Result<String> {
    let mut command = Command::new(dependencies::riverrun()?);
    command.arg("dump-log").args(options).args(["--files", &list(files)]);
    run(command, offsets)
}

fn list(files: &[PathBuf]) -> String {
    let list: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    list.join(",")
}

/// What the tool prints; what it says on stderr is faults it found.
fn run(mut command: Command, offsets: Offsets) -> Result<String> {
    command.stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().with_context(|| format!("{command:?}"))?;
    let stderr = String::from_utf8_lossy(&stderr);
    let faults: Vec<_> = stderr
        .lines()
        .filter(|line| !is_harmless(line, offsets))
        .take(20)
        .collect();
    if !status.success() || !faults.is_empty() {
        bail!("{}: {status}\n{}", command.get_program().display(), faults.join("\n"));
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
