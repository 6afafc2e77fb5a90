//! Waiting until a broker serves clients: it answers, and knows itself as a broker of the cluster.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{Process, tail};
use crate::wire::Wire;
use std::path::Path;

/// How long a broker may take to start. A JVM beside a busy compiler is slow.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// Polls `bootstrap` until Metadata names a broker; an error when the process ends or the deadline passes.
pub fn wait_until_ready(process: &mut Process, bootstrap: &str, output: &Path) -> Result<()> {
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        if let Some(status) = process.ended()? {
            bail!("ended with {status} while starting; it wrote:\n{}", tail(output));
        }
        if serves(bootstrap).unwrap_or(false) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("not ready after {START_DEADLINE:?}; it wrote:\n{}", tail(output));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Metadata v1 for no topics: true when at least one broker is listed.
fn serves(bootstrap: &str) -> Result<bool> {
    let mut wire = Wire::connect(bootstrap)?;
    wire.set_timeout(Duration::from_secs(5))?;
    let answer = wire.call_raw(3, 1, &0_i32.to_be_bytes())?;
    let brokers: [u8; 4] = answer.get(..4).unwrap_or(&[0; 4]).try_into()?;
    Ok(i32::from_be_bytes(brokers) > 0)
}
