//! Bugs that are kept to be found: what a simulation is worth.
//!
//! A bug is a file `planted/<name>.toml` of the crate it belongs to: a piece of its source and what takes its place. It is
//! planted into a copy of the workspace, so that nothing of it is ever in the program. ADR 5.

use std::path::{Path, PathBuf};
use std::process::Stdio;

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

/// Plants every bug of these crates in turn, and fails if one is not found.
pub fn run(root: &Path, packages: &[&String], options: &Options) -> Result<()> {
    let scratch = Scratch::of(root)?;
    let (mut found, mut missed) = (0, Vec::new());
    for package in packages {
        if !simulated(scratch.root(), package, options)? {
            bail!("the simulation of {package} fails without a bug");
        }
        let chosen = |name: &String| options.bug.as_ref().is_none_or(|bug| bug == name);
        for (name, bug) in bugs(root, package)?.into_iter().filter(|(name, _)| chosen(name)) {
            let target = Path::new("crates").join(package).join(&bug.file);
            let source = std::fs::read_to_string(root.join(&target))?;
            let planted = bug.plant(&source).with_context(|| name.clone())?;
            scratch.write(&target, &planted)?;
            let built = cargo(scratch.root())
                .args([
                    "test",
                    "--quiet",
                    "--no-run",
                    "--package",
                    package,
                    "--test",
                    "simulation",
                ])
                .status()?;
            if !built.success() {
                bail!("{name} of {package} does not compile");
            }
            let survived = simulated(scratch.root(), package, options)?;
            scratch.write(&target, &source)?;
            if survived {
                eprintln!("MISSED  {package}: {name}: {}", bug.why);
                missed.push(name);
            } else {
                eprintln!("found   {package}: {name}: {}", bug.why);
                found += 1;
            }
        }
    }
    eprintln!("{found} of {} planted bugs were found", found + missed.len());
    if missed.is_empty() {
        return Ok(());
    }
    bail!("not found: {missed:?}")
}

/// Whether a crate's simulation finds nothing.
fn simulated(root: &Path, package: &str, options: &Options) -> Result<bool> {
    let mut command = simulation(root, package, options);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status().context("cannot start cargo")?.success())
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
