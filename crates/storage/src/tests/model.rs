//! Random histories with crashes, compared with a list of batches in memory.

use super::*;
use base::fs::{Fs, Open};
use base::{ProducerEpoch, ProducerId, Rng};
use records::compression::{Codec, Level};

/// A batch as it should be in the log.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    header: BatchHeader,
    batch: VerifiedBatch,
}

struct History {
    seed: u64,
    rng: Rng,
    bench: Bench,
    log: Log,
    kept: Vec<Kept>,
    /// The idempotent producer's next sequence, by the batch that came last.
    sequence: i32,
    clock: i64,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let config = LogConfig {
            segment_bytes: 2500 + rng.below(3000) as u32,
            index_interval_bytes: rng.below(600) as u32,
            retention_ms: -1,
            ..LogConfig::default()
        };
        let bench = Bench::new(config);
        let log = bench.open();
        Self {
            seed,
            rng,
            bench,
            log,
            kept: Vec::new(),
            sequence: 0,
            clock: NOW.0,
        }
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0..60 => self.append(),
            60..66 => flush(&mut self.log),
            66..70 => self.log.roll(NOW).expect("rolled"),
            70..76 => self.truncate(),
            76..82 => self.advance(),
            82..86 => self.retain(),
            86..92 => self.reopen_clean(),
            _ => self.crash(),
        }
        self.compare();
    }

    fn end(&self) -> Offset {
        self.log.log_end_offset()
    }

    fn append(&mut self) {
        let mut batches = Vec::new();
        for _ in 0..=self.rng.below(3) {
            batches.push(self.random_batch());
        }
        let mut next = self.end();
        let info = self
            .log
            .append_as_leader(&batches, EPOCH, Origin::Client, NOW)
            .expect("appended");
        assert_eq!(info.first_offset, next, "seed {}", self.seed);
        for batch in batches {
            let header = BatchHeader {
                base_offset: next,
                partition_leader_epoch: EPOCH,
                ..*batch.header()
            };
            next = header.next_offset();
            self.kept.push(Kept { header, batch });
        }
    }

    fn random_batch(&mut self) -> VerifiedBatch {
        let codec = Codec::ALL[self.rng.below(5) as usize];
        let mut builder = BatchBuilder::new().compressed(codec, Level::default_of(codec));
        let count = 1 + self.rng.below(4);
        if self.rng.below(2) == 0 {
            builder = builder.producer(ProducerId(7), ProducerEpoch(0), self.sequence);
            self.sequence += count as i32;
        }
        for _ in 0..count {
            self.clock += self.rng.below(20) as i64 - 5;
            let mut value = vec![0; self.rng.below(80) as usize];
            self.rng.fill(&mut value);
            builder.append(Timestamp(self.clock), None, Some(&value), &[]);
        }
        builder.build()
    }

    fn truncate(&mut self) {
        // As a follower does: to a boundary between batches, often near the end.
        let count = self.kept.len();
        let at = count - (self.rng.below(6) as usize).min(count);
        let Some(first) = self.kept.get(at) else { return };
        let offset = first.header.base_offset;
        if offset < self.log.log_start_offset() {
            return;
        }
        let doomed = self.log.truncate_to(offset, NOW).expect("truncated");
        doomed.remove(&RealFs).expect("removed");
        self.forget_from(offset);
    }

    fn forget_from(&mut self, offset: Offset) {
        self.kept.retain(|kept| kept.header.next_offset() <= offset);
        let last = self.kept.iter().rev().find(|kept| kept.header.has_producer());
        match last {
            Some(kept) => self.sequence = kept.header.last_sequence() + 1,
            // No batch of the producer is left that the model knows of, but the log may remember one that was deleted.
            None => {
                let known = self.log.producers().get(ProducerId(7));
                self.sequence = known.map_or(0, |entry| entry.last_sequence() + 1);
            }
        }
    }

    fn advance(&mut self) {
        let span = self.end().since(self.log.log_start_offset());
        let offset = self
            .log
            .log_start_offset()
            .plus(self.rng.below(span as u64 / 4 + 1) as i64);
        self.log.advance_log_start(offset).expect("moved");
    }

    fn retain(&mut self) {
        let doomed = self.log.delete_old_segments(self.end(), NOW).expect("deleted");
        if self.rng.below(2) == 0 {
            doomed.remove(&RealFs).expect("removed");
        }
        let first = self.log.first_segment_base();
        self.kept.retain(|kept| kept.header.last_offset() >= first);
    }

    fn reopen_clean(&mut self) {
        close(&mut self.log);
        self.bench.options.log_start_offset = self.log.log_start_offset();
        self.bench.options.recovery_point = self.log.recovery_point();
        let end = self.end();
        self.log = self.bench.open_clean();
        assert_eq!(self.end(), end, "seed {}", self.seed);
    }

    /// The process dies; of what was not synced any part may be lost, torn or garbled.
    fn crash(&mut self) {
        let point = self.log.recovery_point();
        self.bench.options.log_start_offset = self.log.log_start_offset();
        self.bench.options.recovery_point = point;
        let segments = self.log.view().segments.clone();
        for segment in segments.iter() {
            let synced: u64 = self
                .kept
                .iter()
                .filter(|kept| kept.header.base_offset >= segment.base() && kept.header.next_offset() <= point)
                .filter(|kept| segment_of(&segments, kept.header.base_offset) == segment.base())
                .map(|kept| kept.batch.size() as u64)
                .sum();
            self.damage(segment.base(), synced.min(segment.size()), point);
        }
        self.log = self.bench.open();
        assert!(
            self.end() >= point,
            "seed {}: {} was synced, {} is left",
            self.seed,
            point,
            self.end()
        );
        self.forget_from(self.end());
    }

    fn damage(&mut self, base: Offset, synced: u64, point: Offset) {
        let path = |kind: crate::names::SegmentFile| self.bench.dir().join(kind.name(base));
        let log = RealFs
            .open(&path(crate::names::SegmentFile::Log), Open::Write)
            .expect("opened");
        let len = log.len().expect("a length");
        if len > synced && self.rng.below(2) == 0 {
            let cut = synced + self.rng.below(len - synced + 1);
            log.set_len(cut).expect("cut");
            if self.rng.below(3) == 0 {
                let mut garbage = vec![0; self.rng.below(200) as usize];
                self.rng.fill(&mut garbage);
                log.write_at(&garbage, cut).expect("written");
            }
        }
        let is_last = self.log.view().segments.last().is_some_and(|last| last.base() == base);
        if self.rng.below(2) == 0 && (is_last || base >= point) {
            for kind in [
                crate::names::SegmentFile::OffsetIndex,
                crate::names::SegmentFile::TimeIndex,
            ] {
                let index = RealFs.open(&path(kind), Open::Write).expect("opened");
                index.set_len(self.rng.below(300)).expect("cut or extended");
            }
        }
    }

    fn compare(&mut self) {
        let (seed, start) = (self.seed, self.log.log_start_offset());
        let readable: Vec<_> = self
            .kept
            .iter()
            .filter(|kept| kept.header.last_offset() >= start)
            .cloned()
            .collect();
        let expected: Vec<_> = readable.iter().map(|kept| kept.header).collect();
        let found = headers(&self.log);
        assert_eq!(found, expected, "seed {seed}");
        if let Some(last) = readable.last() {
            assert_eq!(self.end(), last.header.next_offset(), "seed {seed}");
        }
        if !readable.is_empty() {
            self.compare_a_read(&readable);
            self.compare_a_search(&readable);
        }
        // The producer's last batch, sent again, is recognised.
        if let Some(last) = readable.iter().rev().find(|kept| kept.header.has_producer()) {
            let again = [last.batch.clone()];
            let info = self
                .log
                .append_as_leader(&again, EPOCH, Origin::Client, NOW)
                .expect("recognised");
            let expected = (crate::AppendOutcome::Duplicate, last.header.base_offset);
            assert_eq!((info.outcome, info.first_offset), expected, "seed {seed}");
        }
    }

    fn compare_a_read(&mut self, readable: &[Kept]) {
        let at = self.rng.below(readable.len() as u64) as usize;
        let header = readable[at].header;
        let delta = self.rng.below(header.last_offset_delta as u64 + 1) as i64;
        let from = header.base_offset.plus(delta).max(self.log.log_start_offset());
        let bytes = read_all(&self.log.view(), from, 1);
        let batch = &readable[at].batch;
        assert_eq!(
            bytes[..61],
            batch.header_at(header.base_offset, EPOCH),
            "seed {}",
            self.seed
        );
        assert_eq!(bytes[61..], batch.body()[..], "seed {}", self.seed);
    }

    fn compare_a_search(&mut self, readable: &[Kept]) {
        let target = Timestamp(self.clock - self.rng.below(2000) as i64);
        let expected = readable.iter().find(|kept| kept.header.max_timestamp >= target);
        let found = self.log.view().offset_for_timestamp(target).expect("searched");
        match (expected, found) {
            (None, None) => {}
            (Some(kept), Some(found)) if kept.header.base_offset > self.log.log_start_offset() => {
                let within = kept.header.base_offset <= found.offset && found.offset <= kept.header.last_offset();
                assert!(
                    within && found.timestamp >= target,
                    "seed {}: {found:?} in {:?}",
                    self.seed,
                    kept.header
                );
            }
            // In the batch that the log start cuts, the record in question may lie below it.
            (Some(_), _) => {}
            (None, Some(_)) => panic!("seed {}: {found:?} for {target}", self.seed),
        }
    }
}

fn segment_of(segments: &[Arc<crate::segment::Segment>], offset: Offset) -> Offset {
    let at = segments.partition_point(|segment| segment.base() <= offset) - 1;
    segments[at].base()
}

#[test]
fn random_histories_with_crashes_keep_what_was_synced() {
    for seed in 0..20 {
        let mut history = History::new(seed);
        for _ in 0..80 {
            history.step();
        }
    }
}
