//! Stories of whole logs: written, read, cut off, opened again.

mod damage;
mod differs;
mod epochs;
mod full_disk;
mod golden;
mod holes;
mod model;
mod opening;
mod power_cuts;
mod reading;
mod recalling;
mod renaming;
mod retaining;
mod rolling;
mod room;
mod transactions;

use crate::{LastShutdown, Log, LogConfig, LogOptions, LogView, MinOne, Origin, ReadRequest};
use base::fs::RealFs;
use base::{Instant, LeaderEpoch, Offset, Timestamp, TopicPartition};
use records::{BatchBuilder, BatchHeader, VerifiedBatch, batches};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const EPOCH: LeaderEpoch = LeaderEpoch(3);

/// A log in a temporary directory.
pub(crate) struct Bench {
    pub(crate) root: TempDir,
    pub(crate) options: LogOptions,
}

impl Bench {
    pub(crate) fn new(config: LogConfig) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = root.path().join("topic-0");
        let mut options = LogOptions::new(Arc::new(RealFs), dir, TopicPartition::new("topic", 0), NOW);
        options.config = Arc::new(config);
        Self { root, options }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.options.dir.clone()
    }

    pub(crate) fn open(&self) -> Log {
        Log::open(self.options.clone()).expect("opened")
    }

    pub(crate) fn open_clean(&self) -> Log {
        let options = LogOptions {
            last_shutdown: LastShutdown::Clean,
            ..self.options.clone()
        };
        Log::open(options).expect("opened")
    }

    /// The names in the directory, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        names(&self.dir())
    }
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = base::fs::Fs::list(&RealFs, dir).expect("listed");
    entries.into_iter().map(|entry| entry.name).collect()
}

/// A batch of `count` records at `time`, each with a value of `size` bytes.
pub(crate) fn batch(count: usize, size: usize, time: i64) -> VerifiedBatch {
    let mut builder = BatchBuilder::new();
    for at in 0..count {
        let key = at.to_string();
        builder.append(
            Timestamp(time + at as i64),
            Some(key.as_bytes()),
            Some(&vec![b'v'; size]),
            &[],
        );
    }
    builder.build()
}

/// Whoever is asked about transactions, it is not asked here.
pub(crate) fn unverified(origin: Origin) -> crate::AppendTerms {
    crate::AppendTerms {
        verification: crate::Verification::Off,
        ..origin.into()
    }
}

pub(crate) fn append(log: &mut Log, batch: VerifiedBatch) -> crate::AppendInfo {
    log.append_as_leader(&[batch], EPOCH, unverified(Origin::Client), NOW)
        .expect("appended")
}

pub(crate) fn read_all(view: &LogView, from: Offset, max_bytes: u32) -> Vec<u8> {
    let request = ReadRequest {
        from,
        max_bytes,
        bound: view.log_end_offset(),
        min_one: MinOne::Whole,
    };
    let slice = view.read(request).expect("read");
    slice.region.map_or(Vec::new(), |region| region.read().expect("bytes"))
}

/// The headers of all batches in the log, read piece by piece as a consumer does.
pub(crate) fn headers(log: &Log) -> Vec<BatchHeader> {
    let view = log.view();
    let mut headers: Vec<BatchHeader> = Vec::new();
    let mut next = view.log_start_offset();
    while next < view.log_end_offset() {
        let bytes = read_all(&view, next, 10_000);
        let found = batches(&bytes).map_while(Result::ok).map(|batch| {
            batch.check().expect("a good checksum");
            *batch.header()
        });
        let before = headers.len();
        headers.extend(found.filter(|header| header.last_offset() >= next));
        assert!(headers.len() > before, "no progress at {next}");
        next = headers.last().expect("not empty").next_offset();
    }
    headers
}

pub(crate) fn flush(log: &mut Log) {
    log.flush(Instant::ZERO).expect("flushed");
}

pub(crate) fn close(log: &mut Log) {
    log.close(Instant::ZERO).expect("closed");
}
