//! What measuring needs: the brokers, warmed up, the generator, a place, the figures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::broker::{Broker, Make, Serving};
use super::figures::Figures;
use super::native::{Generator, Load, Run};
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
    /// A folder with Apache Kafka's jars; installed with the tests' dependencies if not given.
    #[arg(long)]
    kafka_jars: Option<PathBuf>,
    /// The binary to measure; a release build of this tree if not given.
    #[arg(long)]
    pub(super) riverrun: Option<PathBuf>,
    /// A folder with the generators' binaries; a release build of this tree if not given.
    #[arg(long)]
    generators: Option<PathBuf>,
}

impl Setup {
    /// Kafka's jars.
    pub fn jars(&self) -> Result<PathBuf> {
        match &self.kafka_jars {
            Some(folder) => Ok(folder.clone()),
            None => crate::test::kafka_jars(),
        }
    }

    /// Our generator of load.
    pub fn generator(&self, root: &Path) -> Result<Generator> {
        match &self.generators {
            Some(folder) => Ok(Generator::of(folder.clone())),
            None => Generator::build(root),
        }
    }

    /// Builds what is missing and goes on in a network of its own; nothing if all is done on return.
    pub fn begin(&self, root: &Path, name: &str) -> Result<Option<Measuring>> {
        let generator = self.generator(root)?;
        let binary = super::given_or_built(self.riverrun.as_ref(), root)?;
        let jars = self.jars()?;
        if network::enter_own()? {
            return Ok(None);
        }
        machine::allow_many_files()?;
        let home = root.join("target/bench").join(name);
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        fs::create_dir_all(&home)?;
        Ok(Some(Measuring {
            generator,
            makes: [Make::Riverrun(binary), Make::Kafka(jars)],
            home,
            rounds: self.rounds,
            scale: self.scale,
            figures: Figures::default(),
        }))
    }
}

/// What every part needs.
pub struct Measuring {
    /// Who loads them.
    pub generator: Generator,
    /// Ours and Kafka.
    pub makes: [Make; 2],
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
    /// A new broker that neither waits for the disk, warmed up: a JVM is slow at first.
    pub fn contestant(&self, make: &Make, name: &'static str) -> Result<Contestant> {
        let home = self.home.join(name.replace(' ', "-"));
        let broker = Broker::prepare_with(make, &home, make.like_for_like())?.start()?;
        let contestant = Contestant { name, broker };
        let loads = [
            "--batch-size 16384 --seconds 3 --connections 2",
            "--batch-size 1 --seconds 2 --connections 2",
            "--batch-size 65536 --record-size 1024 --seconds 2 --readers 2 --records 400000",
        ];
        for words in loads {
            contestant.run(self, &Load::new("produce --topic warm-up").with(words))?;
        }
        contestant.run(self, &Load::new("fetch --topic warm-up"))?;
        contestant.run(self, &Load::new("latency --topic warm-up-2 --seconds 2 --rate 5000"))?;
        contestant.delete(self, "warm-up")?;
        Ok(contestant)
    }

    /// Both, warmed up.
    pub fn contestants(&self) -> Result<Vec<Contestant>> {
        self.makes
            .iter()
            .map(|make| self.contestant(make, make.name()))
            .collect()
    }

    /// So much of the full load.
    pub fn scaled(&self, full: f64) -> f64 {
        full * self.scale
    }

    /// Three nodes of a make, whose topics can have three replicas, warmed up.
    pub fn cluster(&self, make: &Make) -> Result<Cluster> {
        let mut settings = make.like_for_like().to_vec();
        settings.push(("min.insync.replicas", "2"));
        let home = self.home.join(format!("three-{}", make.name()));
        let prepared = Broker::prepare_cluster(make, &home, NODES, &settings)?;
        let nodes = prepared.into_iter().map(|node| node.start()).collect::<Result<_>>()?;
        let cluster = Cluster { nodes };
        for warm_up in ["--batch-size 16384 --seconds 6", "--batch-size 1 --seconds 6"] {
            let load = Load::new("produce --topic warm-up --replication-factor 3 --connections 6").with(warm_up);
            cluster.run(self, &load).context("warming a cluster up")?;
        }
        Ok(cluster)
    }

    /// Removes the brokers' files.
    pub fn end(&self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.home)?)
    }
}

const NODES: u16 = 3;

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
