//! The costs that were recorded, and how others compare with them.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// By how much a cost may grow unnoticed: as much as two builds of the same code may differ.
const THRESHOLD: f64 = 0.03;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cost {
    /// Of user mode.
    Instructions,
    /// Of all kinds.
    SystemCalls,
}

/// The costs of a request, by shape.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recorded {
    machine: String,
    costs: BTreeMap<Cost, BTreeMap<String, f64>>,
}

impl Recorded {
    /// Nothing yet.
    pub fn new(machine: String) -> Self {
        Self {
            machine,
            costs: BTreeMap::new(),
        }
    }

    /// What `file` says, if it is there.
    pub fn read(file: &Path) -> Result<Option<Self>> {
        if !file.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(file)?;
        let read = serde_json::from_str(&text).with_context(|| format!("{} is not what was written", file.display()));
        read.map(Some)
    }

    /// Writes all of it.
    pub fn write(&self, file: &Path) -> Result<()> {
        Ok(std::fs::write(file, serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// Adds what a shape costs, to a hundredth.
    pub fn add(&mut self, shape: &str, cost: Cost, each: f64) {
        let costs = self.costs.entry(cost).or_default();
        costs.insert(shape.to_owned(), (each * 100.0).round() / 100.0);
    }

    /// Takes over what could not be measured here.
    pub fn complete_from(&mut self, before: Option<&Self>) {
        let Some(before) = before else { return };
        for (cost, shapes) in &before.costs {
            self.costs.entry(*cost).or_insert_with(|| shapes.clone());
        }
    }

    /// The costs that are more than a little above what they were.
    pub fn worse_than(&self, before: Option<&Self>) -> Vec<String> {
        let mut worse = Vec::new();
        for (cost, shape, now, then) in self.rows(before) {
            if let Some(then) = then.filter(|then| now > then * (1.0 + THRESHOLD)) {
                worse.push(format!("{shape}: {} {now} where it was {then}", cost.name()));
            }
        }
        worse
    }

    /// All costs, and what they were.
    pub fn table(&self, before: Option<&Self>) -> String {
        let mut text = String::from("| request | cost | recorded | now | change |\n|:--|:--|--:|--:|--:|\n");
        for (cost, shape, now, then) in self.rows(before) {
            let (recorded, change) = match then {
                Some(then) => (then.to_string(), format!("{:+.1} %", (now / then - 1.0) * 100.0)),
                None => ("-".to_owned(), "-".to_owned()),
            };
            writeln!(text, "| {shape} | {} | {recorded} | {now} | {change} |", cost.name())
                .expect("a string takes any text");
        }
        text
    }

    fn rows<'a>(&'a self, before: Option<&'a Self>) -> impl Iterator<Item = (Cost, &'a str, f64, Option<f64>)> {
        self.costs.iter().flat_map(move |(cost, shapes)| {
            let then = before.and_then(|before| before.costs.get(cost));
            let row = move |(shape, now): (&'a String, &'a f64)| {
                (
                    *cost,
                    shape.as_str(),
                    *now,
                    then.and_then(|then| then.get(shape)).copied(),
                )
            };
            shapes.iter().map(row)
        })
    }
}

impl Cost {
    fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::SystemCalls => "system calls",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(instructions: f64) -> Recorded {
        let mut recorded = Recorded::new("here".to_owned());
        recorded.add("produce", Cost::Instructions, instructions);
        recorded
    }

    #[test]
    fn what_grew_by_more_than_the_threshold_is_told() {
        let before = recorded(1000.0);
        for (now, is_worse) in [(900.0, false), (1000.0, false), (1029.0, false), (1031.0, true)] {
            let worse = recorded(now).worse_than(Some(&before));
            assert_eq!(!worse.is_empty(), is_worse, "{now}: {worse:?}");
        }
        assert!(recorded(5000.0).worse_than(None).is_empty());
    }

    #[test]
    fn what_was_not_measured_stays_as_it_was() {
        let mut before = recorded(1000.0);
        before.add("produce", Cost::SystemCalls, 3.642);
        let mut now = recorded(1001.0);
        now.complete_from(Some(&before));
        assert!(
            now.table(Some(&before))
                .contains("| produce | system calls | 3.64 | 3.64 | +0.0 % |")
        );
        let text = serde_json::to_string(&now).expect("it is all text and numbers");
        let read: Recorded = serde_json::from_str(&text).expect("as it was written");
        assert_eq!(read.costs, now.costs);
    }
}
