//! The open loop: from the time at which a record is due until it is read.

use std::process::Command;

use anyhow::Result;

use crate::bench::counters;
use crate::bench::measuring::{Contestant, Measuring};
use crate::bench::native::{Load, Run};

/// Records a second, and how many of them in a request.
const RATES: [(u64, u64); 3] = [(500, 1), (5_000, 1), (50_000, 10)];
/// Half as long has 25,000 records at the middle rate, so that 25 of them are above p99.9.
const SECONDS: f64 = 10.0;
const PERCENTILES: [(&str, &str); 4] = [("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"), ("p99.99", "p9999")];

/// Every rate on both by turns.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    for (rate, per_request) in RATES {
        for round in 0..measuring.rounds {
            for contestant in contestants {
                let topic = format!("latency-{rate}-{round}");
                let seconds = measuring.scaled(SECONDS).max(SECONDS / 2.0);
                let words = format!(
                    "latency --topic {topic} --rate {rate} --records-per-request {per_request} --seconds {seconds} --answers later"
                );
                let run = promptly(measuring, contestant, &Load::new(&words))?;
                let what = format!("end to end at {rate}/s");
                add(measuring, contestant.name, &what, &run);
                contestant.delete(measuring, &topic)?;
            }
        }
    }
    little(measuring, contestants)
}

/// What little work costs: few records a second, in ordinary scheduling, which costs what it costs a user.
fn little(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    for round in 0..measuring.rounds {
        for contestant in contestants {
            let topic = format!("little-{round}");
            let seconds = measuring.scaled(5.0).max(1.0);
            let words = format!("latency --topic {topic} --rate 500 --warmup-seconds 0 --seconds {seconds}");
            let run = contestant.run(measuring, &Load::new(&words))?;
            let share = run.spent.cpu_seconds / seconds * 100.0;
            measuring
                .figures
                .add(contestant.name, "CPU at 500 records a second, % of a core", share);
            contestant.delete(measuring, &topic)?;
        }
    }
    Ok(())
}

/// The rows of a run.
pub fn add(measuring: &mut Measuring, system: &str, what: &str, run: &Run) {
    for (name, key) in PERCENTILES {
        let value = run.figure(&format!("end_to_end_ms.{key}"));
        measuring.figures.add(system, &format!("{what}: {name} ms"), value);
    }
    for (name, key) in [("p99", "p99"), ("p99.9", "p999")] {
        let sent = run.figure(&format!("since_sent_ms.{key}"));
        if sent.is_finite() {
            measuring.figures.add(
                system,
                &format!("{what}: from when it was really sent, {name} ms"),
                sent,
            );
        }
        let late = run.figure(&format!("sender_lateness_ms.{key}"));
        measuring
            .figures
            .add(system, &format!("{what}: the sender's own lateness, {name} ms"), late);
    }
}

/// Runs a load with the broker and the generator before all ordinary processes, if we may.
pub fn promptly(measuring: &Measuring, contestant: &Contestant, load: &Load) -> Result<Run> {
    with_priority(&[contestant.broker.id()], || contestant.run(measuring, load))
}

/// Runs something with processes and all that they started, and whatever this one starts, before all ordinary ones.
pub fn with_priority<T>(processes: &[u32], run: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut all = counters::family(processes)?;
    all.push(std::process::id());
    // Whoever is not root measures without.
    let schedule = |policy: [&str; 2]| {
        for process in &all {
            let process = process.to_string();
            let _ = Command::new("chrt")
                .args(["-a", policy[0], "-p", policy[1], &process])
                .output();
        }
    };
    schedule(["-r", "5"]);
    let result = run();
    schedule(["-o", "0"]);
    result
}
