//! Instructions in user mode, by valgrind's callgrind.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
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

/// The counts of the process since the last dump.
pub fn dump(id: u32, home: &Path) -> Result<String> {
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
    Ok(std::fs::read_to_string(home.join(format!("{FILES}.{number}")))?)
}

/// All instructions of a dump.
pub fn total(text: &str) -> Result<u64> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals:"));
    Ok(line.context("callgrind's file tells the total")?.trim().parse()?)
}

/// The instructions of each function of a dump, without those of the functions that it calls.
pub fn functions(text: &str) -> BTreeMap<String, u64> {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut current, mut is_of_call) = ("", false);
    for line in text.lines() {
        let named = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn="));
        if let Some((number, name)) = named.and_then(|named| named.split_once(')')) {
            if !name.is_empty() {
                names.insert(number, name.trim());
            }
            if line.starts_with("fn=") {
                current = number;
            }
        } else if line.starts_with("calls=") {
            is_of_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let count = line.split(' ').nth(1).and_then(|count| count.parse::<u64>().ok());
            if !std::mem::take(&mut is_of_call) {
                *counts.entry(current).or_default() += count.unwrap_or(0);
            }
        }
    }
    let mut functions = BTreeMap::new();
    for (number, count) in counts {
        // A function that calls itself has a count for each depth.
        let name = names
            .get(number)
            .map_or("", |name| name.split('\'').next().unwrap_or(name));
        *functions.entry(name.to_owned()).or_default() += count;
    }
    functions
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    #[test]
    fn the_total_is_read() {
        let total = |text| super::total(text).ok();
        assert_eq!(total("events: Ir\nsummary: 12\n\ntotals: 34\n"), Some(34));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn what_a_function_calls_is_not_its_own() {
        let text = "fn=(1) one\n12 5\n+3 6\ncfn=(2) two\ncalls=1 40\n+1 1000\n* 7\n\nfn=(2)\n40 900\n\nfn=(3) one'2\n12 1\ntotals: 919\n";
        let wanted = [("one", 19), ("two", 900)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(super::functions(text), BTreeMap::from(wanted));
    }
}
