//! Power cuts around the roll of a segment: whatever came to the disk of the segments and their names, no record is missing amid
//! the log, and none that was flushed at its end.

use super::*;
use base::Rng;
use base::fs::Fs;
use sim::Disk;
use std::collections::BTreeSet;

const BATCHES: i64 = 24;

fn options(disk: &Disk, config: &LogConfig) -> LogOptions {
    let fs: Arc<dyn Fs> = Arc::new(disk.clone());
    let mut options = LogOptions::new(fs, PathBuf::from("/d/topic-0"), TopicPartition::new("topic", 0), NOW);
    options.config = Arc::new(config.clone());
    options
}

/// How a log came out of a power cut.
struct Outcome {
    /// Up to where it had been flushed.
    flushed: Offset,
    end: Offset,
    /// How many segments there were, and are.
    segments: (usize, usize),
}

/// Fills segments of three batches, flushing now and then, and cuts the power.
fn cut_power(config: &LogConfig, seed: u64) -> Outcome {
    let mut rng = Rng::from_seed(seed);
    let disk = Disk::with_dir(Path::new("/d"));
    let mut log = Log::open(options(&disk, config)).expect("opened");
    let mut noted = Offset::ZERO;
    for _ in 0..BATCHES {
        append(&mut log, batch(1, 100, NOW.0));
        if rng.below(5) == 0 {
            flush(&mut log);
            if rng.below(2) == 0 {
                noted = log.noted_recovery_point();
            }
        }
    }
    let (flushed, segments) = (log.recovery_point(), log.segment_count());
    drop(log);
    let disk = disk.after_power_cut(&mut rng);
    let options = LogOptions {
        recovery_point: noted,
        ..options(&disk, config)
    };
    let log = Log::open(options).expect("opened");
    let found: Vec<_> = headers(&log).iter().map(|header| header.base_offset.0).collect();
    let expected: Vec<_> = (0..log.log_end_offset().0).collect();
    assert_eq!(found, expected, "seed {seed}: a record is missing amid the log");
    Outcome {
        flushed,
        end: log.log_end_offset(),
        segments: (segments, log.segment_count()),
    }
}

fn check(config: &LogConfig) {
    let config = LogConfig {
        segment_bytes: batch(1, 100, NOW.0).size() as u32 * 3,
        ..config.clone()
    };
    let (mut ends, mut dropped) = (BTreeSet::new(), 0);
    for seed in 0..300 {
        let outcome = cut_power(&config, seed);
        assert!(
            outcome.end >= outcome.flushed,
            "seed {seed}: {} of {}",
            outcome.end,
            outcome.flushed
        );
        ends.insert(outcome.end);
        dropped += usize::from(outcome.segments.1 < outcome.segments.0);
    }
    assert!(ends.len() > 10 && dropped > 50, "{dropped} {ends:?}");
}

#[test]
fn nothing_is_missing_amid_a_log_after_a_power_cut() {
    check(&LogConfig::default());
}

#[test]
fn nor_amid_a_log_where_the_cleaner_may_leave_gaps() {
    check(&LogConfig {
        compact: true,
        ..LogConfig::default()
    });
}
