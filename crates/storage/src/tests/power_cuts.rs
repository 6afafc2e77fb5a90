//! Random histories of a follower's log that lose the power between any two changes of the disk, compared with what was flushed.

mod replica;

use super::*;
use base::Rng;
use base::fs::Fs;
use replica::{Replica, Step};
use sim::Disk;

/// The log directory.
fn dir() -> &'static Path {
    Path::new("/d")
}

struct History {
    told: String,
    rng: Rng,
    disk: Disk,
    replica: Replica,
}

impl History {
    fn new(seed: u64) -> Self {
        let (mut rng, disk) = (Rng::from_seed(seed), Disk::with_dir(dir()));
        let replica = Replica::new(&disk, &mut rng);
        Self {
            told: format!("seed {seed}"),
            rng,
            disk,
            replica,
        }
    }

    /// Some steps, the last of which the power may cut short, and the next start.
    fn run(&mut self) {
        if self.rng.below(2) == 0 {
            self.disk.cut_power_after(self.rng.below(250));
        }
        for _ in 0..self.rng.below(60) {
            if let Err(error) = self.step() {
                let is_cut = self.disk.sync_dir(dir()).is_err();
                assert!(is_cut, "{}: {error}", self.told);
                break;
            }
        }
        let kill = self.rng.below(6) == 0;
        self.start(kill);
        // It may go again at any moment of the start: it was not served yet.
        for _ in 0..self.rng.below(3) {
            self.disk.cut_power_after(self.rng.below(20));
            _ = self.replica.flush();
            self.start(false);
        }
        self.replica.serve().expect("served");
    }

    fn step(&mut self) -> Step {
        let (replica, rng) = (&mut self.replica, &mut self.rng);
        match rng.below(100) {
            0..45 => replica.append(rng),
            45..70 => replica.flush(),
            70..78 => replica.rejoin(rng),
            78..86 => {
                replica.truncate(rng)?;
                match rng.below(3) {
                    0 => Ok(()),
                    _ => replica.append(rng),
                }
            }
            86..90 => replica.retain(rng),
            90..94 => Ok(replica.log.roll(NOW)?),
            _ => {
                replica.checkpoint();
                Ok(())
            }
        }
    }

    fn start(&mut self, kill: bool) {
        self.disk = match kill {
            true => self.disk.after_kill(),
            false => self.disk.after_power_cut(&mut self.rng),
        };
        self.replica.open(&self.disk);
        match kill {
            true => self.replica.check_all(&self.told),
            false => self.replica.check(&self.told),
        }
        self.replica.takes_over();
    }
}

#[test]
fn a_cut_over_segments_that_is_cut_short_leaves_no_hole() {
    for compact in [false, true] {
        let disk = Disk::with_dir(dir());
        let options = |disk: &Disk, recovery_point| LogOptions {
            recovery_point,
            config: Arc::new(LogConfig {
                segment_bytes: 500,
                compact,
                ..LogConfig::default()
            }),
            ..replica::options(disk)
        };
        let mut log = Log::open(options(&disk, Offset::ZERO)).expect("opened");
        for _ in 0..20 {
            append(&mut log, batch(1, 100, NOW.0));
        }
        flush(&mut log);
        assert!(log.segment_count() > 4);
        let end = log.log_end_offset();
        for changes in 0..60 {
            let disk = disk.after_kill();
            let mut log = Log::open(options(&disk, end)).expect("opened");
            disk.cut_power_after(changes);
            let done = log.truncate_to(Offset(1), NOW);
            for seed in 0..20 {
                let disk = disk.after_power_cut(&mut Rng::from_seed(seed));
                // The checkpoint of recovery points is written after the cut.
                let log = Log::open(options(&disk, end)).expect("opened");
                let stored = replica::stored(&log);
                let follow = |pair: &[BatchHeader]| pair[0].next_offset() == pair[1].base_offset;
                assert!(
                    stored.windows(2).all(follow),
                    "after {changes}, seed {seed}: {stored:?}"
                );
                assert!(done.is_err() || log.log_end_offset() == Offset(1), "seed {seed}");
            }
        }
    }
}

#[test]
fn random_histories_with_power_cuts_keep_what_was_flushed() {
    for seed in 0..100 {
        let mut history = History::new(seed);
        for _ in 0..6 {
            history.run();
        }
    }
}
