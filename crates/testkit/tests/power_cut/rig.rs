//! Records a broker, cuts the power, starts the broker on what is left, and has it judged.

use super::history::History;
use super::moves::DIRS;
use super::{verdict, workload};
use base::Rng;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::power_cut::{Cut, Disk, Order, Volume, WrittenOver, differences, monotonic, recording_to, until_at_rest};
use testkit::{Cluster, Maker, Settings, SingleNode};

/// How long a replica takes from when the new directory has its name until all is on the disk, in nanoseconds.
const EXCHANGE: u64 = 4_000_000;

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
    /// Three nodes of Kafka as they come, all at once.
    ThreeKafkas,
    /// Three with `log.flush.interval.messages=1`.
    ThreeKafkasFlushingEach,
}

impl System {
    /// Apache Kafka's, and not ours.
    pub fn is_kafka(self) -> bool {
        match self {
            System::Riverrun | System::RiverrunWithoutFlush | System::ThreeNodes | System::ThreeNodesWithoutFlush => {
                false
            }
            System::Kafka | System::KafkaFlushingEach | System::ThreeKafkas | System::ThreeKafkasFlushingEach => true,
        }
    }

    /// How it is told to flush, if it is not as it comes.
    pub fn flushing(self) -> Option<(&'static str, &'static str)> {
        match self {
            System::Riverrun | System::ThreeNodes | System::Kafka | System::ThreeKafkas => None,
            System::RiverrunWithoutFlush | System::ThreeNodesWithoutFlush => Some(("riverrun.durability", "os")),
            System::KafkaFlushingEach | System::ThreeKafkasFlushingEach => Some(("log.flush.interval.messages", "1")),
        }
    }

    fn settings(self) -> Settings {
        // Checkpoints are written all the time, so that cuts fall beside them too, and what was moved away is soon gone.
        let settings = Settings::default()
            .with("log.flush.offset.checkpoint.interval.ms", 20)
            .with("log.segment.delete.delay.ms", 100)
            .with("transaction.state.log.num.partitions", 4);
        match self.flushing() {
            Some((key, value)) => settings.with(key, value),
            None => settings,
        }
    }

    /// With its log directories below `root`.
    fn settings_on(self, root: &Path) -> Settings {
        let dirs = DIRS.map(|name| root.join(name).display().to_string());
        self.settings().on(&dirs[0]).with("log.dirs", dirs.join(","))
    }

    fn start(self, settings: &Settings) -> anyhow::Result<Box<dyn Cluster>> {
        Ok(match self.is_kafka() {
            true => Box::new(SingleNode::start(Maker::Kafka, settings)?),
            false => Box::new(SingleNode::start(Maker::Riverrun, settings)?),
        })
    }

    /// What is written through mapped memory, which no recording sees; a broker makes it anew from the log.
    pub fn is_mapped(self, file: &Path) -> bool {
        let extension = file.extension().and_then(|extension| extension.to_str());
        self.is_kafka() && matches!(extension, Some("index" | "timeindex"))
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    system: System,
    seed: u64,
    cuts: u64,
    took: Duration,
    /// One line for each cut after which something was wrong.
    pub failures: Vec<String>,
}

impl Outcome {
    /// So many cuts of the recordings from that seed on, since `began`, and what was wrong after some of them.
    pub fn new(system: System, seed: u64, cuts: u64, began: Instant, failures: Vec<String>) -> Self {
        Outcome {
            system,
            seed,
            cuts,
            took: began.elapsed(),
            failures,
        }
    }

    /// Shows it, and adds a line to the file that `POWER_CUT_RESULTS` names, where somebody keeps count (`xtask power-cut`).
    pub fn tell(&self) {
        println!("{self}");
        let Some(file) = std::env::var_os("POWER_CUT_RESULTS") else {
            return;
        };
        let Outcome { system, seed, cuts, .. } = self;
        let (losses, seconds) = (self.failures.len(), self.took.as_secs());
        let line = format!("{system:?}\t{seed}\t{cuts}\t{losses}\t{seconds}\n");
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome {
            system,
            seed,
            cuts,
            took,
            failures,
        } = self;
        let (losses, seconds) = (failures.len(), took.as_secs());
        write!(
            out,
            "{system:?}, seed {seed}: {cuts} power cuts, {losses} with a loss, in {seconds} s"
        )?;
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
        let began = Instant::now();
        let mut failures = Vec::new();
        let (mut done, mut recordings) = (0, 0);
        while done < cuts {
            recordings += 1;
            let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(recordings);
            let volume = Volume::of_recording(recordings);
            let recorded = self.record(seed, volume);
            let mut rng = Rng::from_seed(seed);
            for _ in 0..per_recording.min(cuts - done) {
                let cut = recorded.moments.choose(&recorded.history, &mut rng);
                let wrong = self.cut(&recorded, cut, &mut rng);
                failures.extend(wrong.map(|what| format!("seed {seed:#x}, {cut:?}: {what}")));
                done += 1;
            }
        }
        Outcome::new(self.system, self.seed, cuts, began, failures)
    }

    /// Cuts as many times, while replicas take their places in the other directory and their names there are not flushed, until
    /// something is wrong.
    pub fn run_without_syncs_of_exchanges(&self, cuts: usize) -> Outcome {
        let began = Instant::now();
        let mut rng = Rng::from_seed(self.seed);
        let mut recorded = self.record(self.seed, Volume::Unknown);
        let moments = recorded.disk.forget_syncs_of_exchanges();
        let (mut failures, mut done) = (Vec::new(), 0);
        for moment in moments.iter().cycle().take(cuts) {
            let cut = Cut {
                at: moment.end - 1,
                order: Order::EachDirectory,
                written_over: WrittenOver::AsAny,
            };
            done += 1;
            if let Some(what) = self.cut(&recorded, cut, &mut rng) {
                failures.push(format!("{cut:?}: {what}"));
                break;
            }
        }
        Outcome::new(self.system, self.seed, done, began, failures)
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
        std::fs::create_dir(&root).unwrap();
        // Formatted and once stopped in order before the recording begins.
        let mut first = self.system.start(&self.system.settings_on(&root)).unwrap();
        first.stop_cleanly().unwrap();
        drop(first);
        let before = Disk::before(&root).unwrap();
        let recording = recording_to(&trace, volume).unwrap();
        let settings = self.system.settings_on(&root).in_environment(recording);
        let begun = monotonic();
        let mut broker = self.system.start(&settings).unwrap();
        let history = History::default();
        workload::run(broker.bootstrap(), &root, seed, &history);
        let ended = monotonic();
        until_at_rest(&trace).unwrap();
        broker.kill9().unwrap();
        let disk = before.recorded(&root, &trace).unwrap();
        let missed = self.missed(&disk, &root);
        if !missed.is_empty() {
            return Err(missed);
        }
        if self.system == System::Riverrun && volume == Volume::InPlace && is_ext4(&root) {
            assert!(disk.writes_over() > 0, "room is made ahead, and written over");
        }
        let exchanges = disk.exchanges();
        println!("seed {seed:#x}: {} moves to the other log directory", exchanges.len());
        assert!(!exchanges.is_empty(), "nothing moved");
        let moments = Moments {
            begun,
            ended,
            exchanges,
            volume,
        };
        Ok(Recorded { disk, history, moments })
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
        let mut broker = match self.system.start(&self.system.settings_on(&root)) {
            Ok(broker) => broker,
            Err(error) => return Some(format!("does not start: {error:#}")),
        };
        let wrong = verdict::judge(broker.bootstrap(), &recorded.history, cut.at).err();
        let wrong = wrong.map(|error| format!("{error:#}"));
        broker.kill9().unwrap();
        wrong
    }
}

/// Whether the broker can find out that its volume writes in place.
fn is_ext4(path: &Path) -> bool {
    const EXT4: rustix::fs::FsWord = 0xef53;
    rustix::fs::statfs(path).is_ok_and(|answer| answer.f_type == EXT4)
}

struct Recorded {
    disk: Disk,
    history: History,
    moments: Moments,
}

/// When the power may go.
#[derive(Clone, Debug)]
pub struct Moments {
    pub begun: u64,
    pub ended: u64,
    /// When replicas took their places in other log directories.
    pub exchanges: Vec<u64>,
    /// What the recorded was told of its volume.
    pub volume: Volume,
}

impl Moments {
    /// A moment: any, or just when an acknowledgement was there, or while a replica took its place in another directory.
    pub fn choose(&self, history: &History, rng: &mut Rng) -> Cut {
        let any = |times: &[u64], rng: &mut Rng| times[usize::try_from(rng.below(times.len() as u64)).unwrap()];
        let at = match rng.below(3) {
            0 => any(&history.acknowledgements(), rng),
            1 if !self.exchanges.is_empty() => any(&self.exchanges, rng) + rng.below(EXCHANGE),
            _ => self.begun + rng.below(self.ended - self.begun),
        };
        let (order, written_over) = self.volume.promises(rng.below(2));
        Cut {
            at,
            order,
            written_over,
        }
    }
}
