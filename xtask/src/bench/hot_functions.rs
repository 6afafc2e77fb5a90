//! `cargo xtask bench hot-functions`: writes down what a broker runs through that takes a few records a second, or none, for the
//! linker to put side by side (ADR 20).
//!
//! The list is by name without the compiler's hash, which differs from one compiler to the next. Where many functions have the same
//! name, as those of generics do, all of them would come along, cold ones too: such names are left out.

use super::broker::{Broker, Make};
use super::callgrind;
use super::programs::{self, Programs};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where the list goes.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    programs: Programs,
    /// The linker script.
    #[arg(long, default_value = "crates/riverrun/hot-functions.ld")]
    script: PathBuf,
}

/// Records a second: slow enough for valgrind, and each is produced, stored, fetched and read by itself.
const RATE: u64 = 100;
const SECONDS: u64 = 10;
/// How often a controller with nothing to do writes a record that says nothing.
const IDLE_RATE: u64 = 2;
/// A function that spends fewer instructions than that for a record does not run for every record.
const LEAST: u64 = 2;
/// So many functions of one name may come along.
const NAMESAKES: usize = 4;
/// So many bytes of others may come along with one that runs.
const COMPANY: u64 = 2048;

/// A function of the program.
struct Function {
    name: String,
    bytes: u64,
}

/// Measures and writes.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    ensure!(
        programs::provide("valgrind", "valgrind"),
        "valgrind tells which functions run"
    );
    ensure!(
        programs::provide("nm", "binutils"),
        "nm tells which functions there are"
    );
    let program = options.programs.riverrun(root)?;
    let generator = options.programs.generator(root, "bench-load")?;
    let ran = ran(
        &Make::Riverrun(program.clone()),
        &generator,
        &root.join("target/bench/hot-functions"),
    )?;
    let patterns = patterns(&ran, &functions(&program)?);
    ensure!(patterns.len() > 100, "only {} functions ran", patterns.len());
    std::fs::write(root.join(&options.script), script(&patterns))?;
    println!("{} names in {}", patterns.len(), options.script.display());
    Ok(())
}

/// The functions that run for every record, and whenever a broker with nothing to do wakes.
fn ran(make: &Make, generator: &Path, home: &Path) -> Result<BTreeSet<String>> {
    let prepared = Broker::prepare_with(make, home, make.like_for_like())?;
    let (program, mut arguments) = callgrind::command(home);
    arguments.insert(0, "--demangle=no".to_owned());
    let broker = prepared.under(program, &arguments).start()?;
    let load = |topic: &str, seconds: u64| -> Result<()> {
        let words = format!("latency --topic {topic} --rate {RATE} --warmup-seconds 0 --seconds {seconds}");
        let mut command = Command::new(generator);
        let command = command.args(words.split(' ')).args(["--bootstrap", broker.address()]);
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    load("warm", 1)?;
    callgrind::dump(broker.id(), home)?;
    load("measured", SECONDS)?;
    let under_load = callgrind::dump(broker.id(), home)?;
    std::thread::sleep(Duration::from_secs(SECONDS));
    let idle = callgrind::dump(broker.id(), home)?;
    broker.stop()?;
    let each = |counts: &str, times: u64| {
        let counts = callgrind::functions(counts).into_iter();
        counts
            .filter(move |(_, count)| *count >= LEAST * times)
            .map(|(name, _)| name)
    };
    Ok(each(&under_load, RATE * SECONDS)
        .chain(each(&idle, IDLE_RATE * SECONDS))
        .collect())
}

/// The functions of the program.
fn functions(program: &Path) -> Result<Vec<Function>> {
    let output = Command::new("nm").arg("-S").arg(program).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let mut found = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        if let [_, bytes, "t" | "T" | "w" | "W", name] = fields[..] {
            let bytes = u64::from_str_radix(bytes, 16).context("nm tells sizes")?;
            let name = name.to_owned();
            found.push(Function { name, bytes });
        }
    }
    Ok(found)
}

/// The names of those that ran, for the linker; none that brings too many others along.
fn patterns(ran: &BTreeSet<String>, functions: &[Function]) -> BTreeSet<String> {
    let mut by_pattern: BTreeMap<String, Vec<&Function>> = BTreeMap::new();
    for function in functions {
        by_pattern.entry(pattern(&function.name)).or_default().push(function);
    }
    let is_worth_it = |functions: &[&Function]| {
        let bytes =
            |functions: &mut dyn Iterator<Item = &&Function>| functions.map(|function| function.bytes).sum::<u64>();
        let hot = bytes(&mut functions.iter().filter(|function| ran.contains(&function.name)));
        hot > 0 && (functions.len() <= NAMESAKES || bytes(&mut functions.iter()) <= hot + COMPANY)
    };
    by_pattern.retain(|_, functions| is_worth_it(functions));
    by_pattern.into_keys().collect()
}

/// A mangled name without what differs between compilers: the hash at the end of an old-style name, the crates' own in a new one.
fn pattern(name: &str) -> String {
    if let Some(at) = name.rfind("17h").filter(|_| name.starts_with("_ZN")) {
        return format!("{}17h*", &name[..at]);
    }
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let mut pattern = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("Cs") {
        let Some((hash, after)) = after.split_once('_') else {
            break;
        };
        if hash.is_empty() || !hash.chars().all(|character| character.is_ascii_alphanumeric()) {
            break;
        }
        pattern += before;
        pattern += "Cs*_";
        rest = after;
    }
    pattern + rest
}

/// The linker script.
fn script(patterns: &BTreeSet<String>) -> String {
    let mut text = String::from(
        "/* Made by `cargo xtask bench hot-functions`: what a broker runs through that takes a few records a second, or none (ADR 20). Names end\n   \
         where the compiler's hash begins. One that is not there any more does no harm. */\nSECTIONS\n{\n  .text.hot : {\n",
    );
    for pattern in patterns {
        writeln!(text, "    *(\".text.{pattern}\")").expect("a string takes any text");
    }
    text + "  }\n}\nINSERT BEFORE .text;\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_differs_between_compilers() {
        for (name, wanted) in [
            (
                "_ZN7network4send6Outbox5flush17h8cd41f3d659e6011E",
                "_ZN7network4send6Outbox5flush17h*",
            ),
            ("_ZN3mio4poll17h0a51161c0d30970fE.llvm.1205", "_ZN3mio4poll17h*"),
            (
                "_RNvMNtNtCsjrHSEGnQ3l9_3std4timeNtB2_8Timespec3now",
                "_RNvMNtNtCs*_3std4timeNtB2_8Timespec3now",
            ),
            ("mi_free", "mi_free"),
        ] {
            assert_eq!(pattern(name), wanted);
        }
    }

    #[test]
    fn a_name_that_many_have_is_left_out() {
        let function = |name: &str| Function {
            name: name.to_owned(),
            bytes: 4_000,
        };
        let mut all: Vec<Function> = (0..9)
            .map(|number| function(&format!("_ZN4drop17h{number}E")))
            .collect();
        all.push(function("_ZN4read17h1E"));
        all.push(function("_ZN5write17h1E"));
        let ran = ["_ZN4drop17h3E", "_ZN4read17h1E"].map(str::to_owned).into();
        assert_eq!(patterns(&ran, &all), BTreeSet::from(["_ZN4read17h*".to_owned()]));
    }
}
