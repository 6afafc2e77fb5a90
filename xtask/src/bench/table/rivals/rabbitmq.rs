//! RabbitMQ: a node of its own with a port mapper of its own, streams spoken to on theirs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Installed, Running, folder, free_port};

/// A node whose streams are spoken to in their own protocol.
pub fn start_streams(installed: &Installed, home: &Path) -> Result<Option<Running>> {
    let port = free_port()?;
    start(installed, home, free_port()?, port, port)
}

/// A node that is spoken to in AMQP 0-9-1.
pub fn start_queues(installed: &Installed, home: &Path) -> Result<Option<Running>> {
    let port = free_port()?;
    start(installed, home, port, free_port()?, port)
}

fn start(installed: &Installed, home: &Path, amqp: u16, streams: u16, address: u16) -> Result<Option<Running>> {
    let Some(program) = program(&folder(installed, "rabbitmq-server")) else {
        return Ok(None);
    };
    let configuration = home.join("rabbitmq.conf");
    fs::write(
        &configuration,
        format!("listeners.tcp.1 = 127.0.0.1:{amqp}\nstream.listeners.tcp.1 = 127.0.0.1:{streams}\n"),
    )?;
    let plugins = home.join("enabled_plugins");
    fs::write(&plugins, "[rabbitmq_stream].\n")?;
    let mapper = free_port()?.to_string();
    let mut command = Command::new(program);
    command
        .env("HOME", home)
        .env("ERL_EPMD_PORT", &mapper)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", "bench@localhost")
        .env("RABBITMQ_DIST_PORT", free_port()?.to_string())
        .env("RABBITMQ_CONFIG_FILE", configuration)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", plugins)
        .env("RABBITMQ_MNESIA_BASE", home.join("data"))
        .env("RABBITMQ_LOG_BASE", home.join("log"))
        .env("RABBITMQ_PID_FILE", home.join("pid"));
    // The port mapper as a process of ours: the node would leave a daemon behind.
    let beside = Command::new("epmd")
        .args(["-address", "127.0.0.1", "-port", &mapper])
        .spawn()?;
    let mut running = Running::start(command, home, format!("127.0.0.1:{address}"))?;
    running.beside = Some(beside);
    Ok(Some(running))
}

/// The start script, where the package put it below the folder it was unpacked to.
fn program(package: &Path) -> Option<PathBuf> {
    let versions = package.join("usr/lib/rabbitmq/lib").read_dir().ok()?;
    let mut scripts = versions
        .flatten()
        .map(|version| version.path().join("sbin/rabbitmq-server"));
    scripts.find(|script| script.exists())
}
