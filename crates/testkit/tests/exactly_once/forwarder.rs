//! `tests/clients/java/ExactlyOnce.java` as processes that share one history.

use anyhow::Result;
use std::path::{Path, PathBuf};
use testkit::process::Process;
use testkit::{dependencies, java};

/// What all programs of a run are told.
pub struct Program {
    pub bootstrap: String,
    pub group: String,
    pub input: String,
    pub output: String,
    /// Settings of the consumers.
    pub settings: Vec<String>,
    /// The one that is a static member of the group, if any.
    pub static_member: Option<&'static str>,
    pub history: PathBuf,
}

impl Program {
    /// Starts one that thinks better of some transactions, as its seed says.
    pub fn start(&self, name: &str, seed: u64) -> Result<Process> {
        let classes = dependencies::part("java")?.join("classes");
        let mut java = java::java_with(&["-Xmx128m"], &[&classes])?;
        java.arg("ExactlyOnce")
            .args([name, &self.group, &self.input, &self.output, &seed.to_string()])
            .args(&self.settings)
            .args(
                self.static_member
                    .filter(|member| *member == name)
                    .map(|member| format!("group.instance.id={member}")),
            )
            .env("BOOTSTRAP", &self.bootstrap);
        let (process, _) = Process::start_told(&mut java, &self.history, &self.complaints())?;
        Ok(process)
    }

    /// What the programs complained of.
    pub fn complaints(&self) -> PathBuf {
        self.history.with_extension("complaints")
    }
}

/// How many transactions this program, or its predecessors of the same name, say were committed.
pub fn committed(history: &Path, name: &str) -> Result<usize> {
    let sign = format!("{name} committed ");
    count(history, |line| line.starts_with(&sign))
}

/// How many records all programs say they forwarded in transactions that were committed.
pub fn forwarded(history: &Path) -> Result<i64> {
    let text = std::fs::read_to_string(history)?;
    let counts = text.lines().filter_map(|line| line.split_once(" committed "));
    counts.map(|(_, count)| Ok(count.parse::<i64>()?)).sum()
}

/// How many programs found that somebody else has their name.
pub fn fenced(history: &Path) -> Result<usize> {
    count(history, |line| line.ends_with(" fenced"))
}

fn count(history: &Path, counts: impl Fn(&str) -> bool) -> Result<usize> {
    let text = std::fs::read_to_string(history)?;
    Ok(text.lines().filter(|line| counts(line)).count())
}
