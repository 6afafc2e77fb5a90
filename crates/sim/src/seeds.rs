//! One seed after the other.

/// Names the seed when a check fails.
struct Running(u64);

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}: RIVERRUN_SIM_FROM={} RIVERRUN_SIM_SEEDS=1", self.0, self.0);
        }
    }
}

/// Lives one history for each seed and answers how many there were: as many as `otherwise`, from 1 on, unless
/// `RIVERRUN_SIM_SEEDS` and `RIVERRUN_SIM_FROM` say otherwise, as `cargo xtask sim` has them do.
///
/// # Panics
/// If a history does, after naming its seed; or if a variable is not a number.
pub fn seeds(otherwise: u64, mut live: impl FnMut(u64)) -> u64 {
    let from = from_environment("RIVERRUN_SIM_FROM", 1);
    let count = from_environment("RIVERRUN_SIM_SEEDS", otherwise);
    for seed in from..from + count {
        let running = Running(seed);
        live(seed);
        drop(running);
    }
    count
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| {
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is not a number"))
    })
}
