//! System calls of a produce request, counted by strace in a run of their own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::produce::{ONE, SMALL};
use crate::bench::measuring::{Contestant, Measuring};

/// Requests under way on the one connection.
const DEPTHS: [usize; 2] = [5, 1];

/// Both shapes at both depths; where there is no strace, nothing, and that is said.
pub fn measure(measuring: &mut Measuring, contestants: &[Contestant]) -> Result<()> {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("strace is not installed: system calls are not counted");
        return Ok(());
    }
    for shape in [ONE, SMALL] {
        for depth in DEPTHS {
            for contestant in contestants {
                // The topic and the way to it are there before anything is counted.
                let first = shape.load(measuring, "calls").with("--records 1000");
                contestant.run(measuring, &first)?;
                let traced = Traced::attach(contestant)?;
                let load = shape
                    .load(measuring, "calls")
                    .with(&format!("--connections 1 --depth {depth} --seconds 2"));
                let run = contestant.run(measuring, &load)?;
                let calls = traced.count()? / run.figure("requests");
                let row = format!("produce, {}, {depth} under way: system calls per request", shape.name);
                measuring.figures.add(contestant.name, &row, calls);
                contestant.delete(measuring, "calls")?;
            }
        }
    }
    Ok(())
}

/// A broker under strace.
struct Traced {
    strace: std::process::Child,
    said: BufReader<std::process::ChildStderr>,
}

impl Traced {
    /// Attaches to every thread there is.
    fn attach(contestant: &Contestant) -> Result<Self> {
        let mut strace = Command::new("strace")
            .args([
                "-c",
                "-f",
                "-U",
                "calls,name",
                "-p",
                &contestant.broker.id().to_string(),
            ])
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(strace.stderr.take().context("its stderr is piped")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        anyhow::ensure!(line.contains("attached"), "strace says {line:?}");
        Ok(Self { strace, said })
    }

    /// Detaches; how many calls there were.
    fn count(mut self) -> Result<f64> {
        let interrupted = Command::new("kill")
            .args(["-INT", &self.strace.id().to_string()])
            .status()?;
        anyhow::ensure!(interrupted.success(), "cannot interrupt strace");
        let mut text = String::new();
        self.said.read_to_string(&mut text)?;
        self.strace.wait()?;
        let total = text.lines().find_map(|line| line.trim().strip_suffix(" total"));
        Ok(total.with_context(|| text.clone())?.trim().parse()?)
    }
}
