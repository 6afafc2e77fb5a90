//! Rot in a closed segment: found wherever it is, served to nobody, mended with another's bytes.

use super::*;
use crate::ReadError;
use crate::closed::ClosedSegment;
use crate::damage::{Damage, Patch, PatchError};
use crate::fsck::segment::Depth;
use base::fs::{Fs, Open};

const COUNT: i64 = 40;

/// A log of one closed segment with [`COUNT`] batches of one record, and an active one.
fn closed() -> (Bench, Log, ClosedSegment, Vec<u8>) {
    let bench = Bench::new(LogConfig {
        index_interval_bytes: 300,
        ..LogConfig::default()
    });
    let mut log = bench.open();
    for at in 0..COUNT {
        append(&mut log, batch(1, 30, at));
    }
    log.roll(NOW).expect("rolled");
    append(&mut log, batch(1, 30, COUNT));
    flush(&mut log);
    let segment = log.view().closed().next().expect("it is closed");
    let bytes = RealFs.read(&segment.path()).expect("read");
    (bench, log, segment, bytes)
}

fn find(segment: &ClosedSegment) -> Vec<Damage> {
    let mut walk = segment.walk(Depth::Checksums).expect("opened");
    while walk.next_batch().expect("read").is_some() {}
    walk.take_damages()
}

fn served(log: &Log, from: i64) -> Result<Vec<i64>, ReadError> {
    let view = log.view();
    let request = ReadRequest {
        from: Offset(from),
        max_bytes: 1 << 20,
        bound: view.log_end_offset(),
        min_one: MinOne::Whole,
    };
    let region = view.read(request)?.region.expect("bytes");
    let bytes = region.read().expect("read");
    Ok(batches(&bytes)
        .map(|batch| batch.expect("a whole batch"))
        .map(|batch| batch.header().base_offset.0)
        .collect())
}

/// Every bit of every field of a header, but those of the leader epoch, which nothing covers, and the records'.
#[test]
fn a_flipped_bit_is_within_the_stretch_that_is_found_and_the_others_bytes_mend_it() {
    let (_bench, mut log, segment, good) = closed();
    let size = good.len() as u64 / COUNT as u64;
    let file = RealFs.open(&segment.path(), Open::Write).expect("opened");
    let rotten = 17 * size;
    for at in (0..12).chain(16..size) {
        for bit in 0..8 {
            let at = rotten + at;
            let byte = good[usize::try_from(at).expect("small")];
            file.write_at(&[byte ^ 1 << bit], at).expect("written");
            let found = find(&segment);
            let [damage] = found.as_slice() else {
                panic!("byte {at}, bit {bit}: {found:?}")
            };
            assert!(
                (damage.position..damage.end).contains(&at),
                "byte {at}, bit {bit}: {damage:?}"
            );
            assert!(
                damage.from <= Offset(17) && Offset(17) < damage.until,
                "byte {at}, bit {bit}: {damage:?}"
            );
            segment.quarantine(&found);
            assert_eq!(
                served(&log, 17),
                Err(ReadError::Damaged(Offset(17))),
                "byte {at}, bit {bit}"
            );
            let before: Vec<i64> = (0..damage.from.0).collect();
            assert_eq!(served(&log, 0).expect("what is before it"), before);
            let after = served(&log, damage.until.0).expect("what comes after it");
            assert_eq!(after.first(), Some(&damage.until.0), "byte {at}, bit {bit}");

            let position = usize::try_from(damage.position).expect("small");
            let bytes = good[position..usize::try_from(damage.end).expect("small")].to_vec();
            let patch = Patch {
                position: damage.position,
                bytes,
            };
            log.patch(&segment, &[patch]).expect("written").sync().expect("synced");
            assert_eq!(find(&segment), []);
            segment.quarantine(&[]);
            assert_eq!(served(&log, 17).expect("mended").first(), Some(&17));
        }
    }
    assert_eq!(RealFs.read(&segment.path()).expect("read"), good);
}

#[test]
fn what_is_no_closed_segment_of_the_log_any_more_is_not_written_to() {
    let (_bench, mut log, segment, good) = closed();
    let _doomed = log.truncate_to(Offset(30), NOW).expect("cut");
    let patch = Patch {
        position: 0,
        bytes: good[..100].to_vec(),
    };
    assert!(matches!(log.patch(&segment, &[patch]), Err(PatchError::Gone)));
}
