//! Instructions in user mode, by valgrind's callgrind.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// What files with counts begin with.
const FILES: &str = "counted";

/// The program that a broker runs under, and its arguments.
pub fn command(home: &Path) -> (&'static str, Vec<String>) {
    let file = home.join(FILES);
    let arguments = ["--tool=callgrind", "--quiet"].map(str::to_owned);
    let arguments = arguments.into_iter();
    (
        "valgrind",
        arguments
            .chain([format!("--callgrind-out-file={}", file.display())])
            .collect(),
    )
}

/// Instructions of the process since the last dump.
pub fn dump(id: u32, home: &Path) -> Result<u64> {
    let output = Command::new("callgrind_control")
        .args(["--dump", &id.to_string()])
        .output()?;
    if !output.status.success() {
        bail!("callgrind_control failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut newest = None;
    for entry in std::fs::read_dir(home)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_dump = path.file_stem().is_some_and(|stem| stem == FILES);
        let number = extension.and_then(|number| number.parse::<u32>().ok());
        newest = newest.max(number.filter(|_| is_dump));
    }
    let number = newest.context("callgrind has written its counts")?;
    let text = std::fs::read_to_string(home.join(format!("{FILES}.{number}")))?;
    total(&text).context("callgrind's file tells the total")
}

/// The total of a file of counts.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_total_is_read() {
        assert_eq!(super::total("events: Ir\nsummary: 12\n\ntotals: 34\n"), Some(34));
        assert_eq!(super::total("events: Ir\n"), None);
    }
}
