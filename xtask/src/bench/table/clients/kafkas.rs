//! Kafka's own perf tools, with the settings that a Java client has by default.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{RECORD, Said, TOPIC, Tool, before};

/// The JVM options of Kafka's scripts for tools.
const JVM: [&str; 3] = ["-Xmx512M", "-server", "-XX:+UseG1GC"];
/// What the producer's tool tells of times.
const LATENCIES: [(&str, &str); 6] = [
    ("avg ms", " ms avg latency"),
    ("max ms", " ms max latency"),
    ("p50 ms", " ms 50th"),
    ("p95 ms", " ms 95th"),
    ("p99 ms", " ms 99th"),
    ("p99.9 ms", " ms 99.9th"),
];

/// Both of them.
pub fn tool(jars: &Path) -> Tool {
    let class_path = format!("{}/*", jars.display());
    let java = move |class: &str, address: &str, records: u64| {
        let mut command = Command::new("java");
        command.args(JVM).args(["-cp", &class_path, class]);
        command.args(["--bootstrap-server", address, "--topic", TOPIC]);
        command.args(["--num-records", &records.to_string()]);
        command
    };
    let another = java.clone();
    Tool {
        name: "kafka-*-perf-test",
        produce: Box::new(move |address, records| {
            let mut command = java("org.apache.kafka.tools.ProducerPerformance", address, records);
            command.args(["--record-size", &RECORD.to_string(), "--throughput", "-1"]);
            command
        }),
        produced,
        consume: Box::new(move |address, records| {
            let mut command = another("org.apache.kafka.tools.ConsumerPerformance", address, records);
            command.arg("--hide-header");
            command
        }),
        consumed,
    }
}

fn produced(text: &str) -> Result<Said> {
    let line = text.lines().rfind(|line| line.contains(" ms 99.9th"));
    let line = line.with_context(|| format!("no summary: {text}"))?;
    let latency = |(name, unit): (&'static str, &str)| Some((name, before(line, unit)?));
    Ok(Said {
        records_per_second: before(line, " records/sec").context("the tool tells a rate")?,
        latencies: LATENCIES.into_iter().filter_map(latency).collect(),
    })
}

/// Columns: start, end, MB, MB/s, messages, messages/s, ms of the rebalance, of fetching, and the speeds without the rebalance.
fn consumed(text: &str) -> Result<Said> {
    let line = text.lines().rfind(|line| line.matches(", ").count() == 9);
    let line = line.with_context(|| format!("no summary: {text}"))?;
    let rate = line.split(", ").nth(9).context("ten columns")?;
    Ok(Said {
        records_per_second: rate.trim().parse()?,
        latencies: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn summaries_are_read() {
        let text = "499 records sent, 9.9 records/sec (0.0 MB/sec), 5.0 ms avg latency, 9.0 ms max latency.\n\
                    5000000 records sent, 1234567.9 records/sec (117.74 MB/sec), 1.23 ms avg latency, 200.00 ms max latency, \
                    1 ms 50th, 5 ms 95th, 10 ms 99th, 20 ms 99.9th.\n";
        let said = super::produced(text).expect("it is there");
        assert!((said.records_per_second - 1_234_567.9).abs() < 0.01);
        assert_eq!(said.latencies[0], ("avg ms", 1.23));
        assert_eq!(said.latencies[5], ("p99.9 ms", 20.0));
        let line = "2026-11-22 22:00:00:000, 2026-11-22 22:00:01:000, 95.3, 90.1, 1000000, 900000.5, 100, 900, 105.9, 1111111.1\n";
        let said = super::consumed(line).expect("it is there");
        assert!((said.records_per_second - 1_111_111.1).abs() < 0.01);
    }
}
