//! `cargo xtask test`: installs what the tests need below `target/test-deps`, builds the binary, runs every test.

pub mod install;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

/// What `cargo xtask test` can be told.
#[derive(Args)]
pub struct Options {
    /// Only install what the tests need.
    #[arg(long)]
    install_only: bool,
    /// Run format check, clippy and the layering check first, as CI does.
    #[arg(long)]
    ci: bool,
    /// Three nodes, with three replicas of everything, in the place of every broker that may be one of several: only the
    /// tests of whole brokers, and not those about one broker's directory or about a cluster anyway.
    #[arg(long, value_parser = clap::value_parser!(u8).range(3..=3))]
    nodes: Option<u8>,
    /// Passed on to `cargo test`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo_test: Vec<String>,
}

/// Runs the command; an error is what the user reads last.
pub fn run(options: &Options) -> Result<()> {
    let root = workspace_root();
    if options.ci {
        check(&root)?;
    }
    install::all(&root)?;
    if options.install_only {
        return Ok(());
    }
    // All of the workspace, as the tests need it: building the binary alone would choose other features, and so twice.
    cargo(&root, &["build", "--workspace"])?;
    let given: Vec<_> = options.cargo_test.iter().map(String::as_str).collect();
    if options.nodes.is_some() {
        return with_three_nodes(&root, &given);
    }
    let mut arguments = vec!["test", "--workspace", "--no-fail-fast"];
    arguments.extend(&given);
    let told = cargo(&root, &arguments);
    if options.ci {
        let mut filters = vec!["--"];
        filters.extend(IN_CI);
        return told.and(with_three_nodes(&root, &filters));
    }
    told
}

/// The test programs whose broker may be three nodes.
const OF_SEVERAL: [&str; 8] = [
    "stories",
    "groups",
    "transactions",
    "transaction_walks",
    "exactly_once",
    "churn",
    "connect",
    "streams",
];

/// What CI tells of three nodes: failover of leaders and of coordinators, in about a minute.
const IN_CI: [&str; 5] = [
    "crashes::",
    "outcomes::",
    "stories::idempotence",
    "no_acknowledged_commit_is_lost",
    "output_equals_input_in_a_consumer_group",
];

/// Runs those of the tests that can be told of three nodes so; `given` is passed on.
fn with_three_nodes(root: &Path, given: &[&str]) -> Result<()> {
    let mut command = cargo_command(root);
    command.args(["test", "--package", "testkit", "--no-fail-fast"]);
    for program in OF_SEVERAL {
        command.args(["--test", program]);
    }
    run_program(command.args(given).env("RIVERRUN_NODES", "3"))
}

/// Runs one test, ignored or not, of one of a crate's test programs, showing what it prints.
pub fn one(package: &str, program: &str, name: &str, environment: &[(&str, String)]) -> Result<()> {
    let root = workspace_root();
    install::all(&root)?;
    cargo(&root, &["build", "--workspace"])?;
    let arguments = ["test", "--package", package, "--test", program, "--", "--exact", name];
    let mut command = cargo_command(&root);
    command.args(arguments).args(["--include-ignored", "--nocapture"]);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    run_program(&mut command)
}

/// The folder of Apache Kafka's jars, installed if need be.
pub fn kafka_jars() -> Result<PathBuf> {
    let root = workspace_root();
    install::all(&root)?;
    Ok(install::folder(&root).join("java/jars"))
}

/// What CI holds the source to before it runs anything.
fn check(root: &Path) -> Result<()> {
    cargo(root, &["fmt", "--all", "--check"])?;
    cargo(
        root,
        &["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"],
    )?;
    super::tidy::run()
}

/// The folder of the workspace's `Cargo.toml`.
pub fn workspace_root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the workspace").to_owned()
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    run_program(cargo_command(root).args(arguments))
}

/// `cargo` in the workspace, with what tests look for in the environment.
fn cargo_command(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .env("RIVERRUN_BIN", target_dir(root).join("debug/riverrun"))
        .env("RIVERRUN_TEST_DEPS", install::folder(root));
    command
}

/// Where cargo puts what it builds.
fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Runs a program with our own output; an error names the whole command.
fn run_program(command: &mut Command) -> Result<()> {
    eprintln!("+ {command:?}");
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{status}: {command:?}");
    }
    Ok(())
}
