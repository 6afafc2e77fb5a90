//! Other makes of broker: RabbitMQ's streams and queues, NATS JetStream, ActiveMQ Artemis; one at a time, each in its own
//! protocol.

mod artemis;
mod install;
mod nats;
mod rabbitmq;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::latency;
use super::produce::{MIDDLE, SMALL};
use crate::bench::counters::{self, Counters, peak_mebibytes, resident_mebibytes};
use crate::bench::figures::Figures;
use crate::bench::measuring::Measuring;
use crate::bench::native::Load;

pub use install::{Installed, install};

/// How long one is left alone before its idle memory and CPU are read, and for how long they are.
const IDLE: Duration = Duration::from_secs(3);

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

const RIVALS: [Rival; 5] = [
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
        let measured = measure_one(measuring, rival, &running, begun);
        drop(running);
        measured.with_context(|| format!("{}: see {}", rival.name, home.display()))?;
        fs::remove_dir_all(&home)?;
    }
    Ok(())
}

fn measure_one(measuring: &mut Measuring, rival: &Rival, running: &Running, begun: Instant) -> Result<()> {
    let (name, processes) = (rival.name, [running.child.id()]);
    let run = |measuring: &Measuring, words: &str, bytes: f64| {
        let load = Load::new(words)
            .with(&format!("--kind {}", rival.kind))
            .writing(bytes as u64);
        measuring.generator.run_rival(&running.address, &processes, &load)
    };
    run(
        measuring,
        "publish --queue first --connections 1 --records 1 --at-once 1",
        0.0,
    )?;
    let figures = &mut measuring.figures;
    figures.add(
        name,
        "start to the first acknowledged record, ms",
        begun.elapsed().as_secs_f64() * 1000.0,
    );
    figures.add(name, "CPU-s until then", Counters::read(&processes)?.cpu_seconds());
    std::thread::sleep(IDLE);
    let (before, since) = (Counters::read(&processes)?, Instant::now());
    std::thread::sleep(IDLE);
    let idle = Counters::read(&processes)?.since(&before).cpu_seconds / since.elapsed().as_secs_f64();
    figures.add(name, "idle CPU, % of a core", idle * 100.0);
    figures.add(name, "idle memory, MiB", resident_mebibytes(&processes)?);
    let seconds = measuring.scaled(4.0).max(1.0);
    run(measuring, &format!("publish --queue warm-up --seconds {seconds}"), 0.0)?;
    let published = run(measuring, &format!("publish --queue small --seconds {seconds}"), 300e6)?;
    let what = format!("produce, {}", SMALL.name);
    let figures = &mut measuring.figures;
    figures.add(name, &format!("{what}: records/s"), published.records_per_second());
    figures.add(
        name,
        &format!("{what}: CPU-s per million records"),
        published.cpu_seconds_per_million(),
    );
    let written = published.spent.written_bytes / published.figure("wire_bytes");
    figures.add(name, &format!("{what}: bytes written per byte"), written);
    let large = run(
        measuring,
        &format!("publish --queue large --record-size 1024 --seconds {seconds}"),
        500e6,
    )?;
    let what = format!("produce, {}", MIDDLE.name);
    measuring
        .figures
        .add(name, &format!("{what}: MB/s"), large.megabytes_per_second());
    measuring
        .figures
        .add(name, &format!("{what}: CPU-s per GB"), large.cpu_seconds_per_gigabyte());
    let count = (published.figure("records") as u64).min(rival.consumed);
    let consumed = run(measuring, &format!("consume --queue small --records {count}"), 0.0)?;
    let what = format!("fetch, {}, 1 readers", SMALL.name);
    let per_million = consumed.cpu_seconds_per_million();
    measuring
        .figures
        .add(name, &format!("{what}: CPU-s per million records"), per_million);
    let timed = run(
        measuring,
        &format!("latency --queue timed --rate 5000 --seconds {seconds}"),
        0.0,
    )?;
    latency::add(measuring, name, "end to end at 5000/s", &timed);
    let peak = peak_mebibytes(&processes)?;
    measuring.figures.add(name, "most memory under all loads, MiB", peak);
    Ok(())
}

/// The table of all makes, if any other was measured.
pub fn section(figures: &Figures) -> String {
    let rivals: Vec<&str> = RIVALS.iter().map(|rival| rival.name).collect();
    let mut systems = vec!["riverrun", "kafka"];
    systems.extend(rivals.iter().filter(|name| !figures.rows_of(name).is_empty()));
    let Some(rows) = systems.get(2).map(|first| figures.rows_of(first)) else {
        return String::new();
    };
    format!(
        "\n## Other makes\n\n{}\n{}",
        include_str!("rivals/how.md"),
        figures.table(&rows, &systems, None)
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
