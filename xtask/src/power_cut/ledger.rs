//! What the rig's runs came to: `docs/performance/power-cuts.tsv`, a line for each run, and the document made from it.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whose power is cut, as the rig names it and as the document does, in the document's order.
const SYSTEMS: [(&str, &str); 8] = [
    ("Riverrun", "Riverrun, one node"),
    ("ThreeNodes", "Riverrun, three nodes at once"),
    ("RiverrunWithoutFlush", "Riverrun with `riverrun.durability=os`"),
    ("ThreeNodesWithoutFlush", "three such nodes at once"),
    ("Kafka", "Kafka as it comes"),
    ("KafkaFlushingEach", "Kafka with `log.flush.interval.messages=1`"),
    ("ThreeKafkas", "Kafka as it comes, three nodes at once"),
    (
        "ThreeKafkasFlushingEach",
        "three nodes of Kafka with `log.flush.interval.messages=1`",
    ),
];

/// One run of the rig.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    commit: String,
    date: String,
    system: String,
    seed: u64,
    cuts: u64,
    losses: u64,
    seconds: u64,
}

impl Run {
    fn of(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut text = || fields.next().map(str::to_owned);
        let (commit, date, system) = (text()?, text()?, text()?);
        let mut number = || fields.next()?.parse().ok();
        Some(Self {
            commit,
            date,
            system,
            seed: number()?,
            cuts: number()?,
            losses: number()?,
            seconds: number()?,
        })
    }
}

/// Adds what the rig has written to `results` to the ledger, as of the commit that is checked out, and writes the document.
pub fn note(root: &Path, results: &Path) -> Result<()> {
    let said = |command: &mut Command| -> Result<String> {
        let output = command.current_dir(root).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = said(Command::new("git").args(["rev-parse", "--short", "HEAD"]))?;
    let date = said(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let new = std::fs::read_to_string(results).with_context(|| results.display().to_string())?;
    let mut all = std::fs::read_to_string(ledger(root)).unwrap_or_default();
    for line in new.lines() {
        writeln!(all, "{commit}\t{date}\t{line}")?;
    }
    std::fs::write(ledger(root), all)?;
    write_document(root)
}

/// Writes the document from the ledger.
pub fn write_document(root: &Path) -> Result<()> {
    let lines = std::fs::read_to_string(ledger(root))?;
    let output = root.join("docs/performance/power-cuts.md");
    std::fs::write(&output, document(&runs(&lines)?))?;
    println!("written to {}", output.display());
    Ok(())
}

fn ledger(root: &Path) -> PathBuf {
    root.join("docs/performance/power-cuts.tsv")
}

fn runs(lines: &str) -> Result<Vec<Run>> {
    let read = |line: &str| Run::of(line).with_context(|| format!("no line of the ledger: {line}"));
    lines.lines().map(read).collect()
}

fn document(runs: &[Run]) -> String {
    let mut text = String::from(
        "# Power cuts\n\n\
         Noted by `cargo xtask power-cut --note`, line by line in [power-cuts.tsv](power-cuts.tsv) (commit, day, system, seed, cuts, cuts \
         with a loss, seconds). A real broker is recorded while clients write, and started again on directories that a cut of the power at \
         any moment could have left: all that was flushed before it, and of the rest what an unlucky disk keeps, loses or tears \
         ([ADR 7](../adr/0007-power-cuts-from-recordings.md)). After every cut everything that was acknowledged before it must be there, \
         once and in its place: records, committed offsets, topics; and nothing that nobody sent. Of a transaction there must be all or \
         nothing: all if its commit was acknowledged, nothing if it was to be aborted. A directory that does not start is a loss. \
         Of commits after cbecfdc, replicas move all the while between two log directories of each node, and where there are three nodes \
         between those, too.\n\n\
         | whose power | cuts | with a loss | of commits | seeds |\n|:--|--:|--:|:--|:--|\n",
    );
    for (system, name) in SYSTEMS {
        let of_system: Vec<&Run> = runs.iter().filter(|run| run.system == system).collect();
        if of_system.is_empty() {
            continue;
        }
        let sum = |figure: fn(&Run) -> u64| of_system.iter().map(|run| figure(run)).sum::<u64>();
        writeln!(
            text,
            "| {name} | {} | {} | {} | {} |",
            sum(|run| run.cuts),
            sum(|run| run.losses),
            commits(&of_system),
            seeds(&of_system),
        )
        .expect("a string takes what is written");
    }
    text
}

/// Each commit with how many cuts were made of it, in the order of the ledger.
fn commits(runs: &[&Run]) -> String {
    let mut order: Vec<&str> = runs.iter().map(|run| run.commit.as_str()).collect();
    order.dedup();
    let mut cuts: BTreeMap<&str, u64> = BTreeMap::new();
    for run in runs {
        *cuts.entry(&run.commit).or_default() += run.cuts;
    }
    let named = order
        .iter()
        .filter_map(|commit| Some(format!("{commit} ({})", cuts.remove(commit)?)));
    named.collect::<Vec<_>>().join(", ")
}

/// `1-4, 9`.
fn seeds(runs: &[&Run]) -> String {
    let mut seeds: Vec<u64> = runs.iter().map(|run| run.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for seed in seeds {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == seed => *last = seed,
            _ => ranges.push((seed, seed)),
        }
    }
    let shown = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_summed_by_system() {
        let lines = "aa\t2026-11-22\tRiverrun\t1\t100\t0\t60\n\
                     aa\t2026-11-22\tRiverrun\t2\t100\t0\t60\n\
                     bb\t2026-11-22\tRiverrun\t7\t50\t1\t60\n\
                     bb\t2026-11-22\tKafka\t1\t10\t10\t60\n";
        let text = document(&runs(lines).expect("lines of a ledger"));
        let table: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert_eq!(
            table,
            [
                "| Riverrun, one node | 250 | 1 | aa (200), bb (50) | 1-2, 7 |",
                "| Kafka as it comes | 10 | 10 | bb (10) | 1 |",
            ]
        );
        assert!(runs("aa\tRiverrun").is_err());
    }
}
