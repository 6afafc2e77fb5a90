//! Records a broker, cuts the power, starts the broker on what is left, and has it judged.

use super::history::History;
use super::{verdict, workload};
use base::Rng;
use std::fmt;
use std::path::Path;
use tempfile::TempDir;
use testkit::power_cut::{Cut, Disk, Order, Volume, differences, monotonic, recording_to};
use testkit::{Cluster, KafkaBroker, RiverrunBroker, Settings};

/// How often a recording is tried.
const TRIES: usize = 3;

/// Whose power is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// As it comes.
    Riverrun,
    /// With `riverrun.durability=os`.
    RiverrunWithoutFlush,
    /// Three nodes as they come, all at once.
    ThreeNodes,
    /// The same with `riverrun.durability=os`.
    ThreeNodesWithoutFlush,
    /// As it comes.
    Kafka,
    /// With `log.flush.interval.messages=1`.
    KafkaFlushingEach,
}

impl System {
    fn settings(self) -> Settings {
        // Checkpoints are written all the time, so that cuts fall beside them too.
        let settings = Settings::default().with("log.flush.offset.checkpoint.interval.ms", 20);
        match self {
            System::Riverrun | System::ThreeNodes | System::Kafka => settings,
            System::RiverrunWithoutFlush | System::ThreeNodesWithoutFlush => settings.with("riverrun.durability", "os"),
            System::KafkaFlushingEach => settings.with("log.flush.interval.messages", 1),
        }
    }

    fn start(self, settings: &Settings) -> anyhow::Result<Box<dyn Cluster>> {
        Ok(match self {
            System::Kafka | System::KafkaFlushingEach => Box::new(KafkaBroker::start(settings)?),
            System::Riverrun | System::RiverrunWithoutFlush | System::ThreeNodes | System::ThreeNodesWithoutFlush => {
                Box::new(RiverrunBroker::start(settings)?)
            }
        })
    }

    /// What is written through mapped memory, which no recording sees; a broker makes it anew from the log.
    fn is_mapped(self, file: &Path) -> bool {
        let kafka = matches!(self, System::Kafka | System::KafkaFlushingEach);
        let extension = file.extension().and_then(|extension| extension.to_str());
        kafka && matches!(extension, Some("index" | "timeindex"))
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    system: System,
    cuts: u64,
    /// One line for each cut after which something was wrong.
    pub failures: Vec<String>,
}

impl Outcome {
    /// So many cuts, and what was wrong after some of them.
    pub fn new(system: System, cuts: u64, failures: Vec<String>) -> Self {
        Outcome { system, cuts, failures }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { system, cuts, failures } = self;
        write!(out, "{system:?}: {cuts} power cuts, {} with a loss", failures.len())?;
        for failure in failures.iter().take(10) {
            write!(out, "\n  {failure}")?;
        }
        Ok(())
    }
}

/// See the module.
pub struct Rig {
    system: System,
    seed: u64,
}

impl Rig {
    pub fn new(system: System, seed: u64) -> Self {
        Self { system, seed }
    }

    /// Makes that many cuts, at most so many of one recording.
    pub fn run(&self, cuts: u64, per_recording: u64) -> Outcome {
        let mut failures = Vec::new();
        let mut done = 0;
        let mut recordings = 0;
        while done < cuts {
            recordings += 1;
            let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(recordings);
            // By turns on a volume as it is, which may promise an order, and on one that promises nothing.
            let volume = if recordings % 2 == 1 {
                Volume::AsItIs
            } else {
                Volume::Unknown
            };
            let recorded = self.record(seed, volume);
            let mut rng = Rng::from_seed(seed);
            for _ in 0..per_recording.min(cuts - done) {
                let cut = recorded.moments.choose(&recorded.history, &mut rng);
                let wrong = self.cut(&recorded, cut, &mut rng);
                failures.extend(wrong.map(|what| format!("seed {seed:#x}, {cut:?}: {what}")));
                done += 1;
            }
        }
        Outcome {
            system: self.system,
            cuts,
            failures,
        }
    }

    /// Records, anew if the broker was killed between doing something and noting it; what is missed each time is missed by the shim.
    fn record(&self, seed: u64, volume: Volume) -> Recorded {
        let mut missed = Vec::new();
        for _ in 0..TRIES {
            match self.try_to_record(seed, volume) {
                Ok(recorded) => return recorded,
                Err(different) => missed.push(different),
            }
        }
        panic!("the recording misses something: {missed:#?}");
    }

    /// The recording, or what the directory has otherwise.
    fn try_to_record(&self, seed: u64, volume: Volume) -> Result<Recorded, Vec<String>> {
        let home = TempDir::with_prefix("riverrun-power-").unwrap();
        let (root, trace) = (home.path().join("data"), home.path().join("trace"));
        // Formatted and once stopped in order before the recording begins.
        let mut first = self.system.start(&self.system.settings().on(&root)).unwrap();
        first.stop_cleanly().unwrap();
        drop(first);
        let before = Disk::before(&root).unwrap();
        let recording = recording_to(&trace, volume).unwrap();
        let settings = self.system.settings().on(&root).in_environment(recording);
        let begun = monotonic();
        let mut broker = self.system.start(&settings).unwrap();
        let history = History::default();
        workload::run(broker.bootstrap(), seed, &history);
        let ended = monotonic();
        broker.kill9().unwrap();
        let disk = before.recorded(&root, &trace).unwrap();
        let missed = self.missed(&disk, &root);
        if !missed.is_empty() {
            return Err(missed);
        }
        Ok(Recorded {
            disk,
            history,
            moments: Moments { begun, ended, volume },
        })
    }

    /// A recording that missed something would judge wrongly: with nothing lost it must give what lies there.
    fn missed(&self, disk: &Disk, root: &Path) -> Vec<String> {
        let rebuilt = TempDir::with_prefix("riverrun-power-").unwrap();
        disk.write_whole(rebuilt.path()).unwrap();
        differences(root, rebuilt.path(), |file| self.system.is_mapped(file)).unwrap()
    }

    /// Cuts the power and answers what was wrong afterwards.
    fn cut(&self, recorded: &Recorded, cut: Cut, rng: &mut Rng) -> Option<String> {
        let home = TempDir::with_prefix("riverrun-power-").unwrap();
        let root = home.path().join("data");
        recorded.disk.write_after(cut, rng, &root).unwrap();
        let mut broker = match self.system.start(&self.system.settings().on(&root)) {
            Ok(broker) => broker,
            Err(error) => return Some(format!("does not start: {error:#}")),
        };
        let wrong = verdict::judge(broker.bootstrap(), &recorded.history, cut.at).err();
        let wrong = wrong.map(|error| format!("{error:#}"));
        broker.kill9().unwrap();
        wrong
    }
}

struct Recorded {
    disk: Disk,
    history: History,
    moments: Moments,
}

/// When the power may go.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    pub begun: u64,
    pub ended: u64,
    /// What the recorded was told of its volume.
    pub volume: Volume,
}

impl Moments {
    /// A moment: any, or, half of the time, just when an acknowledgement was there.
    pub fn choose(&self, history: &History, rng: &mut Rng) -> Cut {
        let times = history.acknowledgements();
        let at = if rng.below(2) == 0 {
            times[usize::try_from(rng.below(times.len() as u64)).unwrap()]
        } else {
            self.begun + rng.below(self.ended - self.begun)
        };
        let order = match (self.volume, rng.below(2)) {
            (Volume::Unknown, 0) => Order::EachDirectory,
            _ => Order::Journal,
        };
        Cut { at, order }
    }
}
