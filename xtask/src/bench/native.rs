//! The native load generator, `bench-load`: started, paced, read.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::broker::Broker;
use super::counters::{Counters, Spent};
use super::{first_client, memory};

/// The generators' programs.
pub struct Generator {
    folder: PathBuf,
    /// Where memory is had for a load.
    scratch: PathBuf,
}

/// What a load did, and what it cost the broker.
#[derive(Clone, Debug)]
pub struct Run {
    /// What the generator says.
    pub figures: Value,
    /// What the broker spent meanwhile.
    pub spent: Spent,
}

impl Run {
    /// A number that the generator says; its name may be a path, as `end_to_end_ms.p99`.
    pub fn figure(&self, path: &str) -> f64 {
        let value = path.split('.').fold(&self.figures, |value, name| &value[name]);
        value.as_f64().unwrap_or(f64::NAN)
    }

    /// Records a second.
    pub fn records_per_second(&self) -> f64 {
        self.figure("records") / self.figure("seconds")
    }

    /// Megabytes of batches a second.
    pub fn megabytes_per_second(&self) -> f64 {
        self.figure("wire_bytes") / self.figure("seconds") / 1e6
    }

    /// What the broker spent on a request, in microseconds.
    pub fn cpu_microseconds_per_request(&self) -> f64 {
        self.spent.cpu_seconds / self.figure("requests") * 1e6
    }

    /// What the broker spent on a gigabyte of batches.
    pub fn cpu_seconds_per_gigabyte(&self) -> f64 {
        self.spent.cpu_seconds / self.figure("wire_bytes") * 1e9
    }

    /// What the broker spent on a million records.
    pub fn cpu_seconds_per_million(&self) -> f64 {
        self.spent.cpu_seconds / self.figure("records") * 1e6
    }
}

/// A deleted topic's files go soon, not after a minute: runs follow one another, and the disk is finite.
const DELETED_SOON: &str = "file.delete.delay.ms=1000";

impl Generator {
    /// Those of a folder, which may write to the other one.
    pub fn of(folder: PathBuf, scratch: PathBuf) -> Self {
        Self { folder, scratch }
    }

    /// The program of the bare loop.
    pub fn bare(&self) -> PathBuf {
        self.folder.join("bench-bare")
    }

    /// Loads a broker and reads the counters of its processes before and after.
    pub fn run(&self, address: &str, processes: &[u32], load: &Load) -> Result<Run> {
        let mut command = self.command("bench-load", address, &load.arguments);
        self.paced(command.args(["--set", DELETED_SOON, "--paced"]), processes, load)
    }

    /// Loads a broker that does not speak Kafka's protocol.
    pub fn run_rival(&self, address: &str, processes: &[u32], load: &Load) -> Result<Run> {
        let mut command = self.command("bench-rivals", address, &load.arguments);
        self.paced(command.arg("--paced"), processes, load)
    }

    /// Starts a generator that says `ready`, lets it go and reads the counters around it.
    fn paced(&self, command: &mut Command, processes: &[u32], load: &Load) -> Result<Run> {
        let mut waiting = Waiting::start(command)?;
        if load.fills > 0.0 {
            self.have_memory(load.fills)?;
        }
        let before = Counters::read(processes)?;
        let line = waiting.go()?;
        let spent = Counters::read(processes)?.since(&before);
        Ok(Run {
            figures: serde_json::from_str(&line).with_context(|| line.clone())?,
            spent,
        })
    }

    /// Has memory from the machine's host for so many bytes that are about to be written.
    pub fn have_memory(&self, bytes: f64) -> Result<()> {
        memory::have(&self.scratch, bytes)
    }

    /// Runs one of its commands that say nothing.
    pub fn quietly(&self, address: &str, arguments: &[&str]) -> Result<()> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut command = self.command("bench-load", address, &arguments);
        let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
        if !output.status.success() {
            bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// Sends one record to a broker that was only just started.
    pub fn first_record(&self, brokers: &[&Broker]) -> Result<()> {
        let arguments = "produce --topic first --records 1 --batch-size 1 --seconds 600";
        let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        let broker = brokers.first().context("nobody to send it to")?;
        first_client::serve(brokers, &mut self.command("bench-load", broker.address(), &arguments))
    }

    /// Touches memory, and keeps as much of it as makes it stay with this machine.
    pub fn ballast(&self, mebibytes: u64) -> Result<Waiting> {
        let mut command = Command::new(self.folder.join("bench-load"));
        Waiting::start(command.args(["ballast", "--mebibytes", &mebibytes.to_string()]))
    }

    /// Opens connections that stay until the answer is told to go.
    pub fn idle(&self, address: &str, connections: usize) -> Result<Waiting> {
        let arguments = ["idle", "--connections", &connections.to_string()].map(str::to_owned);
        Waiting::start(&mut self.command("bench-load", address, &arguments))
    }

    /// A command of one of the generators.
    fn command(&self, program: &str, address: &str, arguments: &[String]) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.args(arguments).args(["--bootstrap", address]);
        command
    }
}

/// A load: a command of `bench-load`.
#[derive(Debug)]
pub struct Load {
    arguments: Vec<String>,
    /// Bytes that it will have the page cache take.
    fills: f64,
}

impl Load {
    /// A command and its arguments, in words.
    pub fn new(words: &str) -> Self {
        Self {
            arguments: words.split_whitespace().map(str::to_owned).collect(),
            fills: 0.0,
        }
    }

    /// Will fill so many bytes, which are had from the machine's host before it is measured.
    pub fn filling(mut self, bytes: f64) -> Self {
        self.fills = bytes;
        self
    }

    /// With more arguments; a flag that is there already gets the new value.
    pub fn with(mut self, words: &str) -> Self {
        for word in words.split_whitespace() {
            let known = self.arguments.iter().position(|argument| argument == word);
            // A topic has several settings.
            if let Some(at) = known.filter(|_| word.starts_with("--") && word != "--set") {
                self.arguments.drain(at..at + 2);
            }
            self.arguments.push(word.to_owned());
        }
        self
    }
}

/// A generator that has said `ready`.
pub struct Waiting {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Waiting {
    /// Starts it and waits until it is ready.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let lines = BufReader::new(child.stdout.take().context("its stdout is piped")?);
        let mut waiting = Self { child, lines };
        let line = waiting.line()?;
        anyhow::ensure!(line == "ready", "{command:?} says {line:?}");
        Ok(waiting)
    }

    /// Lets it go and gives back what it says at its end.
    pub fn go(&mut self) -> Result<String> {
        writeln!(self.child.stdin.as_mut().context("its stdin is piped")?)?;
        let line = self.line()?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the generator failed: {status}");
        Ok(line)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Both fail only when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::Load;

    #[test]
    fn a_flag_said_again_gets_the_new_value() {
        let load = Load::new("produce --seconds 3 --set a=b").with("--seconds 9 --set c=d");
        assert_eq!(load.arguments.join(" "), "produce --set a=b --seconds 9 --set c=d");
    }
}
