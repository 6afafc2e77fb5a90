//! What is on stable storage is written down soon, so that a start after a crash need not read it again; and what a
//! topic keeps back for `flush.ms` gets there in time.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use testkit::talk::until;
use testkit::{Settings, Talk};

fn recovery_points(data: &Path) -> PathBuf {
    data.join("recovery-point-offset-checkpoint")
}

/// The recovery point of `t-0`, as a start would read it.
fn recovery_point(data: &Path) -> Option<i64> {
    let text = std::fs::read_to_string(recovery_points(data)).ok()?;
    text.lines().find_map(|line| line.strip_prefix("t 0 ")?.parse().ok())
}

fn written(path: &Path) -> Result<SystemTime> {
    let path_and_cause = || path.display().to_string();
    std::fs::metadata(path)
        .and_then(|file| file.modified())
        .with_context(path_and_cause)
}

/// The topic whose high watermark moves while nothing is flushed.
const UNFLUSHED: &str = "unflushed";

/// Waits until another checkpoint was written so often: each time because a high watermark has moved.
fn until_written(talk: &mut Talk, path: &Path, times: usize) -> Result<()> {
    for _ in 0..times {
        let before = written(path).ok();
        talk.append(UNFLUSHED, 0, 10)?;
        until("the other checkpoint is written", || Ok(written(path).ok() != before))?;
    }
    Ok(())
}

#[test]
fn recovery_points_are_written_soon_and_only_when_they_moved() -> Result<()> {
    let settings = Settings::default()
        .with("log.flush.offset.checkpoint.interval.ms", 50)
        .with("replica.high.watermark.checkpoint.interval.ms", 50);
    let broker = super::broker(&settings)?;
    let data = broker.data_dir();
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;
    if std::env::var("RIVERRUN_STORIES_OF").is_ok() {
        // Kafka writes them all the time, and what it has not flushed is not in them.
        return Ok(());
    }
    talk.create_topic(UNFLUSHED, 1, &[("riverrun.durability", "os")])?;
    for end in 1..=3 {
        talk.append("t", 0, 1_000)?;
        until("what is flushed is written down", || {
            Ok(recovery_point(data) == Some(end))
        })?;
    }
    let before = written(&recovery_points(data))?;
    let checkpoint = data.join("replication-offset-checkpoint");
    until_written(&mut talk, &checkpoint, 5)?;
    assert_eq!(
        written(&recovery_points(data))?,
        before,
        "a broker that flushes nothing writes no recovery points"
    );
    Ok(())
}

#[test]
fn what_is_not_waited_for_is_flushed_once_flush_ms_is_over() -> Result<()> {
    let settings = Settings::default()
        .with("log.flush.offset.checkpoint.interval.ms", 50)
        .with("replica.high.watermark.checkpoint.interval.ms", 50)
        .with("log.flush.scheduler.interval.ms", 50)
        .with("log.flush.interval.ms", 3_600_000);
    let broker = super::broker(&settings)?;
    let data = broker.data_dir();
    let mut talk = Talk::to(&*broker)?;
    let durability = match std::env::var("RIVERRUN_STORIES_OF").is_ok() {
        true => vec![],
        false => vec![("riverrun.durability", "os")],
    };
    talk.create_topic("t", 1, &durability)?;
    talk.create_topic(UNFLUSHED, 1, &durability)?;
    talk.append("t", 0, 1_000)?;
    until_written(&mut talk, &data.join("replication-offset-checkpoint"), 5)?;
    assert_ne!(recovery_point(data), Some(1), "nobody asked for a flush");
    talk.set(testkit::talk::Resource::Topic("t"), &[("flush.ms", "100")])?;
    until("the record is flushed", || Ok(recovery_point(data) == Some(1)))?;
    talk.append("t", 0, 1_000)?;
    until("the next one, too", || Ok(recovery_point(data) == Some(2)))
}
