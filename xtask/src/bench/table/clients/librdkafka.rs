//! `rdkafka_performance`: librdkafka's own perf tool. Its producer waits for a second by itself, so it is told to send as
//! librdkafka does by default, after 5 ms.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{RECORD, Said, TOPIC, Tool, before};

/// The tool's two modes.
pub fn tool(program: &Path) -> Tool {
    let (producer, consumer): (PathBuf, PathBuf) = (program.to_owned(), program.to_owned());
    Tool {
        name: "rdkafka_performance",
        produce: Box::new(move |address, records| {
            let mut command = Command::new(&producer);
            command.args(["-P", "-t", TOPIC, "-b", address, "-c", &records.to_string()]);
            command.args(["-s", &RECORD.to_string(), "-a", "all", "-X", "linger.ms=5"]);
            command
        }),
        produced,
        consume: Box::new(move |address, records| {
            let mut command = Command::new(&consumer);
            command.args(["-C", "-t", TOPIC, "-b", address, "-c", &records.to_string()]);
            command.args(["-p", "0", "-p", "1", "-p", "2", "-p", "3", "-o", "beginning"]);
            command
        }),
        consumed,
    }
}

fn produced(text: &str) -> Result<Said> {
    let line = summary(text, " messages produced ")?;
    ensure!(line.contains(", 0 failed) "), "not all were delivered: {line}");
    rate(line)
}

fn consumed(text: &str) -> Result<Said> {
    rate(summary(text, " consumed in ")?)
}

fn summary<'a>(text: &'a str, what: &str) -> Result<&'a str> {
    let line = text.lines().rfind(|line| line.contains(what));
    line.with_context(|| format!("no summary: {text}"))
}

fn rate(line: &str) -> Result<Said> {
    Ok(Said {
        records_per_second: before(line, " msgs/s").context("the tool tells a rate")?,
        latencies: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn summaries_are_read() {
        let line = "% 3000000 messages produced (300000000 bytes), 3000000 delivered (offset 0, 0 failed) in 1500ms: \
                    2000000 msgs/s and 200.00 MB/s, 10 produce failures, 0 in queue, no compression\n";
        let said = super::produced(line).expect("it is there");
        assert!((said.records_per_second - 2e6).abs() < 1.0);
        assert!(super::produced(&line.replace("0 failed", "7 failed")).is_err());
        let line = "% 3000000 messages (300000000 bytes) consumed in 1000ms: 3000000 msgs/s (300.00 MB/s)\n";
        assert!((super::consumed(line).expect("it is there").records_per_second - 3e6).abs() < 1.0);
    }
}
