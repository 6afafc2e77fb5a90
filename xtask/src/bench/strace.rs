//! System calls of a process, counted by strace.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long strace may take to attach.
const ATTACH: Duration = Duration::from_secs(10);

/// A process whose system calls are counted.
pub struct Counting {
    strace: Child,
    file: PathBuf,
}

impl Counting {
    /// Attaches to all threads of a process.
    pub fn begin(id: u32, file: &Path) -> Result<Self> {
        let strace = Command::new("strace")
            .args(["-f", "-c", "-p", &id.to_string(), "-o"])
            .arg(file)
            .stderr(Stdio::null())
            .spawn()?;
        let counting = Self {
            strace,
            file: file.to_owned(),
        };
        let deadline = Instant::now() + ATTACH;
        while !is_traced(id)? {
            if Instant::now() > deadline {
                bail!("strace does not come to the broker; may it trace other processes?");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(counting)
    }

    /// How many there were.
    pub fn end(mut self) -> Result<u64> {
        let id = self.strace.id().to_string();
        anyhow::ensure!(Command::new("kill").args(["-INT", &id]).status()?.success());
        self.strace.wait()?;
        let text = std::fs::read_to_string(&self.file)?;
        total(&text).with_context(|| format!("strace tells a total: {text}"))
    }
}

/// Whether every thread has a tracer.
fn is_traced(id: u32) -> Result<bool> {
    for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
        let status = std::fs::read_to_string(thread?.path().join("status"))?;
        if status.lines().any(|line| line == "TracerPid:\t0") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The calls of all kinds: the fourth column of the last row.
fn total(text: &str) -> Option<u64> {
    let row = text.lines().rfind(|line| line.ends_with(" total"))?;
    row.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_total_is_read() {
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- ------------------\n \
                    60.11    0.2           2     77001        30 futex\n\
                    ------ ----------- ----------- --------- --------- ------------------\n\
                    100.00    1.030112           2    400123      3012 total\n";
        assert_eq!(super::total(text), Some(400_123));
    }
}
