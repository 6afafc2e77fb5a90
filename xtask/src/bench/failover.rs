//! `cargo xtask bench failover`: how long clients wait when a node is gone, of ours and of Kafka's.

use super::{build, machine};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How it is measured.
#[derive(Args)]
pub struct Failover {
    /// How many partitions there are, of one topic with three replicas.
    #[arg(long, value_delimiter = ',', default_value = "1,1000,10000")]
    partitions: Vec<u32>,
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// What happens to a node: kill, freeze, cut.
    #[arg(long, default_value = "kill,freeze,cut")]
    faults: String,
    /// One round, of 1 and 1,000 partitions.
    #[arg(long)]
    quick: bool,
    /// Apache Kafka beside ours.
    #[arg(long)]
    kafka: bool,
    /// The binary to measure; a release build of this tree if not given.
    #[arg(long)]
    riverrun: Option<PathBuf>,
    /// Where the table goes, and with `.json` the figures.
    #[arg(long, default_value = "docs/performance/failover.md")]
    output: PathBuf,
}

/// A name in the table, whose nodes, and what is set.
type System = (&'static str, &'static str, &'static [&'static str]);

/// What is compared. Silence proves little, so both wait for Kafka's nine seconds until they believe that a silent broker is
/// gone, and two for a silent controller; who wants it sooner sets it so.
const SYSTEMS: [System; 3] = [
    ("riverrun", "riverrun", &[]),
    (
        "riverrun, impatient",
        "riverrun",
        &[
            "broker.session.timeout.ms=600",
            "broker.heartbeat.interval.ms=100",
            "controller.quorum.fetch.timeout.ms=400",
            "controller.quorum.election.timeout.ms=200",
            "controller.quorum.request.timeout.ms=400",
        ],
    ),
    ("kafka", "kafka", &[]),
];

/// What the measuring program says of one fault.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Line {
    #[serde(default)]
    system: String,
    partitions: u32,
    fault: String,
    victim: String,
    affected: usize,
    produce_ms: Vec<f64>,
    fetch_ms: Vec<f64>,
    create_topic_ms: Vec<f64>,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Row {
    partitions: u32,
    victim: String,
    fault: String,
    system: String,
}

/// Median, 99th percentile and worst, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Spread {
    p50: f64,
    p99: f64,
    max: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    #[serde(flatten)]
    row: Row,
    produce: Spread,
    fetch: Spread,
    create_topic: Spread,
}

/// Measures all and writes the table.
pub fn run(options: &Failover) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask is a folder of the workspace")?;
    let binary = match &options.riverrun {
        Some(path) => path.clone(),
        None => build(root)?,
    };
    // What the measuring program looks for lies beside the jars.
    let jars = crate::test::kafka_jars()?;
    let dependencies = jars.ancestors().nth(2).context("the jars lie below test-deps")?;
    let program = super::groups::generator(root)?.with_file_name("bench-failover");
    let (partitions, rounds) = match options.quick {
        true => (vec![1, 1_000], 1),
        false => (options.partitions.clone(), options.rounds),
    };
    let machine = machine::describe(root)?;
    let mut lines = Vec::new();
    for count in partitions {
        let systems = SYSTEMS.iter().take(SYSTEMS.len() - usize::from(!options.kafka));
        for (system, maker, settings) in systems {
            let mut command = Command::new(&program);
            command
                .args(["--partitions", &count.to_string(), "--rounds", &rounds.to_string()])
                .args(["--faults", &options.faults])
                .args(settings.iter().flat_map(|setting| ["--set", setting]))
                .env("RIVERRUN_STORIES_OF", maker)
                .env("RIVERRUN_BIN", &binary)
                .env("RIVERRUN_TEST_DEPS", dependencies)
                .env("RIVERRUN_KAFKA_AS_SHIPPED", "1")
                .env("RUST_BACKTRACE", "0");
            lines.extend(measure(&mut command, system)?);
        }
    }
    let figures = figures(&lines);
    let text = markdown(&figures, &machine.sentence(), rounds)?;
    println!("\n{text}");
    let output = root.join(&options.output);
    std::fs::write(&output, &text)?;
    let json = serde_json::json!({"machine": machine, "rounds": rounds, "figures": figures});
    std::fs::write(
        output.with_extension("json"),
        serde_json::to_string_pretty(&json)? + "\n",
    )?;
    Ok(())
}

fn measure(command: &mut Command, system: &str) -> Result<Vec<Line>> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let output = BufReader::new(child.stdout.take().context("its output is a pipe")?);
    let mut lines = Vec::new();
    for text in output.lines() {
        let mut line: Line = serde_json::from_str(&text?)?;
        system.clone_into(&mut line.system);
        println!(
            "{system:<19} {:>6} partitions, {} {}: {} affected, produce {:?} ms, fetch {:?} ms, new topic {:?} ms",
            line.partitions,
            line.fault,
            line.victim,
            line.affected,
            spread(&line.produce_ms),
            spread(&line.fetch_ms),
            line.create_topic_ms
        );
        lines.push(line);
    }
    let status = child.wait()?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(lines)
}

fn figures(lines: &[Line]) -> Vec<Figures> {
    let mut rows: BTreeMap<Row, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        let row = Row {
            partitions: line.partitions,
            victim: line.victim.clone(),
            fault: line.fault.clone(),
            system: line.system.clone(),
        };
        rows.entry(row).or_default().push(line);
    }
    let all = |lines: &[&Line], of: fn(&Line) -> &Vec<f64>| {
        let figures: Vec<f64> = lines.iter().flat_map(|line| of(line)).copied().collect();
        spread(&figures)
    };
    rows.into_iter()
        .map(|(row, lines)| Figures {
            row,
            produce: all(&lines, |line| &line.produce_ms),
            fetch: all(&lines, |line| &line.fetch_ms),
            create_topic: all(&lines, |line| &line.create_topic_ms),
        })
        .collect()
}

fn spread(figures: &[f64]) -> Spread {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    // The smallest figure that so many of a hundred do not exceed.
    let at = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
    };
    Spread {
        p50: at(50),
        p99: at(99),
        max: at(100),
    }
}

fn markdown(figures: &[Figures], machine: &str, rounds: usize) -> Result<String> {
    let mut text = format!(
        "# When a node is gone\n\n\
         Measured by `cargo xtask bench failover` at {machine}. Three nodes, broker and controller each, on this one machine with \
         a network of their own; one topic, three replicas, `min.insync.replicas=2`, everything else as its maker ships it unless said below. \
         From the fault until the clients of the other nodes have an acks=all record acknowledged on every partition that the \
         node led, until they have fetched it, and until a new topic is created; all partitions of {rounds} rounds together. \
         `kill` is SIGKILL, `freeze` is SIGSTOP, `cut` pulls the network cable; `leader` is a node that is not the active \
         controller, `controller` is the one that is, and leads partitions too.\n\n\
         | partitions | node | fault | system | produce p50 | p99 | max | fetch p50 | p99 | max | new topic p50 | max |\n\
         |--:|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    for figures in figures {
        let row = &figures.row;
        let (produce, fetch, create) = (&figures.produce, &figures.fetch, &figures.create_topic);
        let cells = [
            produce.p50,
            produce.p99,
            produce.max,
            fetch.p50,
            fetch.p99,
            fetch.max,
            create.p50,
            create.max,
        ];
        writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            row.partitions,
            row.victim,
            row.fault,
            row.system,
            cells.map(cell).join(" | ")
        )?;
    }
    text.push_str("\nMilliseconds.");
    for (system, _, settings) in SYSTEMS.iter().filter(|(_, _, settings)| !settings.is_empty()) {
        write!(text, " `{system}`: {}.", settings.join(", "))?;
    }
    text.push('\n');
    Ok(text)
}

/// Nothing where the node led no partition.
fn cell(figure: f64) -> String {
    match figure.is_nan() {
        true => String::new(),
        false => format!("{figure:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn percentiles_are_ranks() {
        let figures: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let found = spread(&figures);
        assert_eq!((found.p50, found.p99, found.max), (100.0, 198.0, 200.0));
        assert_eq!(spread(&[7.0]).p99, 7.0);
    }
}
