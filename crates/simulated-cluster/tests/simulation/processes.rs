//! A process for each seed, as many at a time as there are cores.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What one history came to; the same for the same seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lived {
    pub trace: u64,
    pub acknowledged: u64,
    pub committed: u64,
    pub faults: u64,
    pub polled: u64,
}

/// What many came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    pub seeds: u64,
    pub acknowledged: u64,
    pub committed: u64,
    pub faults: u64,
    pub polled: u64,
}

const MARK: &str = "lived:";

/// The line by which a process tells.
pub fn tell(lived: &Lived) -> String {
    format!(
        "{MARK} {} {} {} {} {}",
        lived.trace, lived.acknowledged, lived.committed, lived.faults, lived.polled
    )
}

fn hear(output: &str) -> Option<Lived> {
    let line = output.lines().find_map(|line| line.split_once(MARK))?.1;
    let numbers: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [trace, acknowledged, committed, faults, polled] = numbers[..] else {
        return None;
    };
    Some(Lived {
        trace,
        acknowledged,
        committed,
        faults,
        polled,
    })
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

/// The seed that this process is for.
pub fn own_seed() -> u64 {
    from_environment("RIVERRUN_SIM_FROM", 1)
}

/// How long a history may take; one that is busy for ever with a moment of it has found something, too.
const PATIENCE: Duration = Duration::from_secs(900);

/// Ends this process with a word once that has passed.
pub fn end_if_stuck() {
    std::thread::spawn(|| {
        std::thread::sleep(PATIENCE);
        eprintln!("not lived within {PATIENCE:?}");
        std::process::exit(1);
    });
}

/// Lives one history in a process of its own.
///
/// # Errors
/// What it said, if it found something.
pub fn live(seed: u64) -> Result<Lived, String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "one_history",
            "--include-ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("RIVERRUN_SIM_FROM", seed.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    match (output.status.success(), hear(&text)) {
        (true, Some(lived)) => Ok(lived),
        _ => Err(format!("seed {seed}:\n{complaints}{text}")),
    }
}

/// Lives all histories that are asked for; the first that finds something ends it.
///
/// # Panics
/// If one finds something, with how to live it again.
pub fn live_all(otherwise: u64) -> Total {
    let from = from_environment("RIVERRUN_SIM_FROM", 1);
    let count = from_environment("RIVERRUN_SIM_SEEDS", otherwise);
    let next = AtomicU64::new(from);
    let total = Mutex::new((Total::default(), None));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count {
                        return;
                    }
                    let lived = live(seed);
                    let (total, found) = &mut *total.lock().unwrap();
                    match lived {
                        Ok(lived) => total.add(&lived),
                        Err(complaint) => {
                            found.get_or_insert((seed, complaint));
                            next.store(from + count, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (total, found) = total.into_inner().unwrap();
    if let Some((seed, complaint)) = found {
        panic!(
            "{complaint}\nseed {seed}; again: RIVERRUN_SIM_FROM={seed} RIVERRUN_SIM_LOG=info cargo test -p simulated-cluster --test \
             simulation -- --exact one_history --include-ignored --nocapture"
        );
    }
    total
}

impl Total {
    fn add(&mut self, lived: &Lived) {
        self.seeds += 1;
        self.acknowledged += lived.acknowledged;
        self.committed += lived.committed;
        self.faults += lived.faults;
        self.polled += lived.polled;
    }
}
