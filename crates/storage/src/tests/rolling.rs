use super::*;

fn bases(log: &Log) -> Vec<i64> {
    log.view().segments.iter().map(|segment| segment.base().0).collect()
}

#[test]
fn a_full_segment_is_followed_by_one_named_after_its_first_offset() {
    let size = batch(2, 100, 0).size() as u32;
    let bench = Bench::new(LogConfig {
        segment_bytes: size * 3,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    let rolled: Vec<_> = (0..7).map(|_| append(&mut log, batch(2, 100, 0)).rolled).collect();
    assert_eq!(rolled, [false, false, false, true, false, false, true]);
    assert_eq!(bases(&log), [0, 6, 12]);
    assert_eq!(headers(&log).len(), 7);
    assert!(bench.files().contains(&"00000000000000000012.log".to_owned()));
}

#[test]
fn records_age_by_their_own_clock() {
    let bench = Bench::new(LogConfig {
        segment_ms: 1000,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    let mut roll = |time| append(&mut log, batch(1, 10, time)).rolled;
    assert!(!roll(5000));
    assert!(!roll(6000), "exactly as old as allowed");
    assert!(roll(6001));
    assert!(!roll(6500), "it counts from the first batch of the new segment");
    assert!(!roll(10), "older records make no segment older");
}

#[test]
fn records_without_time_age_by_the_brokers_clock() {
    let bench = Bench::new(LogConfig {
        segment_ms: 1000,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    let mut roll = |now: i64| {
        let batches = [batch(1, 10, -1)];
        log.append_as_leader(&batches, EPOCH, Origin::Client, Timestamp(NOW.0 + now))
            .expect("appended")
            .rolled
    };
    assert!(!roll(0) && !roll(1000) && roll(1001) && !roll(2001) && roll(2002));
}

#[test]
fn jitter_makes_segments_younger_and_only_by_so_much() {
    let config = LogConfig {
        segment_ms: 1000,
        segment_jitter_ms: 500,
        ..LogConfig::default()
    };
    let mut ages = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let mut bench = Bench::new(config.clone());
        bench.options.jitter_seed = seed;
        let mut log = bench.open();
        append(&mut log, batch(1, 10, 0));
        let age = (0..)
            .find(|age| append(&mut log, batch(1, 10, *age)).rolled)
            .expect("rolled");
        assert!((501..=1001).contains(&age), "seed {seed}: {age}");
        ages.insert(age);
    }
    assert!(ages.len() > 5, "{ages:?}");
}

#[test]
fn a_full_index_ends_a_segment() {
    let config = LogConfig {
        segment_index_bytes: 40,
        index_interval_bytes: 0,
        ..LogConfig::default()
    };
    let bench = Bench::new(config);
    let mut log = bench.open();
    for at in 0..20 {
        append(&mut log, batch(1, 10, at));
    }
    // Forty bytes hold three entries of time, one of which is kept for the end of the segment; the first batch of a
    // segment has no entry.
    assert_eq!(bases(&log)[..4], [0, 3, 6, 9]);
    close(&mut log);
    let len = |name: &str| base::fs::Fs::len(&RealFs, &bench.dir().join(name)).expect("a length");
    assert_eq!(len("00000000000000000003.index"), 16);
    assert_eq!(len("00000000000000000003.timeindex"), 24);
}

#[test]
fn relative_offsets_fit_an_index() {
    let bench = Bench::new(LogConfig::default());
    let mut log = bench.open();
    append(&mut log, batch(1, 10, 1));
    let far = i64::from(i32::MAX);
    let follow = |log: &mut Log, base: i64| {
        let batches = records::ReplicatedBatches::verify(at(base)).expect("whole");
        log.append_as_follower(&batches, NOW).expect("appended").rolled
    };
    assert!(!follow(&mut log, far));
    assert!(follow(&mut log, far + 1));
    assert_eq!(bases(&log), [0, far + 1]);
    let apart = [at(far * 2), at(far * 4)].concat();
    let apart = records::ReplicatedBatches::verify(apart.into()).expect("whole");
    let (first, last) = (Offset(far * 2), Offset(far * 4));
    assert_eq!(
        log.append_as_follower(&apart, NOW),
        Err(crate::AppendError::OffsetOverflow { first, last })
    );
    assert_eq!(log.log_end_offset(), Offset(far + 2));
}

fn at(base: i64) -> bytes::Bytes {
    let mut builder = BatchBuilder::new();
    builder.append(Timestamp(5), None, Some(b"v"), &[]);
    builder.build_at(Offset(base)).to_bytes()
}

#[test]
fn a_batch_larger_than_a_segment_is_refused() {
    let bench = Bench::new(LogConfig {
        segment_bytes: 100,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    let large = batch(1, 200, 1);
    let (size, max) = (large.size(), 100);
    let result = log.append_as_leader(&[large], EPOCH, Origin::Client, NOW);
    assert_eq!(result, Err(crate::AppendError::LargerThanSegment { size, max }));
    assert_eq!(log.log_end_offset(), Offset(0));
}

#[test]
fn sealed_segments_have_complete_indexes_without_a_close() {
    let config = LogConfig {
        segment_bytes: 3000,
        index_interval_bytes: 500,
        ..LogConfig::default()
    };
    let bench = Bench::new(config);
    let mut log = bench.open();
    for at in 0..40 {
        append(&mut log, batch(1, 100, at));
    }
    drop(log);
    let first = base::fs::Fs::read(&RealFs, &bench.dir().join("00000000000000000000.index")).expect("read");
    let size = batch(1, 100, 0).size();
    let per = 500_usize.div_ceil(size) + usize::from(500 % size == 0);
    // An entry comes with the first batch after more than 500 bytes: its offset and where it begins.
    let position = u32::from_be_bytes(first[4..8].try_into().expect("four bytes")) as usize;
    assert_eq!(position, per * size);
    assert_eq!(
        u32::from_be_bytes(first[..4].try_into().expect("four bytes")) as usize,
        per
    );
}

#[test]
fn a_preallocated_segment_is_cut_to_size_when_it_is_done() {
    use base::fs::Fs;
    let config = LogConfig {
        preallocate: true,
        segment_bytes: 2000,
        ..LogConfig::default()
    };
    let bench = Bench::new(config);
    let len = |base| {
        RealFs
            .len(&bench.dir().join(crate::names::SegmentFile::Log.name(Offset(base))))
            .expect("a length")
    };
    let mut log = bench.open();
    append(&mut log, batch(1, 900, 1));
    let size = batch(1, 900, 1).size() as u64;
    assert_eq!((len(0), log.size()), (2000, size));
    append(&mut log, batch(1, 900, 1));
    append(&mut log, batch(1, 900, 1));
    assert_eq!((len(0), len(2)), (size * 2, 2000));
    drop(log);
    let mut log = bench.open();
    assert_eq!(
        (log.log_end_offset(), len(2)),
        (Offset(3), size),
        "zeros are cut off after a crash"
    );
    append(&mut log, batch(1, 900, 1));
    close(&mut log);
    assert_eq!(headers(&bench.open_clean()).len(), 4);
}
