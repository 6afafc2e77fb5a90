//! `riverrun storage`: not built yet, and says so.

use std::process::ExitCode;

/// Runs the command.
pub fn run(_args: Vec<String>) -> anyhow::Result<ExitCode> {
    anyhow::bail!("riverrun storage is not built yet")
}
