//! A network of our own to measure in, with a congestion control that does not pace.
//!
//! Some virtual machines come with BBR, which paces even loopback: the same bytes cost a multiple. A namespace leaves the
//! machine's own settings alone.

use std::process::Command;

use anyhow::{Result, bail};

/// Says to the same program within the namespace that it is there.
const INSIDE: &str = "RIVERRUN_BENCH_NETWORK";
/// The first that a namespace may choose: the kernel keeps some for the machine itself. Nothing is lost on loopback, so they
/// do the same there.
const CONGESTION_CONTROLS: [&str; 2] = ["cubic", "reno"];

/// Runs this very command again in a network namespace, if it is not there yet and may: then everything is done on return,
/// and it says true.
pub fn enter_own() -> Result<bool> {
    if std::env::var_os(INSIDE).is_some() {
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status()?;
        anyhow::ensure!(up.success(), "loopback cannot be brought up");
        let chosen = |name: &&str| std::fs::write("/proc/sys/net/ipv4/tcp_congestion_control", name).is_ok();
        anyhow::ensure!(
            CONGESTION_CONTROLS.iter().any(chosen),
            "no congestion control can be chosen"
        );
        return Ok(false);
    }
    let allowed = Command::new("unshare").args(["--net", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("measuring in the machine's own network: a namespace needs root");
        return Ok(false);
    }
    let status = Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "own")
        .status()?;
    if !status.success() {
        bail!("measuring in a network namespace failed");
    }
    Ok(true)
}
