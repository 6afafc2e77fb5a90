//! `cargo xtask bench failover`: how long clients wait when a node is gone, of ours and of Kafka's.

use super::machine;
use super::programs::Programs;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How it is measured.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    programs: Programs,
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How many partitions there are, of one topic with three replicas.
    #[arg(long, value_delimiter = ',', default_value = "1,1000,10000")]
    partitions: Vec<u32>,
    /// What happens to a node: kill, freeze, cut.
    #[arg(long, default_value = "kill,freeze,cut")]
    faults: String,
    /// Which node it happens to: leader, controller, follower.
    #[arg(long, default_value = "leader,controller,follower")]
    victims: String,
    /// One round, of 1 and 1,000 partitions.
    #[arg(long)]
    quick: bool,
    /// Apache Kafka beside ours, for up to so many partitions.
    #[arg(long, value_name = "PARTITIONS", num_args = 0..=1, default_missing_value = "1000")]
    kafka: Option<u32>,
    /// Where the table goes, and with `.json` the figures.
    #[arg(long, default_value = "docs/performance/failover.md")]
    output: PathBuf,
}

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

/// What it says of the partitions' creation.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Creation {
    #[serde(default)]
    system: String,
    partitions: u32,
    create_ms: Vec<f64>,
    known_ms: Vec<f64>,
    in_sync_ms: Vec<f64>,
    memory_mib: Vec<u64>,
}

/// Either.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Said {
    Fault(Line),
    Creation(Creation),
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
pub fn run(options: &Options, root: &Path) -> Result<()> {
    let riverrun = options.programs.riverrun(root)?;
    // What the measuring program looks for lies beside the jars.
    let jars = options.programs.jars()?;
    let dependencies = jars.ancestors().nth(2).context("the jars lie below test-deps")?;
    let program = options.programs.generator(root, "bench-failover")?;
    let (partitions, rounds) = match options.quick {
        true => (vec![1, 1_000], 1),
        false => (options.partitions.clone(), options.rounds),
    };
    let machine = machine::describe(root)?;
    let mut found = Found::default();
    for count in partitions {
        let beside = options.kafka.filter(|most| count <= *most);
        for system in ["riverrun", "kafka"]
            .into_iter()
            .take(1 + usize::from(beside.is_some()))
        {
            let mut command = Command::new(&program);
            command
                .args(["--partitions", &count.to_string(), "--rounds", &rounds.to_string()])
                .args(["--faults", &options.faults, "--victims", &options.victims])
                .env("RIVERRUN_STORIES_OF", system)
                .env("RIVERRUN_BIN", &riverrun)
                .env("RIVERRUN_TEST_DEPS", dependencies)
                .env("RIVERRUN_KAFKA_AS_SHIPPED", "1")
                .env("RUST_BACKTRACE", "0");
            measure(&mut command, system, &mut found)?;
        }
    }
    let figures = figures(&found.lines);
    let text = markdown(&figures, &found.creations, &machine.sentence(), rounds)?;
    let output = root.join(&options.output);
    let json = json!({"machine": machine, "rounds": rounds, "figures": figures, "creations": found.creations});
    machine::write_json(&output, &json)?;
    machine::write(&output, &text)
}

/// All that was measured.
#[derive(Default)]
struct Found {
    lines: Vec<Line>,
    creations: Vec<Creation>,
}

fn measure(command: &mut Command, system: &str, found: &mut Found) -> Result<()> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let output = BufReader::new(child.stdout.take().context("its output is a pipe")?);
    for text in output.lines() {
        let text = text?;
        match serde_json::from_str(&text)? {
            Said::Fault(mut line) => {
                system.clone_into(&mut line.system);
                println!(
                    "{system:<9} {:>6} partitions, {} {}: {} affected, produce {:?} ms, fetch {:?} ms, new topic {:?} ms",
                    line.partitions,
                    line.fault,
                    line.victim,
                    line.affected,
                    spread(&line.produce_ms),
                    spread(&line.fetch_ms),
                    line.create_topic_ms
                );
                found.lines.push(line);
            }
            Said::Creation(mut creation) => {
                system.clone_into(&mut creation.system);
                println!("{system:<9} {creation:?}");
                found.creations.push(creation);
            }
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
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

fn markdown(figures: &[Figures], creations: &[Creation], machine: &str, rounds: usize) -> Result<String> {
    let mut text = format!(
        "# When a node is gone\n\n\
         Measured by `cargo xtask bench failover` at {machine}. Three nodes, broker and controller each, on this one machine with \
         a network of their own; one topic, three replicas, `min.insync.replicas=2`, everything else as its maker ships it. \
         From the fault until the clients of the other nodes have an acks=all record acknowledged on every partition that the \
         node led (`follower`: that it followed), until they have fetched it, and until a new topic is created; all partitions of {} together. \
         `kill` is SIGKILL, `freeze` is SIGSTOP, `cut` pulls the network cable; `leader` is a node that is not the active \
         controller, `controller` is the one that is, and leads partitions too.\n\n\
         | partitions | node | fault | system | produce p50 | p99 | max | fetch p50 | p99 | max | new topic p50 | max |\n\
         |--:|:--|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        match rounds {
            1 => String::from("one round"),
            _ => format!("{rounds} rounds"),
        }
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
    text.push_str(
        "\n## Creating them\n\n\
         From the request (two of them beyond 5,000 partitions) until it is answered, until every node tells clients of all \
         partitions and their leaders, and until all replicas are in sync; what the processes hold in memory then, the active \
         controller's first.\n\n\
         | partitions | system | answered | known | in sync | memory (MiB) |\n|--:|:--|--:|--:|--:|:--|\n",
    );
    for creation in creations {
        let [answered, known, in_sync] =
            [&creation.create_ms, &creation.known_ms, &creation.in_sync_ms].map(|times| cell(spread(times).p50));
        let memory: Vec<String> = creation.memory_mib.iter().map(u64::to_string).collect();
        let (partitions, system) = (creation.partitions, &creation.system);
        let memory = memory.join(", ");
        writeln!(
            text,
            "| {partitions} | {system} | {answered} | {known} | {in_sync} | {memory} |"
        )?;
    }
    text.push_str(
        "\nTimes are in milliseconds. Kafka leaves a node that hangs or is cut off to its session, nine seconds; where it was not \
         measured, it has no row.\n",
    );
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
