//! The machine stops at every operation of a cleaning: the next start finds a whole log.

use super::disk::End;
use super::history::History;
use super::*;
use base::{Instant, Rng};

const RETENTION: i64 = 500;

/// A closed log with some history, cleaned once already when `passes` is 1.
fn prepared(seed: u64, passes: usize) -> (Arc<Disk>, History, Offset, Option<Offset>) {
    let mut rng = Rng::from_seed(seed);
    let disk = Arc::new(Disk::default());
    let mut log = Log::open(options(&disk, &compact(RETENTION))).expect("opened");
    let mut history = History::write(&mut log, &mut rng, 40);
    for _ in 0..passes {
        log.flush(Instant::ZERO).expect("flushed");
        let end = clean(&mut log, &mut cleaner(100, 300), history.clock).expect("cleaned");
        history.cleaned.push((end.0, history.clock));
        history.clock += RETENTION;
        history.go_on(&mut log, &mut rng, 40);
    }
    log.flush(Instant::ZERO).expect("flushed");
    let point = log.recovery_point();
    let dirty = log.first_dirty_offset();
    (disk, history, point, dirty)
}

fn reopen(disk: &Arc<Disk>, point: Offset, dirty: Option<Offset>) -> Result<Log, crate::OpenError> {
    let mut options = options(disk, &compact(RETENTION));
    options.recovery_point = point;
    options.last_shutdown = LastShutdown::Unclean;
    let mut log = Log::open(options)?;
    log.high_watermark_moved(log.log_end_offset());
    if let Some(dirty) = dirty {
        log.set_first_dirty_offset(dirty);
    }
    Ok(log)
}

fn leftovers(disk: &Disk) -> Vec<String> {
    let mut names = disk.files(std::path::Path::new("/d/topic-0"));
    names.retain(|name| {
        [".cleaned", ".swap", ".deleted"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
    });
    names
}

#[test]
fn a_stop_at_any_operation_leaves_a_whole_log() {
    let mut stops = 0;
    for seed in 0..4 {
        let (disk, history, point, dirty) = prepared(seed, (seed % 2) as usize);
        let mut done = history.clone();
        let whole = Arc::new(disk.copy());
        let mut log = reopen(&whole, point, dirty).expect("opened");
        let end_offset = log.log_end_offset();
        let before = whole.operations();
        let end = clean(&mut log, &mut cleaner(60, 400), history.clock).expect("cleaned");
        let operations = whole.operations() - before;
        done.cleaned.push((end.0, history.clock));
        done.check(&log, Some(end), RETENTION, &format!("seed {seed}, no stop"));
        for stop in 0..operations {
            for kind in [End::Kill, End::PowerCut] {
                let context = format!("seed {seed}, {kind:?} at operation {stop} of {operations}");
                let mut rng = Rng::from_seed(seed << 32 | stop);
                let stopping = Arc::new(disk.copy());
                let mut log = reopen(&stopping, point, dirty).expect("opened");
                stopping.stop_after(stop);
                clean(&mut log, &mut cleaner(60, 400), history.clock).expect_err(&context);
                drop(log);
                stops += 1;
                start_anew(
                    &Arc::new(stopping.after(kind, &mut rng)),
                    &done,
                    point,
                    dirty,
                    end_offset,
                    &context,
                );
            }
        }
    }
    assert!(stops > 500, "{stops} stops");
}

/// Starts on what is left (stopping in the middle of that, too), checks it, cleans it, checks it again.
fn start_anew(disk: &Arc<Disk>, history: &History, point: Offset, dirty: Option<Offset>, end: Offset, context: &str) {
    let mut rng = Rng::from_seed(end.0.cast_unsigned());
    let again = Arc::new(disk.copy());
    again.stop_after(rng.below(12));
    let disk = match reopen(&again, point, dirty) {
        Ok(_) => Arc::clone(disk),
        Err(_) => Arc::new(again.after(End::PowerCut, &mut rng)),
    };
    let mut log = reopen(&disk, point, dirty).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(log.log_end_offset(), end, "{context}");
    assert_eq!(leftovers(&disk), Vec::<String>::new(), "{context}");
    history.check(&log, None, RETENTION, context);
    let mut history = history.clone();
    let cleaned_to = clean(&mut log, &mut cleaner(100, 5000), history.clock).expect("cleaned");
    history.cleaned.push((cleaned_to.0, history.clock));
    history.check(&log, Some(cleaned_to), RETENTION, &format!("{context}, cleaned again"));
}

/// What producers wrote last is then read from the log alone.
fn forget_producers(disk: &Disk) {
    let dir = std::path::Path::new("/d/topic-0");
    let names = disk.files(dir).into_iter().filter(|name| name.ends_with(".snapshot"));
    names.for_each(|name| base::fs::Fs::remove_file(disk, &dir.join(name)).expect("removed"));
}

#[test]
fn long_histories_with_passes_and_restarts_in_between() {
    for seed in 100..120 {
        let mut rng = Rng::from_seed(seed);
        let disk = Arc::new(Disk::default());
        let mut log = Log::open(options(&disk, &compact(RETENTION))).expect("opened");
        let mut history = History::write(&mut log, &mut rng, 30);
        for round in 0..8 {
            let context = format!("seed {seed}, round {round}");
            log.flush(Instant::ZERO).expect("flushed");
            let keys = 6 + rng.below(60) as usize;
            let end = clean(&mut log, &mut cleaner(keys, 300), history.clock).expect("cleaned");
            history.cleaned.push((end.0, history.clock));
            history.check(&log, Some(end), RETENTION, &context);
            if rng.below(2) == 0 {
                let (point, dirty) = (log.recovery_point(), log.first_dirty_offset());
                forget_producers(&disk);
                log = reopen(&disk, point, dirty).expect("opened");
                history.check(&log, Some(end), RETENTION, &format!("{context}, opened again"));
            }
            history.clock += rng.below(400) as i64;
            history.go_on(&mut log, &mut rng, 30);
        }
    }
}
