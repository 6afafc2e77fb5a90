//! Replicas that are behind: by a snapshot, or with a log that nobody else has.

use crate::election::{others, register, registered};
use crate::members::Members;

/// Snapshots and segments so small that a few registrations make several, of which the oldest go.
const SHORT: [&str; 4] = [
    "metadata.log.max.record.bytes.between.snapshots=700",
    "metadata.max.retention.bytes=1",
    "internal.metadata.log.segment.bytes=1500",
    "internal.metadata.max.batch.size.in.bytes=1400",
];

/// Registers brokers until the leader's log no longer begins at 0.
async fn fill(members: &Members, leader: i32) -> Vec<i32> {
    let mut expected = Vec::new();
    for number in 1..120 {
        assert_eq!(register(members, leader, number).await, 0);
        expected.push(100 + i32::from(number));
        if members.log_start(leader) > 20 {
            return expected;
        }
    }
    panic!("the log of node {leader} was not cleaned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_behind_the_log_takes_the_snapshot() {
    let mut members = Members::start(21, 3, &SHORT).await;
    let (leader, _) = members.active_among(&[1, 2, 3], 0).await;
    let behind = others(leader)[0];
    members.crash(behind).await;
    let expected = fill(&members, leader).await;
    members.restart(behind).await;
    members.catches_up(behind, members.end(leader)).await;
    assert_eq!(registered(&members, behind), expected);

    // The same with nothing at all on the disk, and for a broker that only observes.
    members.crash(behind).await;
    members.replace_disk(behind);
    members.restart(behind).await;
    members.join(9, "broker").await;
    for id in [behind, 9] {
        members.catches_up(id, members.end(leader)).await;
        assert_eq!(registered(&members, id), expected);
    }
    // What was taken is on the disk: it is there without the others, and can be led from.
    members.crash(behind).await;
    members.restart(behind).await;
    let old = leader;
    let (_, epoch) = members.active_among(&[leader, behind], 0).await;
    members.crash(old).await;
    let rest = others(old);
    let (next, _) = members.active_among(&rest, epoch).await;
    members.catches_up(next, 1).await;
    for id in rest {
        members.catches_up(id, members.end(next)).await;
        assert_eq!(registered(&members, id), expected);
    }
    members.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_else_has_is_cut_off() {
    let mut members = Members::start(22, 3, &[]).await;
    let (old, epoch) = members.active_among(&[1, 2, 3], 0).await;
    assert_eq!(register(&members, old, 1).await, 0);
    members.cut_off(old);
    // Written by the old leader alone, to its disk, and then it loses its power.
    let lost = register(&members, old, 2);
    let rest = others(old);
    let elsewhere = members.active_among(&rest, epoch);
    let (lost, (new, _)) = tokio::join!(lost, elsewhere);
    assert_ne!(lost, 0);
    members.crash(old).await;
    for number in 3..9 {
        assert_eq!(register(&members, new, number).await, 0);
    }
    members.heal();
    members.restart(old).await;
    members.catches_up(old, members.end(new)).await;
    assert_eq!(registered(&members, old), [101, 103, 104, 105, 106, 107, 108]);
    members.stop_all().await;
}
