//! `cargo xtask sim`: the seeded simulations of the machines, and the bugs that they have to find.
//!
//! A crate has a simulation if it has a test program of that name; `RIVERRUN_SIM_SEEDS` and `RIVERRUN_SIM_FROM` tell it
//! how much to do, so that a plain `cargo test` runs the same code for a few seconds.

mod bug;
mod planted;
mod scratch;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

pub use planted::check;

/// What `cargo xtask sim` can be told.
#[derive(Args)]
pub struct Options {
    /// How many seeds each simulation runs: 500, where it is not told, and 50 of whole nodes, a history of which takes as long as
    /// dozens of the others.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this crate's simulation.
    #[arg(long)]
    package: Option<String>,
    /// Plant the bugs that are kept for the simulation, one at a time, and count which are found.
    #[arg(long)]
    planted: bool,
    /// Plant only this one.
    #[arg(long, requires = "planted")]
    bug: Option<String>,
}

/// Runs the command; an error is what the user reads last.
pub fn run(options: &Options) -> Result<()> {
    let root = root();
    let packages = packages(&root)?;
    let chosen: Vec<&String> = match &options.package {
        None => packages.iter().collect(),
        Some(package) => packages.iter().filter(|known| *known == package).collect(),
    };
    if chosen.is_empty() {
        bail!("no such simulation; there are {packages:?}");
    }
    if options.planted {
        return planted::run(&root, &chosen, options);
    }
    for package in chosen {
        let mut command = simulation(&root, package, options);
        eprintln!("+ {command:?}");
        let status = command.status().context("cannot start cargo")?;
        if !status.success() {
            bail!("the simulation of {package} found something");
        }
    }
    Ok(())
}

/// The simulation of whole nodes.
const WHOLE_NODES: &str = "simulated-cluster";

/// How many seeds a simulation runs.
fn seeds(package: &str, options: &Options) -> u64 {
    let otherwise = if package == WHOLE_NODES { 50 } else { 500 };
    options.seeds.unwrap_or(otherwise)
}

/// The crates that have a simulation.
fn packages(root: &Path) -> Result<Vec<String>> {
    let mut packages = Vec::new();
    for entry in std::fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let tests = folder.join("tests");
        if tests.join("simulation.rs").exists() || tests.join("simulation/main.rs").exists() {
            packages.extend(folder.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    packages.sort();
    Ok(packages)
}

/// The program that runs a crate's simulation in the workspace at `root`.
fn simulation(root: &Path, package: &str, options: &Options) -> Command {
    let mut command = cargo(root);
    command
        .args(["test", "--quiet", "--package", package, "--test", "simulation"])
        .args(["--", "--nocapture"])
        .env("RIVERRUN_SIM_SEEDS", seeds(package, options).to_string())
        .env("RIVERRUN_SIM_FROM", options.from.to_string());
    command
}

/// Cargo, building a little optimised: a history of whole nodes takes a fifth of the time, and what is asserted is asserted still.
fn cargo(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    command
}

fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the workspace").to_owned()
}
