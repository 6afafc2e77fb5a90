//! NATS with JetStream, file store, everything else as it comes.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Installed, Running, folder, free_port};

/// Starts it.
pub fn start(installed: &Installed, home: &Path) -> Result<Option<Running>> {
    let program = folder(installed, "nats-server").join("usr/sbin/nats-server");
    if !program.exists() {
        return Ok(None);
    }
    let port = free_port()?;
    let mut command = Command::new(program);
    command
        .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
        .arg(home.join("data"));
    Running::start(command, home, format!("127.0.0.1:{port}")).map(Some)
}
