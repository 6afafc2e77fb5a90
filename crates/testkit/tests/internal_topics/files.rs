//! The files of the internal topics: what the log tools print of them, and a crash that loses what was written last.

use anyhow::{Context, Result, bail, ensure};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::{dependencies, java};

/// One of the internal topics, and how it is decoded.
#[derive(Clone, Copy, Debug)]
pub struct Internal {
    pub topic: &'static str,
    pub decoder: &'static str,
}

pub const OFFSETS: Internal = Internal {
    topic: "__consumer_offsets",
    decoder: "--offsets-decoder",
};
pub const TRANSACTIONS: Internal = Internal {
    topic: "__transaction_state",
    decoder: "--transaction-log-decoder",
};

impl Internal {
    /// The logs that hold anything, in a fixed order.
    fn logs(self, data_dir: &Path) -> Result<Vec<PathBuf>> {
        let mut logs = Vec::new();
        for partition in std::fs::read_dir(data_dir)? {
            let partition = partition?.path();
            let name = partition.file_name().context("an entry has a name")?.to_string_lossy();
            if name.strip_prefix(self.topic).is_some_and(|rest| rest.starts_with('-')) {
                logs.extend(segments(&partition)?);
            }
        }
        logs.retain(|log| log.metadata().is_ok_and(|log| log.len() > 0));
        logs.sort();
        ensure!(!logs.is_empty(), "{} is empty", self.topic);
        Ok(logs)
    }

    /// What our tool prints of it.
    pub fn dumped(self, data_dir: &Path) -> Result<String> {
        let mut ours = Command::new(dependencies::riverrun()?);
        ours.arg("dump-log");
        self.printed(ours, data_dir)
    }

    /// What Kafka's tool prints of it.
    pub fn dumped_by_kafka(self, data_dir: &Path) -> Result<String> {
        let mut kafka = java::java_with(&["-Xmx256m"], &[])?;
        kafka.arg("org.apache.kafka.tools.DumpLogSegments");
        self.printed(kafka, data_dir)
    }

    fn printed(self, mut tool: Command, data_dir: &Path) -> Result<String> {
        let logs: Vec<_> = self
            .logs(data_dir)?
            .iter()
            .map(|log| log.display().to_string())
            .collect();
        tool.args([
            self.decoder,
            "--deep-iteration",
            "--print-data-log",
            "--files",
            &logs.join(","),
        ]);
        let output = tool.output()?;
        ensure!(
            output.status.success(),
            "{tool:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn segments(partition: &Path) -> Result<Vec<PathBuf>> {
    let files = std::fs::read_dir(partition)?;
    let files = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
    let is_log = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "log");
    Ok(files.into_iter().filter(is_log).collect())
}

/// The log of `topic` whose last batch holds these bytes loses that batch, as in a crash of a machine that had not written
/// it to its disk yet.
pub fn lose_last_batch(data_dir: &Path, topic: Internal, holding: &str) -> Result<()> {
    for log in topic.logs(data_dir)? {
        let text = bytes(&log)?;
        let last = *batches(&text)?.last().context("a batch")?;
        if text[last..]
            .windows(holding.len())
            .any(|window| window == holding.as_bytes())
        {
            return truncate(&log, last);
        }
    }
    bail!("no log of {} ends with a batch that holds {holding:?}", topic.topic)
}

/// The partition's log loses its last batch.
pub fn lose_last_batch_of(partition: &Path) -> Result<()> {
    let log = segments(partition)?.into_iter().max().context("a segment")?;
    let last = *batches(&bytes(&log)?)?.last().context("a batch")?;
    truncate(&log, last)
}

fn truncate(log: &Path, length: usize) -> Result<()> {
    let file = std::fs::File::options().write(true).open(log)?;
    Ok(file.set_len(u64::try_from(length)?)?)
}

/// A log may be longer than what is in it: Kafka reserves no room in logs, but a broker may.
fn bytes(log: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    std::fs::File::open(log)?.read_to_end(&mut text)?;
    Ok(text)
}

/// Where the batches of a log begin.
fn batches(log: &[u8]) -> Result<Vec<usize>> {
    let mut begins = Vec::new();
    let mut at = 0;
    while let Some(length) = log.get(at + 8..at + 12) {
        let length = u32::from_be_bytes(length.try_into()?);
        if length == 0 {
            break;
        }
        begins.push(at);
        at += 12 + usize::try_from(length)?;
    }
    Ok(begins)
}
