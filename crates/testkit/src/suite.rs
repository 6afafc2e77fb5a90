//! A stock client's program: run against a broker, judged by its exit code, its cases printed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long one suite may take.
const DEADLINE: Duration = Duration::from_secs(600);

/// Runs `command`, with its output in a file below `home`; an error holds the output.
pub fn run(name: &str, command: &mut Command, home: &Path) -> Result<String> {
    let path = home.join(format!("{name}.out"));
    let file = std::fs::File::create(&path)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let deadline = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            break child.wait()?;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let output = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
    if !status.success() {
        bail!("{name}: {status}\n{output}");
    }
    Ok(output)
}
