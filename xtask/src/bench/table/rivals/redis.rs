//! Redis with its streams in memory and its append-only file flushed every second, as Redis recommends it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Installed, Running, folder, free_port};

/// Starts it.
pub fn start(installed: &Installed, home: &Path) -> Result<Option<Running>> {
    let program = folder(installed, "redis-server").join("usr/bin/redis-server");
    if !program.exists() {
        return Ok(None);
    }
    let port = free_port()?;
    let mut command = Command::new(program);
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args([
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
            "--save",
            "",
            "--dir",
        ])
        .arg(home);
    Running::start(command, home, format!("127.0.0.1:{port}")).map(Some)
}
