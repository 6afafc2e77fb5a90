//! What the members of one group tell, line by line, held to the rules of a group as it comes.
//!
//! All members append to one file, each line with one write and before it takes effect, so the order of the lines is an
//! order in which the things happened, whatever the processes' clocks say.

use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A partition's number.
type Partition = i32;

/// Where a partition stands.
#[derive(Debug, Default)]
struct Reading {
    owner: Option<String>,
    /// What the owner reads next; none before its first record.
    position: Option<i64>,
    /// The end of what was ever read.
    read: i64,
    committed: i64,
    /// Commits that were sent, and of which nobody has heard.
    perhaps_committed: BTreeSet<i64>,
}

/// The state of a group after all that was told so far.
pub struct History {
    file: PathBuf,
    offset: u64,
    partitions: BTreeMap<Partition, Reading>,
    /// Whose the partitions were in each generation of a classic group.
    generations: BTreeMap<i32, BTreeMap<Partition, String>>,
    /// How often each member's part changed.
    changes: BTreeMap<String, usize>,
    gone: BTreeSet<String>,
}

impl History {
    /// An empty history of a group that shares so many partitions.
    pub fn new(file: &Path, partitions: i32) -> Result<History> {
        std::fs::File::create(file)?;
        Ok(History {
            file: file.to_owned(),
            offset: 0,
            partitions: (0..partitions).map(|number| (number, Reading::default())).collect(),
            generations: BTreeMap::new(),
            changes: BTreeMap::new(),
            gone: BTreeSet::new(),
        })
    }

    /// Reads on; an error is a rule that was broken.
    pub fn read_on(&mut self) -> Result<()> {
        let mut file = std::fs::File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |last| last + 1);
        for line in text[..whole].lines() {
            self.happened(line).with_context(|| format!("{line:?}"))?;
        }
        self.offset += u64::try_from(whole)?;
        Ok(())
    }

    /// Notes in its place that a member's process is no more.
    pub fn killed(&mut self, name: &str) -> Result<()> {
        let mut file = std::fs::File::options().append(true).open(&self.file)?;
        Ok(writeln!(file, "{name} killed")?)
    }

    /// The partitions of a member.
    pub fn owned(&self, name: &str) -> BTreeSet<Partition> {
        let mine = self
            .partitions
            .iter()
            .filter(|(_, reading)| reading.owner.as_deref() == Some(name));
        mine.map(|(number, _)| *number).collect()
    }

    /// Whether the members, and nobody else, own all partitions, each at least one.
    pub fn is_shared_by(&self, names: &[&str]) -> bool {
        let owners: BTreeSet<_> = self
            .partitions
            .values()
            .map(|reading| reading.owner.as_deref())
            .collect();
        owners == names.iter().map(|name| Some(*name)).collect()
    }

    /// How often the parts of these members changed.
    pub fn changes(&self, names: &[&str]) -> usize {
        names.iter().filter_map(|name| self.changes.get(*name)).sum()
    }

    /// Whether every partition is read and committed up to its end.
    pub fn is_committed(&self, ends: &BTreeMap<Partition, i64>) -> bool {
        ends.iter().all(|(number, end)| {
            let reading = &self.partitions[number];
            reading.committed == *end && reading.read == *end
        })
    }

    /// Whether the member's process was killed, or it said that it left.
    pub fn is_gone(&self, name: &str) -> bool {
        self.gone.contains(name)
    }

    /// Who owned what all along, and the last lines, for messages.
    pub fn told(&self) -> String {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let (before, last) = lines.split_at(lines.len().saturating_sub(30));
        let is_progress = |line: &str| {
            [" read ", " committing ", " committed "]
                .iter()
                .any(|what| line.contains(what))
        };
        let before = before.iter().filter(|line| !is_progress(line));
        let shown: Vec<_> = before.chain([&"..."]).chain(last).copied().collect();
        shown.join("\n")
    }

    fn happened(&mut self, line: &str) -> Result<()> {
        let (name, what) = line.split_once(' ').context("a name and what happened")?;
        let (what, rest) = what.split_once(' ').unwrap_or((what, ""));
        match what {
            "assigned" => {
                let (generation, numbers) = rest.split_once(' ').context("a generation and partitions")?;
                self.assigned(name, generation.parse().ok(), &numbers_of(numbers)?)
            }
            "revoked" => self.revoked(name, &numbers_of(rest)?),
            "lost" => self.lost(name, &numbers_of(rest)?),
            "read" => pairs_of(rest)?
                .into_iter()
                .try_for_each(|(number, offset)| self.read(name, number, offset)),
            "committing" => pairs_of(rest)?.into_iter().try_for_each(|(number, offset)| {
                self.owned_by(name, number)?.perhaps_committed.insert(offset);
                Ok(())
            }),
            "committed" => pairs_of(rest)?.into_iter().try_for_each(|(number, offset)| {
                let reading = self.owned_by(name, number)?;
                reading.perhaps_committed.clear();
                reading.committed = offset;
                Ok(())
            }),
            "refused" => pairs_of(rest)?.into_iter().try_for_each(|(number, offset)| {
                self.partition(number)?.perhaps_committed.remove(&offset);
                Ok(())
            }),
            "killed" | "left" => {
                let numbers = self.owned(name);
                self.gone.insert(name.to_owned());
                self.lost(name, &numbers)
            }
            other => bail!("{other}"),
        }
    }

    fn partition(&mut self, number: Partition) -> Result<&mut Reading> {
        self.partitions
            .get_mut(&number)
            .with_context(|| format!("no partition {number}"))
    }

    fn owned_by(&mut self, name: &str, number: Partition) -> Result<&mut Reading> {
        let reading = self.partition(number)?;
        let owner = reading.owner.clone();
        ensure!(
            owner.as_deref() == Some(name),
            "partition {number} is owned by {owner:?}"
        );
        Ok(reading)
    }

    fn assigned(&mut self, name: &str, generation: Option<i32>, numbers: &BTreeSet<Partition>) -> Result<()> {
        *self.changes.entry(name.to_owned()).or_default() += usize::from(!numbers.is_empty());
        for number in numbers {
            let reading = self.partition(*number)?;
            ensure!(
                reading.owner.is_none(),
                "partition {number} is owned by {:?}",
                reading.owner
            );
            reading.owner = Some(name.to_owned());
            reading.position = None;
        }
        let owned = self.owned(name);
        if let Some(generation) = generation {
            let owners = self.generations.entry(generation).or_default();
            for number in owned {
                let before = owners.insert(number, name.to_owned());
                // Only a static member has its successor in the same generation.
                ensure!(
                    before
                        .as_ref()
                        .is_none_or(|before| before == name || self.gone.contains(before)),
                    "partition {number} was {before:?}'s in the same generation"
                );
            }
        }
        Ok(())
    }

    fn revoked(&mut self, name: &str, numbers: &BTreeSet<Partition>) -> Result<()> {
        *self.changes.entry(name.to_owned()).or_default() += usize::from(!numbers.is_empty());
        for number in numbers {
            self.owned_by(name, *number)?.owner = None;
        }
        Ok(())
    }

    fn lost(&mut self, name: &str, numbers: &BTreeSet<Partition>) -> Result<()> {
        for number in numbers {
            let reading = self.partition(*number)?;
            reading.owner.take_if(|owner| owner == name);
        }
        Ok(())
    }

    fn read(&mut self, name: &str, number: Partition, offset: i64) -> Result<()> {
        let reading = self.owned_by(name, number)?;
        match reading.position {
            Some(position) => ensure!(offset == position, "{position} comes next in partition {number}"),
            None => {
                ensure!(
                    offset == reading.committed || reading.perhaps_committed.contains(&offset),
                    "partition {number} is committed up to {}, perhaps {:?}",
                    reading.committed,
                    reading.perhaps_committed
                );
                // The broker knew which of them it was.
                reading.committed = offset;
                reading.perhaps_committed.clear();
            }
        }
        reading.position = Some(offset + 1);
        reading.read = reading.read.max(offset + 1);
        Ok(())
    }
}

fn numbers_of(list: &str) -> Result<BTreeSet<Partition>> {
    list.split(',')
        .filter(|number| !number.is_empty())
        .map(|number| Ok(number.parse()?))
        .collect()
}

fn pairs_of(list: &str) -> Result<Vec<(Partition, i64)>> {
    let pairs = list.split(',').map(|pair| {
        let (number, offset) = pair.split_once(':').context("PARTITION:OFFSET")?;
        Ok((number.parse()?, offset.parse()?))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a history says that begins well and goes on with these lines.
    fn verdict(lines: &[&str]) -> Result<()> {
        let dir = tempfile::TempDir::with_prefix("riverrun-history-").expect("a temporary directory");
        let mut history = History::new(&dir.path().join("history"), 2)?;
        let begin = [
            "a assigned 1 0,1",
            "a read 0:0,0:1,1:0",
            "a committing 0:2",
            "a committed 0:2",
        ];
        begin.iter().try_for_each(|line| history.happened(line))?;
        lines.iter().try_for_each(|line| history.happened(line))
    }

    #[test]
    fn a_history_by_the_rules_is_fine() {
        verdict(&[
            "a revoked 0,1",
            "a assigned 2 1",
            "b assigned 2 0",
            "b read 0:2",
            "a read 1:0",
        ])
        .expect("fine");
        verdict(&["a committing 0:3", "a killed", "s assigned 2 0,1", "s read 0:3,1:0"]).expect("both are possible");
        verdict(&["a committing 0:3", "a killed", "s assigned 2 0,1", "s read 0:2,1:0"]).expect("both are possible");
        verdict(&["a killed", "s assigned 1 0,1", "s read 0:2,1:0"]).expect("a static member's successor");
    }

    #[test]
    fn what_breaks_a_rule_is_found() {
        for lines in [
            &["b assigned 2 0"][..],
            &["a revoked 0", "b assigned 1 0"],
            &["a revoked 0", "b read 0:2"],
            &["a read 0:1"],
            &["a read 0:3"],
            &["a revoked 0", "b assigned 2 0", "b read 0:1"],
            &["a revoked 0", "b assigned 2 0", "b read 0:3"],
            &["a revoked 0", "a committed 0:2"],
            &[
                "a committing 0:3",
                "a refused 0:3",
                "a killed",
                "b assigned 2 0",
                "b read 0:3",
            ],
            &["a failed somehow"],
        ] {
            assert!(verdict(lines).is_err(), "{lines:?} breaks a rule");
        }
    }
}
