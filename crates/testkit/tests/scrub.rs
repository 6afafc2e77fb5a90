//! The scrub finds rot in what nobody reads, serves none of it, and mends it where another replica has it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use testkit::batch::{Batch, Record};
use testkit::talk::{now_ms, until};
use testkit::{Cluster, Maker, Nodes, Plan, Settings, SingleNode, Talk};

const CORRUPT_MESSAGE: i16 = 2;

fn flip(file: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

#[test]
fn rot_in_a_closed_segment_is_named_with_file_and_offset_and_served_to_nobody() {
    let settings = Settings::default().with("riverrun.scrub.interval.ms", 1);
    let mut broker = SingleNode::start(Maker::Riverrun, &settings).unwrap();
    let mut talk = Talk::to(&broker).unwrap();
    talk.create_topic("t", 1, &[("segment.bytes", "1048576")]).unwrap();
    // Each fills more than half of a segment.
    for offset in 0..3 {
        assert_eq!(talk.append("t", 0, 700_000).unwrap(), offset);
    }
    broker.stop_cleanly().unwrap();
    flip(&broker.data_dir().join("t-0/00000000000000000001.log"), 5_000);
    broker.restart().unwrap();
    until("the rot is found", || {
        let log = broker.log_tail();
        Ok(log.contains("00000000000000000001.log at byte 0: the batch at offset 1 is damaged"))
    })
    .unwrap();
    let mut talk = Talk::to(&broker).unwrap();
    until("nobody is served from it", || {
        Ok(talk.fetch("t", 0, 1)?.error_code == CORRUPT_MESSAGE)
    })
    .unwrap();
    until("it is told that there is no other copy", || {
        Ok(broker.log_tail().contains("there is no other replica in sync"))
    })
    .unwrap();
    // What is not damaged can be read as before.
    assert_eq!(talk.fetch("t", 0, 0).unwrap().error_code, 0);
    assert_eq!(talk.fetch("t", 0, 2).unwrap().error_code, 0);
    assert_eq!(talk.append("t", 0, 10).unwrap(), 3);
}

const TOPIC: &str = "kept";

fn segment(nodes: &Nodes, node: i32, base: i64) -> std::path::PathBuf {
    nodes.node(node).data_dir().join(format!("{TOPIC}-0/{base:020}.log"))
}

fn append(nodes: &Nodes, size: usize) -> i64 {
    let batch = Batch::new(now_ms(), vec![Record::value(vec![b'v'; size])]);
    nodes.append(TOPIC, 0, &batch).unwrap()
}

/// On a follower and on the leader, in the records of a batch and in the lengths that lead from one to the next.
#[test]
fn rot_is_mended_from_another_replica() {
    let plan = Plan::combined(3).with("riverrun.scrub.interval.ms", 1);
    let nodes = Nodes::start(&plan).unwrap();
    let configs = [("segment.bytes", "1048576"), ("min.insync.replicas", "2")];
    nodes.create_topic(1, TOPIC, &[&[1, 2, 3]], &configs).unwrap();
    for _ in 0..3 {
        for _ in 0..20 {
            append(&nodes, 500);
        }
        // It leaves no room for another.
        append(&nodes, 1_037_000);
    }
    // So that the third is closed, and everybody has heard that all of it is committed.
    append(&nodes, 500);
    nodes.until_in_sync(TOPIC, 0, &[1, 2, 3]).unwrap();
    let bases = [0, 21, 42];
    let all: Vec<Vec<u8>> = bases
        .iter()
        .map(|base| std::fs::read(segment(&nodes, 1, *base)).unwrap())
        .collect();
    // Small batches are alike; the length of what follows is at the ninth byte of each.
    let size = 12 + u64::from(u32::from_be_bytes(all[0][8..12].try_into().unwrap()));
    flip(&segment(&nodes, 2, 0), 3 * size + 200);
    flip(&segment(&nodes, 2, 0), 4 * size + 200);
    flip(&segment(&nodes, 2, 0), 9 * size + 11);
    flip(&segment(&nodes, 1, 21), 500_000);
    flip(&segment(&nodes, 3, 42), 8);
    flip(&segment(&nodes, 1, 0), 16);
    until("all of it is mended", || {
        let is_whole = |node: i32| {
            let mut segments = bases.iter().zip(&all);
            segments.all(|(base, good)| std::fs::read(segment(&nodes, node, *base)).is_ok_and(|found| found == *good))
        };
        Ok([1, 2, 3].into_iter().all(is_whole))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", nodes.log_tails()));
    until("all of it is served", || {
        Ok(nodes.read(TOPIC, 0).is_ok_and(|found| found.len() == 64))
    })
    .unwrap();
    append(&nodes, 10);
    nodes.until_in_sync(TOPIC, 0, &[1, 2, 3]).unwrap();
    assert!(
        nodes.log_tails().contains("damage was mended from another replica"),
        "{}",
        nodes.log_tails()
    );
}
