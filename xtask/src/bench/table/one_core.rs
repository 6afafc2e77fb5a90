//! What one core carries: the broker held to one, the generator to the others.

use std::process::Command;

use anyhow::{Result, ensure};

use super::produce::{MIDDLE, SMALL};
use crate::bench::measuring::{Contestant, Measuring};

/// Both by turns; nothing on a machine of one core, or where nobody can be held to one.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    if cores < 2 || hold(std::process::id(), &all(cores)).is_err() {
        eprintln!("nobody can be held to one core here: not measured");
        return Ok(());
    }
    for shape in [SMALL, MIDDLE] {
        for _ in 0..measuring.rounds {
            for contestant in contestants {
                hold(contestant.broker.id(), "0")?;
                hold(std::process::id(), &format!("1-{}", cores - 1))?;
                // As many requests under way as keep it busy without a break.
                let load = shape.load(measuring, "one-core").with("--depth 20");
                let run = contestant.run(measuring, &load);
                hold(contestant.broker.id(), &all(cores))?;
                hold(std::process::id(), &all(cores))?;
                let run = run?;
                let rows = [
                    ("records/s", run.records_per_second()),
                    ("MB/s", run.megabytes_per_second()),
                ];
                let what = format!("on one core, {}", shape.name);
                measuring.figures.add_all(contestant.name, &what, rows);
                contestant.delete(measuring, "one-core")?;
            }
        }
    }
    Ok(())
}

fn all(cores: usize) -> String {
    format!("0-{}", cores - 1)
}

/// All threads of a process, and what they start from now on.
fn hold(process: u32, cores: &str) -> Result<()> {
    let output = Command::new("taskset")
        .args(["-a", "-c", "-p", cores, &process.to_string()])
        .output()?;
    ensure!(
        output.status.success(),
        "taskset: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
