//! The first client of a broker that was only just started: it waits for as long as the broker lives, and no longer.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::broker::Broker;

/// How often is looked whether the broker still runs.
const LOOK: Duration = Duration::from_millis(50);

/// Runs a client that ends once it was served.
pub fn serve(brokers: &[&Broker], command: &mut Command) -> Result<()> {
    let client = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let number = client.id().to_string();
    let over = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                if brokers.iter().any(|broker| broker.has_ended()) {
                    // It fails only when the client has ended too.
                    let _ = Command::new("kill").arg(&number).status();
                    break;
                }
                std::thread::park_timeout(LOOK);
            }
        });
        let output = client.wait_with_output();
        over.store(true, Ordering::Release);
        watch.thread().unpark();
        output
    })?;
    if let Some(broker) = brokers.iter().find(|broker| broker.has_ended()) {
        bail!("the broker has ended: {}", broker.last_words());
    }
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
