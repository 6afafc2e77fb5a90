//! More partitions in use than the process may have files: a limit that is too low slows down and breaks nothing.

use anyhow::{Context, Result, ensure};
use std::process::Command;
use testkit::talk::{LATEST, batch_of, records, until};
use testkit::{Settings, Talk};

const KAFKA_STORAGE_ERROR: i16 = 56;
const PARTITIONS: i32 = 120;
/// What the process may have open from here on, sockets included.
const DESCRIPTORS: u32 = 80;

#[test]
fn a_low_limit_on_open_files_takes_no_directory_offline() -> Result<()> {
    if std::env::var("RIVERRUN_STORIES_OF").is_ok() {
        // Kafka ends: to it, a file that cannot be opened is a disk that failed.
        return Ok(());
    }
    let mut broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", PARTITIONS, &[])?;
    let pid = broker.pid().context("it runs")?;
    let limited = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &format!("--nofile={DESCRIPTORS}")])
        .output()?;
    ensure!(limited.status.success(), "{}", String::from_utf8_lossy(&limited.stderr));
    let told = append_and_read(&mut talk);
    told.with_context(|| broker.log_tail())?;
    broker.stop_cleanly()
}

fn append_and_read(talk: &mut Talk) -> Result<()> {
    for _ in 0..2 {
        for index in 0..PARTITIONS {
            until("the record is taken", || {
                let error = talk.produce("t", index, -1, batch_of(100).encode())?.error_code;
                ensure!(error == 0 || error == KAFKA_STORAGE_ERROR, "t-{index}: error {error}");
                Ok(error == 0)
            })?;
        }
    }
    for index in 0..PARTITIONS {
        until("both are read", || {
            let fetched = talk.fetch("t", index, 1)?;
            ensure!(
                fetched.error_code == 0 || fetched.error_code == KAFKA_STORAGE_ERROR,
                "t-{index}: error {}",
                fetched.error_code
            );
            Ok(!records(&fetched).is_empty() && talk.offset("t", index, LATEST)? == 2)
        })?;
    }
    Ok(())
}
