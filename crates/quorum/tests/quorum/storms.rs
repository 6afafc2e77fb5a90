//! Whatever happens to three voters, in whatever order: what was answered stays, and all of them end with the same.

use crate::election::{register, registered};
use crate::members::Members;
use crate::setup::lasting;
use base::Rng;
use std::collections::BTreeSet;

/// Impatient, so that many elections fit into a short story; with snapshots and segments that come and go.
const STORMY: [&str; 8] = [
    "controller.quorum.fetch.timeout.ms=400",
    "controller.quorum.election.timeout.ms=200",
    "controller.quorum.election.backoff.max.ms=100",
    "controller.quorum.request.timeout.ms=400",
    "metadata.log.max.record.bytes.between.snapshots=700",
    "metadata.max.retention.bytes=1",
    "internal.metadata.log.segment.bytes=1500",
    "internal.metadata.max.batch.size.in.bytes=1400",
];

/// After so many questions that nobody answered the storm ends for a while.
const PATIENT: u32 = 6;

/// What happens to one of them.
async fn mishap(members: &mut Members, rng: &mut Rng) {
    let id = 1 + rng.below(3) as i32;
    let runs = members.running().contains(&id);
    match rng.below(9) {
        0 | 1 if runs => members.crash(id).await,
        2 if runs => members.stop(id).await,
        3 => members.cut_off(id),
        _ => members.heal(),
    }
}

/// Restarts those that are down, sooner or later.
async fn recovery(members: &mut Members, rng: &mut Rng) {
    for id in [1, 2, 3] {
        if !members.running().contains(&id) && rng.below(2) == 0 {
            members.restart(id).await;
        }
    }
}

/// Everybody is there and reached by everybody, until one is at work.
async fn calm(members: &mut Members) -> i32 {
    members.heal();
    for id in [1, 2, 3] {
        if !members.running().contains(&id) {
            members.restart(id).await;
        }
    }
    let (leader, _) = members.active_among(&[1, 2, 3], 0).await;
    members.catches_up(leader, 1).await;
    leader
}

/// Asks whoever says that it is active.
async fn ask(members: &Members, number: u8, promised: &mut BTreeSet<i32>) {
    for id in members.running() {
        let node = members.node(id);
        let says_so = node.active.borrow().id.is_some_and(|active| active.0 == id);
        if says_so && members.end(id) > 0 && register(members, id, number).await == 0 {
            promised.insert(100 + i32::from(number));
            return;
        }
    }
}

async fn story(seed: u64) {
    let mut rng = Rng::from_seed(seed);
    let mut members = Members::start(seed, 3, &STORMY).await;
    let mut promised = BTreeSet::new();
    let mut in_vain = 0;
    calm(&mut members).await;
    for number in 1..40 {
        if rng.below(4) == 0 {
            mishap(&mut members, &mut rng).await;
        }
        recovery(&mut members, &mut rng).await;
        if rng.below(3) == 0 && members.running().len() > 1 {
            // Now and then they get the time to find one another.
            members.settles().await;
        }
        let before = promised.len();
        ask(&members, number, &mut promised).await;
        in_vain = if promised.len() > before { 0 } else { in_vain + 1 };
        if in_vain == PATIENT {
            calm(&mut members).await;
            in_vain = 0;
        }
    }
    let leader = calm(&mut members).await;
    assert_eq!(register(&members, leader, 99).await, 0, "seed {seed}");
    let end = members.end(leader);
    let picture = lasting(&members.node(leader).published.borrow().image);
    for id in [1, 2, 3] {
        members.catches_up(id, end).await;
        let found: BTreeSet<i32> = registered(&members, id).into_iter().collect();
        assert!(
            found.is_superset(&promised),
            "seed {seed}: of {promised:?} node {id} has {found:?}"
        );
        if members.end(id) == end {
            let own = lasting(&members.node(id).published.borrow().image);
            assert_eq!(own, picture, "seed {seed}: node {id} and the leader {leader}");
        }
    }
    assert!(!promised.is_empty(), "seed {seed}: nothing was answered at all");
    println!("seed {seed}: {} of 40 were answered", promised.len());
    members.stop_all().await;
}

#[test]
fn what_was_answered_stays_whatever_happens() {
    sim::seeds(3, |seed| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(story(seed));
    });
}
