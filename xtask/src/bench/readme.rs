//! The part of the README that tells what was measured: drawn from the table's own figures, between two marks.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::figures::{Figures, better, short};

const BEGIN: &str = "<!-- bench table: begin -->\n";
const END: &str = "<!-- bench table: end -->";

/// What a stranger wants to know first: what it is called, the row, digits and all.
const ROWS: [(&str, &str); 14] = [
    (
        "start to the first acknowledged record, ms",
        "start to the first acknowledged record, ms",
    ),
    ("idle memory, MiB", "idle memory, MiB"),
    ("most memory under all loads, MiB", "most memory under all loads, MiB"),
    ("idle CPU, % of a core", "idle CPU, % of a core"),
    (
        "produce, a request of one 100 B record: broker CPU-us",
        "produce, one record of 100 B a request: CPU-us per request",
    ),
    (
        "produce, 100 B records in 16 KiB batches: broker CPU-s per GB",
        "produce, 100 B in 16 KiB: CPU-s per GB",
    ),
    (
        "produce, 1 KiB records in 64 KiB batches: broker CPU-s per GB",
        "produce, 1 KiB in 64 KiB: CPU-s per GB",
    ),
    (
        "the same, MB/s with the generator on the same machine",
        "produce, 1 KiB in 64 KiB: MB/s",
    ),
    (
        "fetch, one reader: broker CPU-s per GB",
        "fetch, 100 B in 16 KiB, 1 readers: CPU-s per GB",
    ),
    ("end to end at 5,000/s: p50 ms", "end to end at 5000/s: p50 ms"),
    ("end to end at 5,000/s: p99 ms", "end to end at 5000/s: p99 ms"),
    (
        "end to end at 1,000/s, on stable storage first: p99 ms",
        "durable end to end at 1000/s: p99 ms",
    ),
    (
        "on stable storage first, 100 partitions: MB/s",
        "durable, 100 partitions: MB/s",
    ),
    (
        "three replicas, acks=all: records for a CPU-second of all nodes",
        "three replicas, 100 B in 16 KiB: records per core-second",
    ),
];

/// Writes the figures into the README, if it has a place for them.
pub fn write(root: &Path, figures: &Figures, sentence: &str) -> Result<()> {
    let file = root.join("README.md");
    let text = fs::read_to_string(&file)?;
    if let Some(text) = replaced(&text, &section(figures, sentence)) {
        fs::write(&file, text).context("README.md")?;
    }
    Ok(())
}

fn section(figures: &Figures, sentence: &str) -> String {
    let mut text = format!("{sentence}\n\n| | Riverrun | Kafka 4.3.1 | |\n|:--|--:|--:|--:|\n");
    for (name, row) in ROWS {
        let (ours, kafkas) = (figures.median("riverrun", row), figures.median("kafka", row));
        let ratio = better(row).ratio(ours, kafkas);
        if ratio.is_finite() {
            text += &format!("| {name} | {} | {} | {ratio:.1}x |\n", short(ours), short(kafkas));
        }
    }
    text
}

/// The text with another section between its marks.
fn replaced(text: &str, section: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{section}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = format!("before\n{BEGIN}old\n{END}\nafter\n");
        let expected = format!("before\n{BEGIN}new\n{END}\nafter\n");
        assert_eq!(replaced(&text, "new\n").as_deref(), Some(expected.as_str()));
        assert_eq!(replaced("no marks", "new\n"), None);
    }

    #[test]
    fn rows_without_both_figures_are_left_out() {
        let mut figures = Figures::default();
        figures.add("riverrun", "idle memory, MiB", 14.0);
        figures.add("kafka", "idle memory, MiB", 373.0);
        figures.add("riverrun", "idle CPU, % of a core", 0.1);
        let text = section(&figures, "Here.");
        assert!(text.ends_with("| idle memory, MiB | 14.0 | 373 | 26.6x |\n"), "{text}");
    }
}
