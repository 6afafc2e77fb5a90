//! ActiveMQ Artemis: an instance of its own, one acceptor, no console.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::{Installed, Running, folder, free_port};

/// What an instance is created with, besides its place and port: nothing that is not measured, and no waiting for the disk.
const CREATE: [&str; 14] = [
    "--user",
    "bench",
    "--password",
    "bench",
    "--allow-anonymous",
    "--silent",
    "--no-fsync",
    "--no-autotune",
    "--no-web",
    "--no-amqp-acceptor",
    "--no-hornetq-acceptor",
    "--no-mqtt-acceptor",
    "--no-stomp-acceptor",
    "--host",
];

/// Creates an instance and starts it.
pub fn start(installed: &Installed, home: &Path) -> Result<Option<Running>> {
    let place = folder(installed, "artemis");
    let Some(distribution) = place.read_dir().ok().and_then(|mut folders| folders.next()) else {
        return Ok(None);
    };
    let program = distribution?.path().join("bin/artemis");
    let port = free_port()?;
    let instance = home.join("instance");
    let mut create = Command::new("sh");
    create.arg(program).arg("create").args(CREATE).arg("127.0.0.1");
    let created = create
        .args(["--default-port", &port.to_string()])
        .arg(&instance)
        .output()?;
    if !created.status.success() {
        bail!("no instance: {}", String::from_utf8_lossy(&created.stdout));
    }
    let mut command = Command::new("sh");
    command.arg(instance.join("bin/artemis")).arg("run");
    Running::start(command, home, format!("127.0.0.1:{port}")).map(Some)
}
