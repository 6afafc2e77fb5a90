//! When a load begins.

use crate::Target;
use anyhow::{Result, ensure};
use std::io::BufRead;

/// Says that everything is ready and waits until it may begin, if it is to.
pub fn wait_for_go(target: &Target) -> Result<()> {
    if !target.paced {
        return Ok(());
    }
    println!("ready");
    wait_for_line()
}

/// Waits for a line on stdin.
pub fn wait_for_line() -> Result<()> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line)?;
    ensure!(read > 0, "stdin ended");
    Ok(())
}
