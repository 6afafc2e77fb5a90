//! `cargo xtask bench instructions`: what one request costs in instructions of the broker and in system calls, beside what it
//! cost when that was last recorded.
//!
//! Unlike time, both are the same on a busy machine as on an idle one. Instructions are those of user mode, counted by
//! valgrind's callgrind; system calls are counted by strace. Each shape is run at two lengths, and the slope between them is a
//! request's cost: what a run costs once, and whatever else the broker does, is not in it.

mod recorded;

use super::broker::{Broker, Make};
use super::callgrind;
use super::machine;
use super::programs::{self, Programs};
use super::strace;
use anyhow::{Context, Result, bail};
use clap::Args;
use recorded::{Cost, Recorded};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is compared with what.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    programs: Programs,
    /// Records what was measured, better or worse.
    #[arg(long)]
    record: bool,
    /// What was recorded.
    #[arg(long, default_value = "docs/performance/instructions.json")]
    recorded: PathBuf,
}

/// One kind of request.
struct Shape {
    name: &'static str,
    arguments: &'static [&'static str],
    /// How much the shorter run does: records that are sent, or times that all is read.
    unit: (&'static str, u64),
}

/// One connection with one request under way: how many requests a wake-up finds is no matter of luck then.
const ALONE: &str = "--connections=1 --depth=1 --seconds=600 --acks=1";
/// How much longer the longer run is.
const LONGER: u64 = 3;

const SHAPES: [Shape; 6] = [
    Shape {
        name: "produce, 1 record of 100 B",
        arguments: &["produce", "--topic=one", "--batch-size=1"],
        unit: ("--records", 2_000),
    },
    Shape {
        name: "produce, 16 KiB",
        arguments: &["produce", "--topic=small", "--batch-size=16384"],
        unit: ("--records", 100_000),
    },
    Shape {
        name: "produce, 64 KiB",
        arguments: &["produce", "--topic=large", "--batch-size=65536"],
        unit: ("--records", 200_000),
    },
    Shape {
        name: "fetch, 1 record of 100 B",
        arguments: &["fetch", "--topic=one", "--partition-bytes=1"],
        unit: ("--times", 1),
    },
    Shape {
        name: "fetch, 16 KiB",
        arguments: &["fetch", "--topic=small", "--partition-bytes=1"],
        unit: ("--times", 1),
    },
    Shape {
        name: "fetch, 64 KiB",
        arguments: &["fetch", "--topic=large", "--partition-bytes=1"],
        unit: ("--times", 1),
    },
];

/// Measures, compares, and records if asked to or if nothing is recorded yet.
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let bench = Bench {
        make: Make::Riverrun(options.programs.riverrun(root)?),
        generator: options.programs.generator(root, "bench-load")?,
        home: root.join("target/bench/instructions"),
    };
    let mut measured = Recorded::new(machine::describe(root)?.sentence());
    if programs::provide("strace", "strace") {
        bench.system_calls(&mut measured)?;
    }
    if programs::provide("valgrind", "valgrind") {
        bench.instructions(&mut measured)?;
    }
    let file = root.join(&options.recorded);
    let before = Recorded::read(&file)?;
    println!("{}", measured.table(before.as_ref()));
    if options.record || before.is_none() {
        measured.complete_from(before.as_ref());
        measured.write(&file)?;
        println!("recorded in {}", file.display());
        return Ok(());
    }
    let worse = measured.worse_than(before.as_ref());
    if !worse.is_empty() {
        bail!("dearer than recorded (--record accepts it): {}", worse.join("; "));
    }
    Ok(())
}

struct Bench {
    make: Make,
    generator: PathBuf,
    home: PathBuf,
}

impl Bench {
    fn system_calls(&self, measured: &mut Recorded) -> Result<()> {
        let broker = Broker::prepare_with(&self.make, &self.home.join("strace"), self.make.like_for_like())?.start()?;
        for shape in &SHAPES {
            self.load(shape, broker.address(), shape.unit.1)?;
            let mut runs = Vec::new();
            for unit in shape.runs() {
                let counting = strace::Counting::begin(broker.id(), &self.home.join("calls"))?;
                let requests = self.load(shape, broker.address(), unit)?;
                runs.push((requests, counting.end()?));
            }
            measured.add(shape.name, Cost::SystemCalls, slope(&runs)?);
        }
        broker.stop()
    }

    fn instructions(&self, measured: &mut Recorded) -> Result<()> {
        let home = self.home.join("callgrind");
        let prepared = Broker::prepare_with(&self.make, &home, self.make.like_for_like())?;
        let (program, arguments) = callgrind::command(&home);
        let broker = prepared.under(program, &arguments).start()?;
        for shape in &SHAPES {
            self.load(shape, broker.address(), shape.unit.1)?;
            callgrind::dump(broker.id(), &home)?;
            let mut runs = Vec::new();
            for unit in shape.runs() {
                let requests = self.load(shape, broker.address(), unit)?;
                let counts = callgrind::dump(broker.id(), &home)?;
                runs.push((requests, callgrind::total(&counts)?));
            }
            measured.add(shape.name, Cost::Instructions, slope(&runs)?);
        }
        broker.stop()
    }

    /// Runs a load and answers how many requests it was.
    fn load(&self, shape: &Shape, address: &str, unit: u64) -> Result<u64> {
        let mut command = Command::new(&self.generator);
        command.args(shape.arguments).args(["--bootstrap", address]);
        if shape.arguments[0] == "produce" {
            command.args(ALONE.split(' '));
        }
        command.arg(format!("{}={unit}", shape.unit.0));
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("{command:?} failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        }
        let line = text.lines().last().context("the generator tells what it did")?;
        let told: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        told["requests"]
            .as_u64()
            .with_context(|| format!("no requests in {line}"))
    }
}

impl Shape {
    /// The lengths that are compared, after a run that warms up.
    fn runs(&self) -> [u64; 2] {
        [self.unit.1, self.unit.1 * LONGER]
    }
}

/// What a request costs, by two runs of (requests, cost).
fn slope(runs: &[(u64, u64)]) -> Result<f64> {
    let [short, long] = runs else {
        bail!("two runs are compared");
    };
    anyhow::ensure!(long.0 > short.0, "the longer run had no more requests: {runs:?}");
    Ok((long.1 as f64 - short.1 as f64) / (long.0 - short.0) as f64)
}
