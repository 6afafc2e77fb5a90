//! What measuring needs: the brokers, warmed up, the generator, a place, the figures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::broker::{Broker, Make, Prepared};
use super::figures::Figures;
use super::native::{Generator, Load, Run, Waiting};
use super::programs::Programs;
use super::{machine, network};

/// What is measured, and how often.
#[derive(Args)]
pub struct Setup {
    /// How often each is measured; tables show medians, the smallest and the largest.
    #[arg(long, default_value_t = 3)]
    pub(super) rounds: usize,
    /// How much of the full load is sent, for a first look.
    #[arg(long, default_value_t = 1.0)]
    pub(super) scale: f64,
    #[command(flatten)]
    pub(super) programs: Programs,
}

impl Setup {
    /// Builds what is missing and goes on in a network of its own; nothing if all is done on return.
    pub fn begin(&self, root: &Path, name: &str) -> Result<Option<Measuring>> {
        self.begin_warming(root, name, WARM * self.scale.clamp(0.25, 1.0))
    }

    /// The same with so many MiB of memory touched before.
    pub fn begin_warming(&self, root: &Path, name: &str, mebibytes: f64) -> Result<Option<Measuring>> {
        let generator = self.programs.native(root)?;
        let riverrun = self.programs.riverrun(root)?;
        let jars = self.programs.jars()?;
        if network::enter_own()? {
            return Ok(None);
        }
        machine::allow_many_files()?;
        let home = root.join("target/bench").join(name);
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        let memory = generator.ballast(machine::memory_to_warm(mebibytes)?)?;
        Ok(Some(Measuring {
            generator,
            _memory: memory,
            makes: [Make::Riverrun(riverrun.clone()), Make::Kafka(jars)],
            riverrun,
            home,
            rounds: self.rounds,
            scale: self.scale,
            figures: Figures::default(),
        }))
    }
}

/// More than is ever written and not deleted yet, in MiB.
const WARM: f64 = 8192.0;

/// What the bare loop is called in tables.
pub const BARE: &str = "bare loop";

/// What every part needs.
pub struct Measuring {
    /// Who loads them.
    pub generator: Generator,
    /// Keeps what was touched before from going back to the machine's host.
    _memory: Waiting,
    /// Ours and Kafka.
    pub makes: [Make; 2],
    /// Our binary, whose tools are clients too.
    pub riverrun: PathBuf,
    /// Where their files are.
    pub home: PathBuf,
    /// How often each is measured.
    pub rounds: usize,
    /// How much of the full load is sent.
    pub scale: f64,
    /// What was measured so far.
    pub figures: Figures,
}

/// A running broker with its name in the table.
pub struct Contestant {
    /// Its name.
    pub name: &'static str,
    /// Its process.
    pub broker: Broker,
}

impl Contestant {
    /// Loads it.
    pub fn run(&self, measuring: &Measuring, load: &Load) -> Result<Run> {
        let run = measuring
            .generator
            .run(self.broker.address(), &[self.broker.id()], load);
        run.with_context(|| format!("{} under {load:?}", self.name))
    }

    /// Deletes a topic.
    pub fn delete(&self, measuring: &Measuring, topic: &str) -> Result<()> {
        measuring
            .generator
            .quietly(self.broker.address(), &["delete", "--topic", topic])
    }
}

impl Measuring {
    /// A new broker that neither waits for the disk, warmed up.
    pub fn contestant(&self, make: &Make, name: &'static str) -> Result<Contestant> {
        self.contestant_with(make, name, &[])
    }

    /// The same with more settings.
    pub fn contestant_with(&self, make: &Make, name: &'static str, settings: &[(&str, &str)]) -> Result<Contestant> {
        let home = self.home.join(name.replace(' ', "-"));
        let settings = [make.like_for_like(), settings].concat();
        self.warmed_up(name, Broker::prepare_with(make, &home, &settings)?)
    }

    /// The bare loop, as if it were a broker.
    pub fn bare(&self) -> Result<Contestant> {
        self.warmed_up(
            BARE,
            Prepared::bare(&self.generator.bare(), &self.home.join("bare-loop"))?,
        )
    }

    fn warmed_up(&self, name: &'static str, prepared: Prepared) -> Result<Contestant> {
        let broker = prepared.start()?;
        self.generator.first_record(&[&broker])?;
        let contestant = Contestant { name, broker };
        let seconds = self.warm_up_seconds(2.0);
        let loads = [
            "--batch-size 16384",
            "--batch-size 1",
            "--batch-size 65536 --record-size 1024 --readers 2 --records 400000",
        ];
        for words in loads {
            let load = Load::new(&format!("produce --topic warm-up --seconds {seconds}")).with(words);
            until_warm(|| contestant.run(self, &load))?;
        }
        contestant.run(self, &Load::new("fetch --topic warm-up"))?;
        let latency = format!("latency --topic warm-up-2 --seconds {seconds} --rate 5000 --warmup-seconds 0");
        contestant.run(self, &Load::new(&latency))?;
        contestant.delete(self, "warm-up")?;
        contestant.delete(self, "warm-up-2")?;
        Ok(contestant)
    }

    /// Both, warmed up.
    pub fn contestants(&self) -> Result<Vec<Contestant>> {
        self.makes
            .iter()
            .map(|make| self.contestant(make, make.name()))
            .collect()
    }

    /// A first look takes less care.
    fn warm_up_seconds(&self, full: f64) -> f64 {
        full * (self.scale * 2.0).clamp(0.1, 1.0)
    }

    /// So much of the full load.
    pub fn scaled(&self, full: f64) -> f64 {
        full * self.scale
    }

    /// Three nodes of a make, none of which waits for the disk, whose topics can have three replicas, warmed up.
    pub fn cluster(&self, make: &Make) -> Result<Cluster> {
        self.cluster_with(make, make.like_for_like())
    }

    /// The same with other settings.
    pub fn cluster_with(&self, make: &Make, settings: &[(&str, &str)]) -> Result<Cluster> {
        let settings = [settings, &[("min.insync.replicas", "2")]].concat();
        let home = self.home.join(format!("three-{}", make.name()));
        let prepared = Broker::prepare_cluster(make, &home, NODES, &settings)?;
        let nodes = prepared
            .into_iter()
            .map(|node| node.start())
            .collect::<Result<Vec<_>>>()?;
        self.generator.first_record(&nodes.iter().collect::<Vec<_>>())?;
        let cluster = Cluster { nodes };
        let seconds = self.warm_up_seconds(4.0);
        let topic = format!("produce --topic warm-up --replication-factor {NODES} --connections 6 --seconds {seconds}");
        for words in [
            "--batch-size 16384",
            "--batch-size 1",
            "--batch-size 65536 --record-size 1024",
        ] {
            let load = Load::new(&topic).with(words);
            until_warm(|| cluster.run(self, &load)).context("warming a cluster up")?;
        }
        cluster.delete(self, "warm-up")?;
        Ok(cluster)
    }

    /// Removes the brokers' files.
    pub fn end(&self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.home)?)
    }
}

/// Runs of a load until it costs what it did before: a JVM is slow at first, and for long.
fn until_warm(mut run: impl FnMut() -> Result<Run>) -> Result<()> {
    let mut before = f64::INFINITY;
    for _ in 0..WARM_UPS {
        let cost = run()?.cpu_microseconds_per_request();
        if cost > before * (1.0 - STILL_WARMING) {
            return Ok(());
        }
        before = cost;
    }
    Ok(())
}

/// How many runs must do, and by how much the next may be cheaper when no more are needed.
const WARM_UPS: usize = 6;
const STILL_WARMING: f64 = 0.1;

/// How many nodes a cluster has.
pub const NODES: u16 = 3;

/// Nodes that are measured as one.
pub struct Cluster {
    nodes: Vec<Broker>,
}

impl Cluster {
    /// Loads it.
    pub fn run(&self, measuring: &Measuring, load: &Load) -> Result<Run> {
        let processes: Vec<u32> = self.nodes.iter().map(Broker::id).collect();
        measuring.generator.run(self.nodes[0].address(), &processes, load)
    }

    /// Deletes a topic.
    pub fn delete(&self, measuring: &Measuring, topic: &str) -> Result<()> {
        let address = self.nodes[0].address();
        measuring.generator.quietly(address, &["delete", "--topic", topic])
    }

    /// Ends it.
    pub fn kill(self) -> Result<()> {
        self.nodes.into_iter().try_for_each(Broker::kill)
    }
}
