//! Other makes of broker: RabbitMQ's streams and queues, NATS JetStream, Redis Streams, ActiveMQ Artemis; one at a time, each
//! in its own protocol.

mod artemis;
mod install;
mod measured;
mod nats;
mod rabbitmq;
mod redis;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::bench::counters;
use crate::bench::figures::{Figures, better, is_comparable, short};
use crate::bench::measuring::Measuring;
use measured::Measured;

pub use install::{Installed, install, run};

/// A make of broker and a kind of queue.
struct Rival {
    /// Its name in the table.
    name: &'static str,
    /// What the generator calls its protocol.
    kind: &'static str,
    /// Starts it in a folder of its own.
    start: fn(&Installed, &Path) -> Result<Option<Running>>,
    /// How many messages are read at most: some take long.
    consumed: u64,
}

const RIVALS: [Rival; 6] = [
    Rival {
        name: "rabbitmq stream",
        kind: "stream",
        start: rabbitmq::start_streams,
        consumed: 2_000_000,
    },
    Rival {
        name: "nats jetstream",
        kind: "jetstream",
        start: nats::start,
        consumed: 1_000_000,
    },
    Rival {
        name: "redis streams",
        kind: "redis",
        start: redis::start,
        consumed: 2_000_000,
    },
    Rival {
        name: "rabbitmq classic",
        kind: "classic",
        start: rabbitmq::start_queues,
        consumed: 100_000,
    },
    Rival {
        name: "rabbitmq quorum",
        kind: "quorum",
        start: rabbitmq::start_queues,
        consumed: 50_000,
    },
    Rival {
        name: "artemis",
        kind: "stomp",
        start: artemis::start,
        consumed: 100_000,
    },
];

/// A broker that was started; killed with all that it started when dropped.
pub struct Running {
    child: Child,
    address: String,
    /// What it needs beside itself.
    beside: Option<Child>,
}

impl Running {
    /// Starts a command whose output goes into the folder.
    fn start(mut command: Command, home: &Path, address: String) -> Result<Self> {
        let output = fs::File::create(home.join("output"))?;
        let child = command
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self {
            child,
            address,
            beside: None,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already, which is what is wanted.
        let _ = counters::kill(&[self.child.id()]);
        let _ = self.child.wait();
        if let Some(beside) = &mut self.beside {
            let _ = beside.kill();
            let _ = beside.wait();
        }
    }
}

/// Every one that is installed, one round: they are the yardstick of costs, not of our progress.
pub fn measure(measuring: &mut Measuring, installed: &Installed) -> Result<()> {
    for rival in &RIVALS {
        let home = measuring.home.join(rival.name.replace(' ', "-"));
        fs::create_dir_all(&home)?;
        let begun = Instant::now();
        let Some(running) = (rival.start)(installed, &home)? else {
            eprintln!("{} is not installed and cannot be by this user: left out", rival.name);
            continue;
        };
        let measured = Measured {
            measuring,
            rival,
            running: &running,
        }
        .all(begun);
        drop(running);
        if let Err(error) = measured {
            // Its empty cells say so; an hour of others' figures does not go with it.
            eprintln!("{} failed: {error:#}; see {}", rival.name, home.display());
            continue;
        }
        fs::remove_dir_all(&home)?;
    }
    Ok(())
}

/// Those that were measured.
fn known(figures: &Figures) -> Vec<&'static str> {
    let names = RIVALS.iter().map(|rival| rival.name);
    names.filter(|name| !figures.rows_of(name).is_empty()).collect()
}

/// The table of all makes, if any other was measured.
pub fn section(figures: &Figures) -> String {
    let rivals = known(figures);
    let Some(first) = rivals.first() else {
        return String::new();
    };
    let rows = figures.rows_of(first);
    let systems = [&["riverrun", "kafka"], rivals.as_slice()].concat();
    format!(
        "\n## Other makes\n\n{}\n{}",
        include_str!("rivals/how.md"),
        figures.table(&rows, &systems, None)
    )
}

/// A ratio that is one but for its last digit.
const EQUAL: f64 = 0.995;

/// Whether we are ahead of the best of them in every row.
pub fn goals(figures: &Figures) -> String {
    let rivals = known(figures);
    let Some(first) = rivals.first() else {
        return String::new();
    };
    let mut lines = Vec::new();
    let mut ahead = 0;
    for row in figures.rows_of(first).into_iter().filter(|row| is_comparable(row)) {
        let ours = figures.median("riverrun", row);
        let ratio = |rival: &&&str| better(row).ratio(ours, figures.median(rival, row));
        let measured = rivals.iter().filter(|rival| ratio(rival).is_finite());
        let Some(best) = measured.min_by(|one, other| ratio(one).total_cmp(&ratio(other))) else {
            continue;
        };
        let met = ratio(&best) >= EQUAL;
        let verdict = if met { "met" } else { "**not met**" };
        ahead += usize::from(met);
        lines.push(format!(
            "| {row} | {} | {} | {best} | {:.1}x | {verdict} |\n",
            short(ours),
            short(figures.median(best, row)),
            ratio(&best)
        ));
    }
    format!(
        "\nAhead of RabbitMQ, NATS JetStream, Redis Streams and ActiveMQ Artemis, whichever is best in a row: met in {ahead} of {} rows.\n\n\
         | what | Riverrun | the best of them | which | ratio | |\n|:--|--:|--:|:--|--:|:--|\n{}",
        lines.len(),
        lines.concat()
    )
}

/// A free port on loopback.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A folder below the one of what was installed.
fn folder(installed: &Installed, name: &str) -> PathBuf {
    installed.folder.join(name)
}
