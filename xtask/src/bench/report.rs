//! The tables: medians of both brokers side by side, and how many times better one is.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use anyhow::Result;
use serde_json::json;

use super::load::{Load, Measured};
use super::machine::Machine;
use super::title;

/// One start of a broker.
#[derive(Clone, Debug)]
pub struct Start {
    /// From the start of the process to the first acknowledged record.
    pub milliseconds: f64,
    /// What the broker spent until then.
    pub cpu_seconds: f64,
    /// Resident memory when it has nothing to do.
    pub idle_mebibytes: f64,
    /// CPU-seconds a second when it has nothing to do.
    pub idle_cpu: f64,
}

impl fmt::Display for Start {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "first record after {:.0} ms and {:.2} CPU-s; idle: {:.1} MiB, {:.2} % of a core",
            self.milliseconds,
            self.cpu_seconds,
            self.idle_mebibytes,
            self.idle_cpu * 100.0
        )
    }
}

/// Everything that was measured.
pub struct Results {
    machine: Machine,
    scale: f64,
    starts: BTreeMap<String, Vec<Start>>,
    loads: Vec<(String, Measured)>,
    loaded_memory: BTreeMap<String, f64>,
}

/// A row of the table: a figure of each broker, smaller or larger being better.
struct Row {
    title: String,
    ours: f64,
    kafkas: f64,
    digits: usize,
    better: Better,
}

#[derive(Clone, Copy)]
enum Better {
    Smaller,
    Larger,
}

impl Results {
    /// Nothing measured yet.
    pub fn new(machine: Machine, scale: f64) -> Self {
        Self {
            machine,
            scale,
            starts: BTreeMap::new(),
            loads: Vec::new(),
            loaded_memory: BTreeMap::new(),
        }
    }

    /// Adds a start.
    pub fn add_start(&mut self, name: &str, start: Start) {
        self.starts.entry(name.to_owned()).or_default().push(start);
    }

    /// Adds a run of a load.
    pub fn add_load(&mut self, name: &str, measured: Measured) {
        self.loads.push((name.to_owned(), measured));
    }

    /// Adds the memory after all loads.
    pub fn add_loaded_memory(&mut self, name: &str, mebibytes: f64) {
        self.loaded_memory.insert(name.to_owned(), mebibytes);
    }

    fn rows(&self) -> Vec<Row> {
        let start =
            |name: &str, of: fn(&Start) -> f64| median(self.starts.get(name).into_iter().flatten().map(of).collect());
        let row = |title: &str, of: fn(&Start) -> f64, digits| Row {
            title: title.to_owned(),
            ours: start("riverrun", of),
            kafkas: start("kafka", of),
            digits,
            better: Better::Smaller,
        };
        let mut rows = vec![
            row(
                "start to the first acknowledged record, ms",
                |start| start.milliseconds,
                0,
            ),
            row("CPU-s until then", |start| start.cpu_seconds, 2),
            row("idle memory, MiB", |start| start.idle_mebibytes, 1),
            row("idle CPU, % of a core", |start| start.idle_cpu * 100.0, 2),
        ];
        rows.push(Row {
            title: "memory after all loads, MiB".to_owned(),
            ours: self.loaded_memory.get("riverrun").copied().unwrap_or(f64::NAN),
            kafkas: self.loaded_memory.get("kafka").copied().unwrap_or(f64::NAN),
            digits: 0,
            better: Better::Smaller,
        });
        let mut titles: Vec<String> = Vec::new();
        for (_, measured) in &self.loads {
            if !titles.contains(&title(measured)) {
                titles.push(title(measured));
            }
        }
        for name in titles {
            let figure = |broker: &str, of: fn(&Measured) -> f64| {
                let runs = self
                    .loads
                    .iter()
                    .filter(|(run, measured)| run == broker && title(measured) == name);
                median(runs.map(|(_, measured)| of(measured)).collect())
            };
            let row = |what: &str, of: fn(&Measured) -> f64, digits, better| Row {
                title: format!("{name}: {what}"),
                ours: figure("riverrun", of),
                kafkas: figure("kafka", of),
                digits,
                better,
            };
            rows.push(row("MiB/s", Measured::mebibytes_per_second, 1, Better::Larger));
            rows.push(row(
                "records/s",
                |measured| measured.records_per_second,
                0,
                Better::Larger,
            ));
            rows.push(row(
                "broker CPU-s per GB",
                Measured::cpu_seconds_per_gigabyte,
                2,
                Better::Smaller,
            ));
            rows.push(row(
                "broker CPU-s per million records",
                Measured::cpu_seconds_per_million,
                2,
                Better::Smaller,
            ));
        }
        rows
    }

    /// The table and what one must know to read it.
    pub fn markdown(&self) -> String {
        let machine = &self.machine;
        let rounds = self.starts.values().map(Vec::len).max().unwrap_or(0);
        let mut text = format!(
            "# Riverrun beside Apache Kafka 4.3.1\n\n\
             Measured by `cargo xtask bench quick` at commit {} on {}: {} x {}, Linux {}, TCP {}, load average {} \
             before it began. Medians of {rounds} rounds at {} of the full load, both brokers by turns, both with their defaults but for `riverrun.durability=os` (neither waits for the disk; `bench durable` has what waiting costs), one node, 4 \
             partitions, acks=all, an idempotent producer, one connection, no fsync, memory touched beforehand; generator and \
             broker share the machine. CPU-seconds are the broker's alone, from `/proc/PID/task/*/schedstat`; they say more than throughput, which \
             the generator limits.\n\n| | Riverrun | Kafka | ratio |\n|:--|--:|--:|--:|\n",
            machine.commit,
            machine.date,
            machine.cores,
            machine.processor,
            machine.kernel,
            machine.congestion_control,
            machine.load_average,
            self.scale
        );
        for row in self.rows() {
            let ratio = match row.better {
                Better::Smaller => row.kafkas / row.ours,
                Better::Larger => row.ours / row.kafkas,
            };
            let ratio = if ratio.is_finite() {
                format!("{ratio:.1}x")
            } else {
                String::from("-")
            };
            writeln!(
                text,
                "| {} | {:.*} | {:.*} | {ratio} |",
                row.title, row.digits, row.ours, row.digits, row.kafkas
            )
            .expect("a string takes any text");
        }
        text += "\nThe loads:\n\n";
        for (name, what) in Load::descriptions() {
            writeln!(text, "- {name}: {what}").expect("a string takes any text");
        }
        text
    }

    /// Every single measurement.
    pub fn json(&self) -> Result<String> {
        let starts = self.starts.iter().flat_map(|(name, starts)| {
            starts.iter().map(move |start| {
                json!({
                    "broker": name,
                    "first_record_ms": start.milliseconds,
                    "cpu_seconds": start.cpu_seconds,
                    "idle_mib": start.idle_mebibytes,
                    "idle_cpu": start.idle_cpu,
                })
            })
        });
        let loads = self.loads.iter().map(|(name, measured)| {
            json!({
                "broker": name,
                "load": title(measured),
                "records": measured.records,
                "bytes": measured.bytes,
                "records_per_second": measured.records_per_second,
                "broker_cpu_seconds": measured.cpu_seconds,
            })
        });
        let all = json!({
            "machine": self.machine,
            "scale": self.scale,
            "starts": starts.collect::<Vec<_>>(),
            "loads": loads.collect::<Vec<_>>(),
            "memory_after_loads_mib": self.loaded_memory,
        });
        Ok(serde_json::to_string_pretty(&all)? + "\n")
    }
}

/// The middle of some figures; none of them is no number.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => figures[count / 2],
        count => (figures[count / 2 - 1] + figures[count / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }
}
