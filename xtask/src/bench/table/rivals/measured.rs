//! What is measured of another make: the same rows as of ours and Kafka.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Rival, Running};
use crate::bench::counters::{Counters, peak_mebibytes, resident_mebibytes};
use crate::bench::measuring::Measuring;
use crate::bench::native::{Load, Run};
use crate::bench::table::latency;
use crate::bench::table::produce::{MIDDLE, SMALL};

/// How long one is left alone before its idle memory and CPU are read, and for how long they are.
const IDLE: Duration = Duration::from_secs(3);
/// Seconds of a load.
const SECONDS: f64 = 4.0;
/// More bytes than any of them writes meanwhile.
const FILLS: f64 = 1.5e9;

/// One that was started a moment ago.
pub struct Measured<'a> {
    pub measuring: &'a mut Measuring,
    pub rival: &'a Rival,
    pub running: &'a Running,
}

impl Measured<'_> {
    /// All of it; `begun` is when it was started.
    pub fn all(&mut self, begun: Instant) -> Result<()> {
        self.run("publish --queue first --connections 1 --records 1 --at-once 1")?;
        self.add(
            "start to the first acknowledged record, ms",
            begun.elapsed().as_secs_f64() * 1e3,
        );
        let spent = Counters::read(&self.processes())?.cpu_seconds();
        self.add("CPU-s until then", spent);
        self.idle()?;
        let seconds = self.measuring.scaled(SECONDS).max(1.0);
        self.run(&format!("publish --queue warm-up --seconds {seconds}"))?;
        let small = self.run(&format!("publish --queue small --seconds {seconds}"))?;
        self.published(SMALL.name, &small);
        let large = format!("publish --queue large --record-size 1024 --seconds {seconds}");
        let large = self.run(&large)?;
        self.published(MIDDLE.name, &large);
        self.consume((small.figure("records") as u64).min(self.rival.consumed))?;
        let timed = format!("latency --queue timed --rate 5000 --seconds {seconds}");
        let timed = latency::with_priority(&self.processes(), || self.run(&timed))?;
        latency::add(self.measuring, self.rival.name, "end to end at 5000/s", &timed);
        let peak = peak_mebibytes(&self.processes())?;
        self.add("most memory under all loads, MiB", peak);
        Ok(())
    }

    fn processes(&self) -> [u32; 1] {
        [self.running.child.id()]
    }

    fn add(&mut self, row: &str, value: f64) {
        self.measuring.figures.add(self.rival.name, row, value);
    }

    fn run(&self, words: &str) -> Result<Run> {
        let mut load = Load::new(words).with(&format!("--kind {}", self.rival.kind));
        if words.contains("--seconds") && words.starts_with("publish") {
            load = load.filling(self.measuring.scaled(FILLS));
        }
        let generator = &self.measuring.generator;
        generator.run_rival(&self.running.address, &self.processes(), &load)
    }

    fn idle(&mut self) -> Result<()> {
        std::thread::sleep(IDLE);
        let (before, since) = (Counters::read(&self.processes())?, Instant::now());
        std::thread::sleep(IDLE);
        let spent = Counters::read(&self.processes())?.since(&before).cpu_seconds;
        self.add("idle CPU, % of a core", spent / since.elapsed().as_secs_f64() * 100.0);
        let memory = resident_mebibytes(&self.processes())?;
        self.add("idle memory, MiB", memory);
        Ok(())
    }

    fn published(&mut self, shape: &str, run: &Run) {
        let rows = [
            ("records/s", run.records_per_second()),
            ("MB/s", run.megabytes_per_second()),
            ("CPU-s per GB", run.cpu_seconds_per_gigabyte()),
            ("CPU-s per million records", run.cpu_seconds_per_million()),
            (
                "bytes written per byte",
                run.spent.written_bytes / run.figure("wire_bytes"),
            ),
        ];
        let what = format!("produce, {shape}");
        self.measuring.figures.add_all(self.rival.name, &what, rows);
    }

    fn consume(&mut self, count: u64) -> Result<()> {
        let run = self.run(&format!("consume --queue small --records {count}"))?;
        let rows = [
            ("records/s", run.records_per_second()),
            ("CPU-s per million records", run.cpu_seconds_per_million()),
        ];
        let what = format!("fetch, {}, 1 readers", SMALL.name);
        self.measuring.figures.add_all(self.rival.name, &what, rows);
        Ok(())
    }
}
