//! Single rules, one story each.

use super::*;
use crate::tests::headers;
use crate::{AppendInfo, Origin};
use base::{Instant, LeaderEpoch, ProducerEpoch, ProducerId};
use records::compression::{Codec, Level};
use records::control::TransactionOutcome;
use records::{BatchBuilder, EndTxnMarker, VerifiedBatch};

/// A log on a disk in memory, and its time.
struct Story {
    log: Log,
    now: i64,
    cleaner: Cleaner,
}

impl Story {
    fn new(config: &LogConfig) -> Self {
        let disk = Arc::new(Disk::default());
        Self {
            log: Log::open(options(&disk, config)).expect("opened"),
            now: NOW,
            cleaner: cleaner(100, 4096),
        }
    }

    fn put(&mut self, batch: VerifiedBatch) -> AppendInfo {
        let origin = if batch.header().attributes.is_control() {
            Origin::Coordinator
        } else {
            Origin::Client
        };
        let info = self.log.append_as_leader(
            &[batch],
            LeaderEpoch(0),
            crate::tests::unverified(origin),
            Timestamp(self.now),
        );
        self.log.high_watermark_moved(self.log.log_end_offset());
        info.expect("appended")
    }

    fn write(&mut self, key: &str, value: Option<&str>) {
        self.put(record(BatchBuilder::new(), key, value, self.now));
    }

    fn roll(&mut self) {
        self.log.roll(Timestamp(self.now)).expect("rolled");
        self.log.flush(Instant::ZERO).expect("flushed");
    }

    fn clean(&mut self) -> Offset {
        clean(&mut self.log, &mut self.cleaner, self.now).expect("cleaned")
    }

    fn measure(&self) -> LogToClean {
        let view = self.log.cleaning_view(last_stable(&self.log));
        view.measure(Timestamp(self.now)).expect("measured")
    }

    /// Base offset, records and delete horizon of every batch.
    fn batches(&self) -> Vec<(i64, i32, Option<i64>)> {
        let of = |header: &records::BatchHeader| {
            let horizon = header.delete_horizon().map(|at| at.0 - NOW);
            (header.base_offset.0, header.record_count, horizon)
        };
        headers(&self.log).iter().map(of).collect()
    }
}

fn record(builder: BatchBuilder, key: &str, value: Option<&str>, at: i64) -> VerifiedBatch {
    let mut builder = builder;
    builder.append(Timestamp(at), Some(key.as_bytes()), value.map(str::as_bytes), &[]);
    builder.build()
}

fn producer(id: i64, sequence: i32) -> BatchBuilder {
    BatchBuilder::new().producer(ProducerId(id), ProducerEpoch(0), sequence)
}

fn marker(outcome: TransactionOutcome, id: i64, at: i64) -> VerifiedBatch {
    let marker = EndTxnMarker {
        outcome,
        coordinator_epoch: 0,
    };
    marker.to_batch(ProducerId(id), ProducerEpoch(0), Timestamp(at))
}

#[test]
fn the_active_segment_and_what_is_not_flushed_are_left_alone() {
    let mut story = Story::new(&compact(0));
    story.write("a", Some("1"));
    story.write("a", Some("2"));
    assert_eq!(story.measure().cleanable_bytes, 0);
    story.log.roll(Timestamp(NOW)).expect("rolled");
    story.write("a", Some("3"));
    assert!(!story.measure().is_due(), "nothing is on stable storage yet");
    story.log.flush(Instant::ZERO).expect("flushed");
    assert!(story.measure().is_due());
    assert_eq!(story.clean(), Offset(2));
    // Offset 1 ends the cleaned part and is its key's last there; the active segment's record does not count yet.
    assert_eq!(story.batches(), [(1, 1, None), (2, 1, None)]);
}

#[test]
fn a_tombstone_goes_after_its_horizon() {
    let mut story = Story::new(&compact(1000));
    story.write("a", Some("1"));
    story.write("a", None);
    story.write("b", Some("1"));
    story.roll();
    story.clean();
    assert_eq!(
        story.batches(),
        [(1, 1, Some(1000)), (2, 1, None)],
        "its time begins to run"
    );
    for (time, expected) in [
        (999, vec![(1, 1, Some(1000)), (2, 1, None)]),
        (1000, vec![(2, 1, None)]),
    ] {
        story.now = NOW + time;
        story.write("c", Some("1"));
        story.roll();
        story.clean();
        let below: Vec<_> = story.batches().into_iter().filter(|batch| batch.0 < 3).collect();
        assert_eq!(below, expected, "after {time} ms");
    }
}

#[test]
fn nothing_above_the_last_stable_offset_is_cleaned() {
    let mut story = Story::new(&compact(0));
    story.write("a", Some("1"));
    story.write("a", Some("2"));
    story.roll();
    story.put(record(producer(5, 0).transactional(), "a", Some("open"), NOW));
    story.roll();
    story.write("a", Some("4"));
    story.roll();
    assert_eq!(story.clean(), Offset(2), "up to the segment with the open transaction");
    story.put(marker(TransactionOutcome::Commit, 5, NOW));
    story.roll();
    assert_eq!(story.clean(), Offset(5));
}

#[test]
fn aborted_data_goes_at_once_and_its_marker_later() {
    let mut story = Story::new(&compact(1000));
    story.put(record(producer(5, 0).transactional(), "a", Some("aborted"), NOW));
    story.put(marker(TransactionOutcome::Abort, 5, NOW));
    // The producer's last data is further on, so nothing has to stay for its sequence.
    story.put(record(producer(5, 1).transactional(), "b", Some("kept"), NOW));
    story.put(marker(TransactionOutcome::Commit, 5, NOW));
    story.write("c", Some("1"));
    story.roll();
    let passes = [
        (0, vec![(1, 1, None), (2, 1, None), (3, 1, None)]),
        (0, vec![(1, 1, Some(1000)), (2, 1, None), (3, 1, None)]),
        (999, vec![(1, 1, Some(1000)), (2, 1, None), (3, 1, None)]),
        (1000, vec![(2, 1, None), (3, 1, None)]),
    ];
    for (time, expected) in passes {
        story.now = NOW + time;
        story.write("d", Some("1"));
        story.roll();
        story.clean();
        let below: Vec<_> = story.batches().into_iter().filter(|batch| batch.0 < 4).collect();
        assert_eq!(below, expected, "after {time} ms");
    }
}

#[test]
fn the_last_batch_of_a_producer_stays_as_a_header() {
    let mut story = Story::new(&compact(0));
    story.put(record(producer(7, 0), "a", Some("1"), NOW));
    story.put(record(producer(7, 1), "a", Some("2"), NOW));
    story.write("a", Some("3"));
    story.roll();
    story.clean();
    assert_eq!(story.batches(), [(1, 0, None), (2, 1, None)]);
    let last = headers(&story.log)[0];
    assert_eq!((last.last_sequence(), last.producer_id), (1, ProducerId(7)));
}

#[test]
fn the_end_of_the_cleaned_part_stays_as_a_header() {
    let mut story = Story::new(&compact(0));
    story.write("a", Some("1"));
    let mut keyless = BatchBuilder::new();
    keyless.append(Timestamp(NOW), None, Some(b"dropped"), &[]);
    story.put(keyless.build());
    story.roll();
    story.clean();
    assert_eq!(story.batches(), [(0, 1, None), (1, 0, None)]);
}

#[test]
fn young_segments_wait_for_the_least_lag() {
    let config = LogConfig {
        min_compaction_lag_ms: 1000,
        ..compact(0)
    };
    let mut story = Story::new(&config);
    story.write("a", Some("1"));
    story.roll();
    story.now = NOW + 600;
    story.write("a", Some("2"));
    story.roll();
    story.now = NOW + 999;
    assert!(!story.measure().is_due());
    story.now = NOW + 1000;
    assert_eq!(
        story.measure().first_uncleanable,
        Offset(1),
        "the first segment is old enough"
    );
    story.now = NOW + 1600;
    assert_eq!(story.measure().first_uncleanable, Offset(2));
}

#[test]
fn the_greatest_lag_makes_a_clean_log_due() {
    let config = LogConfig {
        min_cleanable_dirty_ratio: 1.0,
        max_compaction_lag_ms: 1000,
        ..compact(0)
    };
    let mut story = Story::new(&config);
    story.write("a", Some("1"));
    story.roll();
    story.now = NOW + 1000;
    assert!(!story.measure().is_due());
    story.now = NOW + 1001;
    let dirt = story.measure();
    assert!(dirt.is_due() && dirt.overdue_ms == 1);
    story.clean();
    assert!(!story.measure().is_due(), "nothing is dirty any more");
    // An active segment must not hold a record back for longer than that.
    story.write("b", Some("1"));
    story.now += 1001;
    story.write("b", Some("2"));
    assert_eq!(story.measure().view.segments.len(), 3);
}

#[test]
fn compact_and_delete_together_do_both() {
    let config = LogConfig {
        delete: true,
        retention_ms: 10_000,
        ..compact(0)
    };
    let mut story = Story::new(&config);
    story.write("a", Some("1"));
    story.write("a", Some("2"));
    story.roll();
    story.now = NOW + 20_000;
    story.write("b", Some("1"));
    story.roll();
    story.clean();
    assert_eq!(story.batches()[0], (1, 1, None), "compacted");
    let high_watermark = story.log.log_end_offset();
    let doomed = story.log.delete_old_segments(high_watermark, Timestamp(story.now));
    // Cleaning put both segments into one, whose youngest record is young.
    assert!(doomed.expect("looked").is_empty());
    story.now += 10_001;
    let doomed = story.log.delete_old_segments(high_watermark, Timestamp(story.now));
    assert!(!doomed.expect("deleted").is_empty());
    assert_eq!(story.log.log_start_offset(), high_watermark);
}

#[test]
fn a_map_that_is_full_ends_the_pass_and_the_next_goes_on() {
    let mut story = Story::new(&compact(0));
    story.cleaner = cleaner(5, 4096);
    for round in 0..2 {
        for key in ["a", "b", "c", "d", "e", "f", "g"] {
            story.write(key, Some(&round.to_string()));
        }
    }
    story.roll();
    let mut ends = vec![story.clean()];
    while story.measure().is_due() {
        ends.push(story.clean());
    }
    assert!(ends.len() > 2 && ends.is_sorted(), "{ends:?}");
    assert_eq!(story.batches().iter().map(|batch| batch.1).sum::<i32>(), 7);
}

#[test]
fn a_batch_with_more_keys_than_the_map_takes_is_told() {
    let mut story = Story::new(&compact(0));
    story.cleaner = cleaner(3, 4096);
    let mut builder = BatchBuilder::new().compressed(Codec::Zstd, Level::default_of(Codec::Zstd));
    for key in 0..9_u8 {
        builder.append(Timestamp(NOW), Some(&[key]), Some(b"v"), &[]);
    }
    story.put(builder.build());
    story.roll();
    let before = story.batches();
    let failed = clean(&mut story.log, &mut story.cleaner, NOW);
    assert!(
        matches!(failed, Err(CleaningError::MapTooSmall { offset: Offset(0), .. })),
        "{failed:?}"
    );
    assert_eq!(story.batches(), before);
}

#[test]
fn a_damaged_batch_is_not_copied() {
    let mut story = Story::new(&compact(0));
    story.write("a", Some("1"));
    story.write("a", Some("2"));
    story.roll();
    let file = story.log.dir().join("00000000000000000000.log");
    let file = story.log.fs().open(&file, base::fs::Open::Write).expect("opened");
    file.write_at(b"?", 70 + 65).expect("written");
    let failed = clean(&mut story.log, &mut story.cleaner, NOW);
    assert!(
        matches!(failed, Err(CleaningError::Batch { position: 70, .. })),
        "{failed:?}"
    );
}

#[test]
fn a_pass_that_is_stopped_leaves_nothing_behind() {
    let mut story = Story::new(&compact(0));
    story.write("a", Some("1"));
    story.write("a", Some("2"));
    story.roll();
    let before = story.batches();
    let to_clean = story.measure();
    for allowed in 0..3 {
        let mut left = allowed;
        let mut pace = |_| {
            left -= 1;
            if left < 0 { Pace::Stop } else { Pace::Go }
        };
        let stopped = story
            .cleaner
            .begin(&to_clean, Timestamp(NOW), &mut pace)
            .and_then(|mut pass| {
                let group = pass.next_group().expect("a group");
                pass.clean(group, &story.log.last_records(), &mut pace)
            });
        assert!(matches!(stopped, Err(CleaningError::Stopped)), "{allowed}: {stopped:?}");
    }
    assert_eq!(story.batches(), before);
    let files = story.log.fs().list(&story.log.dir()).expect("listed");
    assert!(!files.iter().any(|file| file.name.ends_with(".cleaned")), "{files:?}");
}

#[test]
fn a_reader_goes_on_with_the_segments_it_has_seen() {
    let mut story = Story::new(&compact(0));
    for round in 0..3 {
        for key in ["a", "b", "c"] {
            story.write(key, Some(&round.to_string()));
        }
    }
    story.roll();
    let view = story.log.view();
    let before = crate::tests::read_all(&view, Offset(0), 10_000);
    for _ in 0..3 {
        story.clean();
        story.write("a", Some("more"));
        story.roll();
        assert!(
            crate::tests::read_all(&view, Offset(0), 10_000) == before,
            "the old segment is still there"
        );
    }
    assert!(crate::tests::read_all(&story.log.view(), Offset(0), 10_000).len() < before.len());
}

#[test]
fn a_log_that_changed_under_the_cleaner_keeps_its_segments() {
    let mut story = Story::new(&compact(0));
    story.write("a", Some("1"));
    story.roll();
    story.write("a", Some("2"));
    story.roll();
    let to_clean = story.measure();
    let mut go = |_| Pace::Go;
    let mut pass = story.cleaner.begin(&to_clean, Timestamp(NOW), &mut go).expect("begun");
    let group = pass.next_group().expect("a group");
    let cleaned = pass.clean(group, &story.log.last_records(), &mut go).expect("cleaned");
    story.log.advance_log_start(Offset(1)).expect("advanced");
    let high_watermark = story.log.log_end_offset();
    let doomed = story
        .log
        .delete_old_segments(high_watermark, Timestamp(NOW))
        .expect("deleted");
    assert_eq!(doomed.segments, 1);
    let outdated = story.log.install(cleaned).expect_err("one of its inputs is gone");
    outdated.discard().expect("removed");
    assert_eq!(story.batches(), [(1, 1, None)]);
}
