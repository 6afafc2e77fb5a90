//! Bugs that are kept to be found: what a simulation is worth.
//!
//! A bug is a piece of source and what takes its place ([`Bug`]). It is planted into a copy of the workspace, so that nothing of it is
//! ever in the program. ADR 5. Bugs that have a switch are planted together and built once: the environment says which of them is on.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::bug::Bug;
use super::scratch::{ON, Scratch};
use super::{Options, cargo, simulation};

/// How long a simulation may take with a bug in it, before it counts as found: some bugs keep it busy for ever.
const PATIENCE: Duration = Duration::from_secs(1800);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// How it went with one bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Found,
    Missed,
    /// It cannot be built: the source has changed, and it with it.
    Broken,
}

/// The bugs of one crate that are tried.
struct Bed<'a> {
    root: &'a Path,
    scratch: &'a Scratch,
    package: &'a str,
    options: &'a Options,
}

/// How often they were found.
#[derive(Default)]
struct Score {
    found: usize,
    all: usize,
    wanting: Vec<String>,
}

/// Plants every bug of these crates in turn, prints the score, and fails if one is not found.
pub fn run(root: &Path, packages: &[&String], options: &Options) -> Result<()> {
    let scratch = Scratch::of(root)?;
    let mut total = Score::default();
    for package in packages {
        let mut bugs = Bug::all(root, package)?;
        bugs.retain(|bug| options.bug.as_ref().is_none_or(|name| *name == bug.name));
        if bugs.is_empty() {
            continue;
        }
        let bed = Bed {
            root,
            scratch: &scratch,
            package,
            options,
        };
        let score = bed.try_all(&bugs)?;
        eprintln!("{package}: {} of {} planted bugs were found", score.found, score.all);
        total.found += score.found;
        total.all += score.all;
        total.wanting.extend(score.wanting);
    }
    println!("{} of {} planted bugs were found", total.found, total.all);
    if total.wanting.is_empty() {
        return Ok(());
    }
    bail!("not found, or not to be built: {:?}", total.wanting)
}

impl Bed<'_> {
    fn try_all(&self, bugs: &[Bug]) -> Result<Score> {
        let (switched, alone): (Vec<&Bug>, Vec<&Bug>) = bugs.iter().partition(|bug| bug.has_switch());
        let mut score = Score::default();
        if switched.is_empty() {
            self.expect_nothing_found()?;
        } else {
            self.plant(&switched)?;
            if !self.build()? {
                bail!("the bugs of {} cannot be built", self.package);
            }
            self.expect_nothing_found()?;
            for bug in switched {
                self.tell(&mut score, bug, || self.simulate(Some(&bug.name)))?;
            }
            self.weed(bugs)?;
        }
        for bug in alone {
            self.plant(&[bug])?;
            self.tell(&mut score, bug, || match self.build()? {
                true => self.simulate(None),
                false => Ok(Fate::Broken),
            })?;
            self.weed(std::slice::from_ref(bug))?;
        }
        Ok(score)
    }

    fn expect_nothing_found(&self) -> Result<()> {
        match self.simulate(None)? {
            Fate::Missed => Ok(()),
            Fate::Found | Fate::Broken => bail!("the simulation of {} fails without a bug", self.package),
        }
    }

    fn tell(&self, score: &mut Score, bug: &Bug, fate: impl FnOnce() -> Result<Fate>) -> Result<()> {
        let begun = Instant::now();
        let fate = fate().with_context(|| bug.name.clone())?;
        let (word, seconds) = (format!("{fate:?}").to_lowercase(), begun.elapsed().as_secs());
        eprintln!("{word:<7} {}: {}: {} ({seconds} s)", self.package, bug.name, bug.why);
        score.all += 1;
        match fate {
            Fate::Found => score.found += 1,
            Fate::Missed | Fate::Broken => score.wanting.push(bug.name.clone()),
        }
        Ok(())
    }

    /// Puts bugs into the copy.
    fn plant(&self, bugs: &[&Bug]) -> Result<()> {
        for bug in bugs {
            let source = std::fs::read_to_string(self.scratch.root().join(&bug.file))?;
            let planted = bug.plant(&source).with_context(|| bug.name.clone())?;
            self.scratch.write(&bug.file, &planted)?;
        }
        Ok(())
    }

    /// Takes bugs out of the copy.
    fn weed<B: std::borrow::Borrow<Bug>>(&self, bugs: &[B]) -> Result<()> {
        for bug in bugs {
            let file = &bug.borrow().file;
            let source = std::fs::read_to_string(self.root.join(file))?;
            self.scratch.write(file, &source)?;
        }
        Ok(())
    }

    fn build(&self) -> Result<bool> {
        let mut build = cargo(self.scratch.root());
        build.args(["test", "--quiet", "--no-run", "--package", self.package]);
        build.args(["--test", "simulation"]);
        Ok(build.status().context("cannot start cargo")?.success())
    }

    /// Runs the simulation with a bug switched on.
    fn simulate(&self, bug: Option<&str>) -> Result<Fate> {
        let mut command = simulation(self.scratch.root(), self.package, self.options);
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        if let Some(bug) = bug {
            command.env(ON, bug);
        }
        let mut running = command.spawn().context("cannot start cargo")?;
        let begun = Instant::now();
        loop {
            if let Some(ended) = running.try_wait()? {
                return Ok(if ended.success() { Fate::Missed } else { Fate::Found });
            }
            if begun.elapsed() > PATIENCE {
                // Cargo, and the simulation that it runs.
                let group = format!("-{}", running.id());
                Command::new("kill").args(["-KILL", "--", &group]).status()?;
                running.wait()?;
                return Ok(Fate::Found);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// The bugs that can no longer be planted, as the source has changed.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for package in super::packages(root)? {
        for bug in Bug::all(root, &package)? {
            let planted = std::fs::read_to_string(root.join(&bug.file)).map_err(Into::into);
            if let Err(error) = planted.and_then(|source| bug.plant(&source)) {
                breaches.push(format!(
                    "crates/{package}/planted/{}.toml cannot be planted: {error}",
                    bug.name
                ));
            }
        }
    }
    Ok(breaches)
}
