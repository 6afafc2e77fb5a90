//! What the numbers were measured on.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

/// The machine and the tree.
#[derive(Serialize)]
pub struct Machine {
    /// The processor.
    pub processor: String,
    /// How many of it.
    pub cores: usize,
    /// The kernel.
    pub kernel: String,
    /// TCP's congestion control, which matters even on loopback.
    pub congestion_control: String,
    /// Processes that wanted to run beside the benchmark, at its start.
    pub load_average: String,
    /// The commit that was measured.
    pub commit: String,
    /// The day.
    pub date: String,
}

impl Machine {
    /// `commit C on D: the machine`, as every table begins; to be asked when all is measured.
    pub fn sentence(&self) -> String {
        format!(
            "commit {} on {}: {} x {}, Linux {}, TCP {}, load average {} before it began and {} at its end (its own load)",
            self.commit,
            self.date,
            self.cores,
            self.processor,
            self.kernel,
            self.congestion_control,
            self.load_average,
            load_average()
        )
    }
}

/// Processes that wanted to run in the last minute.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or_default().to_owned()
}

/// The JVM that is found here.
pub fn java() -> String {
    let output = Command::new("java").arg("-version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    let line = text.unwrap_or_default().lines().next().map(str::to_owned);
    line.unwrap_or_else(|| String::from("no JVM")).replace('"', "")
}

/// `one round`, or how many.
pub fn rounds(count: usize) -> String {
    match count {
        1 => String::from("one round"),
        _ => format!("medians of {count} rounds by turns"),
    }
}

/// Shows a text and writes it to its place.
pub fn write(output: &Path, text: &str) -> Result<()> {
    println!("\n{text}");
    write_quietly(output, text)?;
    println!("written to {}", output.display());
    Ok(())
}

fn write_quietly(output: &Path, text: &str) -> Result<()> {
    std::fs::create_dir_all(output.parent().context("a text goes into a folder")?)?;
    std::fs::write(output, text).with_context(|| format!("cannot write {}", output.display()))
}

/// Where a text goes: where it is told to; else, if all of it was measured, to its own place; a part is only shown.
pub fn place(root: &Path, told: Option<&Path>, only: usize, own: &str) -> Option<PathBuf> {
    let own = (only == 0).then_some(Path::new(own));
    told.or(own).map(|output| root.join(output))
}

/// Writes what a text was made of beside it.
pub fn write_json(output: &Path, value: &serde_json::Value) -> Result<()> {
    let text = serde_json::to_string(value)? + "\n";
    write_quietly(&output.with_extension("json"), &text)
}

/// Looks at the machine.
pub fn describe(root: &Path) -> Result<Machine> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpuinfo = read("/proc/cpuinfo");
    let processor = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let said = |command: &mut Command| -> Result<String> {
        Ok(String::from_utf8_lossy(&command.output()?.stdout).trim().to_owned())
    };
    Ok(Machine {
        processor: processor.trim_start_matches([' ', '\t', ':']).to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        kernel: read("/proc/sys/kernel/osrelease"),
        congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control"),
        load_average: load_average(),
        commit: said(
            Command::new("git")
                .current_dir(root)
                .args(["rev-parse", "--short", "HEAD"]),
        )?,
        date: said(Command::new("date").args(["-u", "+%Y-%m-%d"]))?,
    })
}

/// Allows this process, and those that it starts, as many open files as the system lets it: ten thousand partitions take
/// some more than that.
pub fn allow_many_files() -> Result<()> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let hard = line.and_then(|line| line.split_whitespace().nth(1));
    let hard = hard.context("the limits tell of open files")?;
    let own = std::process::id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &own, &format!("--nofile={hard}:{hard}")])
        .status()?;
    anyhow::ensure!(raised.success(), "the limit of open files cannot be raised to {hard}");
    Ok(())
}

/// How much memory is touched before anything is measured, in MiB, if so much is wanted: never most of what there is.
pub fn memory_to_warm(wanted: f64) -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    let available: u64 = kibibytes.context("meminfo tells what is available")?.parse()?;
    Ok((wanted as u64).min(available / 1024 / 2))
}
