//! A topic past its limit: what is oldest is deleted while it is written.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::factors::Factor;
use super::{add, row};
use crate::bench::measuring::{Contestant, Measuring};
use crate::bench::native::Load;

/// Brokers that look for what is to be deleted every second, and begin to at once.
const SETTINGS: [(&str, &str); 2] = [
    ("log.retention.check.interval.ms", "1000"),
    ("log.initial.task.delay.ms", "500"),
];
const PARTITIONS: f64 = 4.0;
/// Of every partition at full scale; the first point writes two thirds of it, each other one three times as much.
const KEPT: f64 = 150e6;
const BELOW: f64 = 2.0 / 3.0;
const PAST: f64 = 3.0;
/// So many segments are kept.
const SEGMENTS: f64 = 8.0;
/// No broker takes smaller ones.
const SMALLEST_SEGMENT: f64 = 1_048_576.0;
/// How long deletion may take once nothing is written any more.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same topic on a broker of each make, on and on.
pub fn measure(measuring: &mut Measuring, factor: &Factor) -> Result<()> {
    for make in 0..measuring.makes.len() {
        let name = measuring.makes[make].name();
        let contestant = measuring.contestant_with(&measuring.makes[make], name, &SETTINGS)?;
        for _ in 0..measuring.rounds {
            measure_one(measuring, &contestant, factor)?;
        }
        contestant.broker.kill()?;
    }
    Ok(())
}

fn measure_one(measuring: &mut Measuring, contestant: &Contestant, factor: &Factor) -> Result<()> {
    let kept = measuring.scaled(KEPT).max(SMALLEST_SEGMENT * SEGMENTS);
    let segment = kept / SEGMENTS;
    let topic = format!("--topic retention --set retention.bytes={kept:.0} --set segment.bytes={segment:.0}");
    for (at, point) in factor.points.iter().enumerate() {
        let bytes = kept * PARTITIONS * if at == 0 { BELOW } else { PAST };
        let records = format!("--records {:.0}", bytes / point.record);
        // All of it: what is deleted keeps its memory for as long as `file.delete.delay.ms`, longer than this takes.
        let load = Load::new(super::BASE)
            .with(point.words)
            .with(&records)
            .with(&topic)
            .filling(bytes);
        let run = contestant.run(measuring, &load)?;
        add(measuring, contestant.name, factor, point, &run);
        let answer = row(factor, point, "answer p99 ms");
        measuring
            .figures
            .add(contestant.name, &answer, run.figure("answer_ms.p99"));
        let data = measuring.home.join(contestant.name).join("data");
        let left = deleted_down_to(&data, (kept + 2.0 * segment) * PARTITIONS)?;
        measuring
            .figures
            .add(contestant.name, &row(factor, point, "MB kept"), left / 1e6);
    }
    contestant.delete(measuring, "retention")
}

/// Waits until the topic has no more than `most` bytes, and says how many it has.
fn deleted_down_to(data: &Path, most: f64) -> Result<f64> {
    let begun = Instant::now();
    loop {
        let bytes = bytes_of_topic(data)?;
        if bytes <= most {
            return Ok(bytes);
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "{bytes:.0} bytes are kept, more than {most:.0}: nothing is deleted"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What its segments take, as far as they are written.
fn bytes_of_topic(data: &Path) -> Result<f64> {
    let mut bytes = 0;
    for folder in fs::read_dir(data)?.flatten() {
        if !folder.file_name().to_string_lossy().starts_with("retention-") {
            continue;
        }
        for file in fs::read_dir(folder.path())?.flatten() {
            let is_log = file.path().extension().is_some_and(|end| end == "log");
            // A file may be gone by now.
            bytes += file.metadata().map_or(0, |file| if is_log { file.len() } else { 0 });
        }
    }
    Ok(bytes as f64)
}
