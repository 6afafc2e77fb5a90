//! The table's plots: costs and times side by side.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::bench::figures::Figures;
use crate::bench::plot;

const SYSTEMS: [&str; 2] = ["riverrun", "kafka"];

/// A name, a title, and groups of bars by the row that they show.
type Plot = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const PLOTS: [Plot; 3] = [
    (
        "cost",
        "broker CPU-seconds for a GB, by batch; and for a GB read",
        &[
            ("1 record", "produce, one record of 100 B a request: CPU-s per GB"),
            ("16 KiB", "produce, 100 B in 16 KiB: CPU-s per GB"),
            ("64 KiB", "produce, 1 KiB in 64 KiB: CPU-s per GB"),
            ("1 MiB", "produce, 1 KiB in 1 MiB: CPU-s per GB"),
            ("fetch", "fetch, 100 B in 16 KiB, 1 readers: CPU-s per GB"),
            ("10 readers", "fetch, 100 B in 16 KiB, 10 readers: CPU-s per GB"),
        ],
    ),
    (
        "speed",
        "MB a second, generator and broker on one machine",
        &[
            ("1 record", "produce, one record of 100 B a request: MB/s"),
            ("16 KiB", "produce, 100 B in 16 KiB: MB/s"),
            ("64 KiB", "produce, 1 KiB in 64 KiB: MB/s"),
            ("1 MiB", "produce, 1 KiB in 1 MiB: MB/s"),
            ("fetch", "fetch, 100 B in 16 KiB, 1 readers: MB/s"),
            ("durable", "durable, 100 partitions: MB/s"),
        ],
    ),
    (
        "latency",
        "ms from due to read, at 5,000/s; at 1,000/s durable",
        &[
            ("p50", "end to end at 5000/s: p50 ms"),
            ("p99", "end to end at 5000/s: p99 ms"),
            ("p99.9", "end to end at 5000/s: p99.9 ms"),
            ("durable p50", "durable end to end at 1000/s: p50 ms"),
            ("durable p99", "durable end to end at 1000/s: p99 ms"),
        ],
    ),
];

/// Writes those that have figures, beside the table.
pub fn write(figures: &Figures, output: &Path) -> Result<()> {
    for (name, svg) in drawn(figures) {
        fs::write(output.with_file_name(file(name)), svg)?;
    }
    Ok(())
}

/// Shows them in the table's text.
pub fn section(figures: &Figures) -> String {
    let mut text = String::new();
    for (name, _) in drawn(figures) {
        text += &format!("![{name}]({})\n\n", file(name));
    }
    text
}

fn file(name: &str) -> String {
    format!("table-{name}.svg")
}

fn drawn(figures: &Figures) -> Vec<(&'static str, String)> {
    let draw = |(name, title, rows): Plot| {
        let groups: Vec<String> = rows.iter().map(|(group, _)| (*group).to_owned()).collect();
        let series = SYSTEMS.map(|system| {
            let values = rows.iter().map(|(_, row)| figures.median(system, row));
            (system.to_owned(), values.collect())
        });
        (name, plot::bars(title, &groups, &series))
    };
    let mut drawn: Vec<_> = PLOTS.into_iter().map(draw).collect();
    drawn.retain(|(_, svg)| !svg.is_empty());
    drawn
}
