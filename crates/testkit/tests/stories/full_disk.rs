//! A disk that fills up: records are refused, and everything that helps goes on without a restart.

use anyhow::{Context, Result, ensure};
use protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use testkit::talk::{LATEST, Resource, batch_of, records, until};
use testkit::{Settings, Talk};

const KAFKA_STORAGE_ERROR: i16 = 56;
const RECORD: usize = 500_000;

/// A volume of its own, in memory.
struct Volume {
    home: TempDir,
}

impl Volume {
    /// None where this process may not mount.
    fn mount(size: &str) -> Result<Option<Volume>> {
        let home = TempDir::with_prefix("riverrun-full-")?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(home.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        Ok(mounted.then_some(Volume { home }))
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Fills what is left to the last byte, as somebody else's program might.
    fn fill(&self) -> Result<PathBuf> {
        let path = self.home.path().join("somebody-elses");
        let mut file = std::fs::File::create(&path)?;
        let zeros = vec![0; 4096];
        while std::io::Write::write_all(&mut file, &zeros).is_ok() {}
        Ok(path)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // It goes with the machine if it cannot be unmounted now.
        let _ = Command::new("umount").arg("-l").arg(self.home.path()).status();
    }
}

fn settings(data: &Path) -> Settings {
    Settings::default()
        .on(data)
        .with("log.retention.check.interval.ms", 100)
        .with("log.initial.task.delay.ms", 100)
        .with("log.segment.delete.delay.ms", 0)
}

/// Appends records until there is no space; answers how many there are.
fn append_until_full(talk: &mut Talk) -> Result<i64> {
    for _ in 0..1000 {
        let answer = talk.produce("t", 0, -1, batch_of(RECORD).encode())?;
        match answer.error_code {
            0 => {}
            KAFKA_STORAGE_ERROR => return talk.offset("t", 0, LATEST),
            error => anyhow::bail!("error {error}"),
        }
    }
    anyhow::bail!("the disk does not fill up")
}

fn delete_records(talk: &mut Talk, before: i64) -> Result<i16> {
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: "t".to_owned(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: 0,
                offset: before,
            }],
        }],
        timeout_ms: 10_000,
    };
    let answer = talk.ask(&request, 2)?;
    Ok(answer
        .topics
        .first()
        .and_then(|topic| topic.partitions.first())
        .context("an answer")?
        .error_code)
}

/// Four batches of an idempotent producer: one that there is space for, one that there is not, one that follows it, and the second
/// again, but small. What follows is not out of order: it shall come again, after the one before it.
fn small_after_large(talk: &mut Talk) -> Result<Vec<i16>> {
    let producer = super::idempotence::producer_id(talk)?;
    let mut send = |sequence: i32, size: usize| {
        let batch = batch_of(size).from_producer(producer, 0, sequence);
        anyhow::Ok(talk.produce("t", 0, -1, batch.encode())?.error_code)
    };
    Ok(vec![send(0, 10)?, send(1, RECORD)?, send(2, 10)?, send(1, 10)?])
}

fn is_whole(talk: &mut Talk, at: i64) -> Result<bool> {
    let fetched = talk.fetch("t", 0, at)?;
    Ok(fetched.error_code == 0 && records(&fetched).len() > RECORD)
}

#[test]
fn a_full_disk_refuses_records_until_there_is_space() -> Result<()> {
    if std::env::var("RIVERRUN_STORIES_OF").is_ok() {
        // Kafka takes the directory out of use, and with its last one it ends.
        return Ok(());
    }
    let Some(volume) = Volume::mount("48m")? else {
        eprintln!("not told: this process may not mount a volume (storage's test of a full disk needs none)");
        return Ok(());
    };
    let settings = settings(&volume.data());
    let mut broker = super::broker(&settings)?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[("segment.bytes", "2097152")])?;
    let count = append_until_full(&mut talk)?;
    ensure!(count > 40, "{count} records fit");

    // Reading and administration go on, and nothing was broken.
    ensure!(is_whole(&mut talk, 0)? && is_whole(&mut talk, count - 1)?);
    talk.create_topic("another", 3, &[])?;
    talk.set(Resource::Topic("another"), &[("retention.ms", "5000")])?;
    ensure!(talk.produce("another", 0, -1, batch_of(RECORD).encode())?.error_code == KAFKA_STORAGE_ERROR);
    ensure!(append_until_full(&mut talk)? == count);
    let sent = small_after_large(&mut talk)?;
    ensure!(sent == [0, KAFKA_STORAGE_ERROR, KAFKA_STORAGE_ERROR, 0], "{sent:?}");
    let count = talk.offset("t", 0, LATEST)?;

    // A crash now, with even the reserve eaten by somebody else: the start needs no space to speak of.
    let somebody = volume.fill()?;
    broker.kill9()?;
    std::fs::remove_file(somebody)?;
    drop(talk);
    broker.restart()?;
    let mut talk = Talk::to(&*broker)?;
    ensure!(talk.offset("t", 0, LATEST)? == count, "what was acknowledged is there");
    ensure!(append_until_full(&mut talk)? == count);

    // Deleting makes space, and the same producer is served again.
    ensure!(delete_records(&mut talk, count - 5)? == 0);
    until("there is space again", || {
        Ok(talk.produce("t", 0, -1, batch_of(RECORD).encode())?.error_code == 0)
    })?;
    ensure!(append_until_full(&mut talk)? > count + 10);
    talk.delete_topic("t")?;
    until("the other topic takes records", || {
        Ok(talk.produce("another", 0, -1, batch_of(RECORD).encode())?.error_code == 0)
    })?;
    broker.stop_cleanly()
}

/// A log that cannot be opened after a crash, for want of space, is not taken for whole because the others were closed in order.
#[test]
fn a_log_that_finds_no_space_at_a_start_is_checked_by_the_next() -> Result<()> {
    if std::env::var("RIVERRUN_STORIES_OF").is_ok() {
        return Ok(());
    }
    let Some(volume) = Volume::mount("48m")? else {
        eprintln!("not told: this process may not mount a volume");
        return Ok(());
    };
    let metadata = TempDir::with_prefix("riverrun-full-metadata-")?;
    let data = volume.data();
    let settings = settings(&data)
        .with("log.dirs", data.display())
        .with("metadata.log.dir", metadata.path().join("metadata").display());
    let mut broker = super::broker(&settings)?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[("segment.bytes", "1048576")])?;
    for _ in 0..20 {
        talk.append("t", 0, 100_000)?;
    }
    broker.kill9()?;
    // A crash may leave a log without its indexes, and nobody knows up to where it is safe: they are made anew, if there is space.
    match std::fs::remove_file(data.join("recovery-point-offset-checkpoint")) {
        // It is written five seconds after the first flush.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    for index in ["index", "timeindex"] {
        std::fs::remove_file(data.join("t-0/00000000000000000000").with_extension(index))?;
    }
    let somebody = volume.fill()?;
    broker.restart()?;
    let told = broker.log_tail();
    ensure!(told.contains("the partition cannot be hosted"), "{told}");
    std::fs::remove_file(somebody)?;
    broker.stop_cleanly()?;
    let marker = data.join(".kafka_cleanshutdown");
    ensure!(!marker.exists(), "nobody has looked at the log since the crash");
    broker.restart()?;
    let mut talk = Talk::to(&*broker)?;
    ensure!(talk.offset("t", 0, LATEST)? == 20 && talk.append("t", 0, 10)? == 20);
    broker.stop_cleanly()?;
    ensure!(marker.exists());
    Ok(())
}

/// The same with librdkafka and kafka-python: what their users see.
#[test]
fn stock_clients_get_over_a_full_disk() -> Result<()> {
    if std::env::var("RIVERRUN_STORIES_OF").is_ok() {
        return Ok(());
    }
    let Some(volume) = Volume::mount("64m")? else {
        eprintln!("not told: this process may not mount a volume");
        return Ok(());
    };
    let mut broker = super::broker(&settings(&volume.data()))?;
    let program = testkit::dependencies::workspace().join("tests/clients/python/full_disk.py");
    let mut command = testkit::suite::python(&program)?;
    command.env("BOOTSTRAP", broker.bootstrap());
    let told = testkit::suite::run("full_disk.py", &mut command);
    println!("{}", told.with_context(|| broker.log_tail())?);
    broker.stop_cleanly()
}
