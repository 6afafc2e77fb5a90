//! The scrub finds rot in what nobody reads.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::FileExt;
use testkit::talk::until;
use testkit::{Cluster, RiverrunBroker, Settings, Talk};

#[test]
fn rot_in_a_closed_segment_is_named_with_file_and_offset() {
    let settings = Settings::default().with("riverrun.scrub.interval.ms", 1);
    let mut broker = RiverrunBroker::start(&settings).unwrap();
    let mut talk = Talk::to(&broker).unwrap();
    talk.create_topic("t", 1, &[("segment.bytes", "1048576")]).unwrap();
    // Each fills more than half of a segment.
    for offset in 0..3 {
        assert_eq!(talk.append("t", 0, 700_000).unwrap(), offset);
    }
    broker.stop_cleanly().unwrap();
    let segment = broker.data_dir().join("t-0/00000000000000000001.log");
    let file = std::fs::File::options().read(true).write(true).open(&segment).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 5_000).unwrap();
    file.write_all_at(&[byte[0] ^ 4], 5_000).unwrap();
    broker.restart().unwrap();
    until("the rot is found", || {
        let log = broker.log_tail();
        Ok(log.contains("00000000000000000001.log at byte 0: the batch at offset 1 is damaged"))
    })
    .unwrap();
    // What is not damaged can be read as before.
    let mut talk = Talk::to(&broker).unwrap();
    assert_eq!(talk.fetch("t", 0, 2).unwrap().error_code, 0);
    assert_eq!(talk.append("t", 0, 10).unwrap(), 3);
}
