//! Bugs that are kept to be found: what a simulation is worth.
//!
//! A bug is a file `planted/<name>.toml` of the crate it belongs to: a piece of its source and what takes its place. It is
//! planted into a copy of the workspace, so that nothing of it is ever in the program. ADR 5.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::scratch::Scratch;
use super::{Options, cargo, simulation};

/// One bug.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bug {
    /// What would come of it.
    why: String,
    /// Where it is planted, below the crate's folder.
    file: PathBuf,
    /// What is there: once, and only once.
    find: String,
    /// What takes its place.
    replace: String,
}

impl Bug {
    /// The file with the bug in it.
    fn plant(&self, source: &str) -> Result<String> {
        let found = source.matches(&self.find).count();
        if found != 1 {
            bail!("{} has it {found} times:\n{}", self.file.display(), self.find);
        }
        Ok(source.replacen(&self.find, &self.replace, 1))
    }
}

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

/// Plants every bug of these crates in turn, prints the score, and fails if one is not found.
pub fn run(root: &Path, packages: &[&String], options: &Options) -> Result<()> {
    let scratch = Scratch::of(root)?;
    let mut wanting = Vec::new();
    let (mut found, mut all) = (0, 0);
    for package in packages {
        let chosen = |name: &String| options.bug.as_ref().is_none_or(|bug| bug == name);
        let bugs = bugs(root, package)?.into_iter().filter(|(name, _)| chosen(name));
        let bugs: Vec<(String, Bug)> = bugs.collect();
        if bugs.is_empty() {
            continue;
        }
        if !simulated(scratch.root(), package, options)? {
            bail!("the simulation of {package} fails without a bug");
        }
        let before = found;
        let count = bugs.len();
        for (name, bug) in bugs {
            let begun = Instant::now();
            let fate = plant(root, &scratch, package, &bug, options).with_context(|| name.clone())?;
            let (word, seconds) = (format!("{fate:?}").to_lowercase(), begun.elapsed().as_secs());
            eprintln!("{word:<7} {package}: {name}: {} ({seconds} s)", bug.why);
            match fate {
                Fate::Found => found += 1,
                Fate::Missed | Fate::Broken => wanting.push(name),
            }
        }
        all += count;
        eprintln!("{package}: {} of {count} planted bugs were found", found - before);
    }
    println!("{found} of {all} planted bugs were found");
    if wanting.is_empty() {
        return Ok(());
    }
    bail!("not found, or not to be built: {wanting:?}")
}

fn plant(root: &Path, scratch: &Scratch, package: &str, bug: &Bug, options: &Options) -> Result<Fate> {
    let target = Path::new("crates").join(package).join(&bug.file);
    let source = std::fs::read_to_string(root.join(&target))?;
    scratch.write(&target, &bug.plant(&source)?)?;
    let mut build = cargo(scratch.root());
    build.args([
        "test",
        "--quiet",
        "--no-run",
        "--package",
        package,
        "--test",
        "simulation",
    ]);
    let built = build.status().context("cannot start cargo")?.success();
    let fate = match built {
        false => Fate::Broken,
        true if simulated(scratch.root(), package, options)? => Fate::Missed,
        true => Fate::Found,
    };
    scratch.write(&target, &source)?;
    Ok(fate)
}

/// Whether a crate's simulation finds nothing.
fn simulated(root: &Path, package: &str, options: &Options) -> Result<bool> {
    let mut command = simulation(root, package, options);
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut running = command.spawn().context("cannot start cargo")?;
    let begun = Instant::now();
    loop {
        if let Some(ended) = running.try_wait()? {
            return Ok(ended.success());
        }
        if begun.elapsed() > PATIENCE {
            // Cargo, and the simulation that it runs.
            let group = format!("-{}", running.id());
            Command::new("kill").args(["-KILL", "--", &group]).status()?;
            running.wait()?;
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
}

/// The bugs of a crate by name.
fn bugs(root: &Path, package: &str) -> Result<Vec<(String, Bug)>> {
    let folder = root.join("crates").join(package).join("planted");
    let mut bugs = Vec::new();
    if !folder.exists() {
        return Ok(bugs);
    }
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path)?;
        let bug = toml::from_str(&text).with_context(|| path.display().to_string())?;
        bugs.push((name, bug));
    }
    bugs.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(bugs)
}

/// The bugs that can no longer be planted, as the source has changed.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for package in super::packages(root)? {
        for (name, bug) in bugs(root, &package)? {
            let path = root.join("crates").join(&package).join(&bug.file);
            let planted = std::fs::read_to_string(&path).map_err(Into::into);
            if let Err(error) = planted.and_then(|source| bug.plant(&source)) {
                breaches.push(format!(
                    "crates/{package}/planted/{name}.toml cannot be planted: {error}"
                ));
            }
        }
    }
    Ok(breaches)
}
