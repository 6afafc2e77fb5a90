use super::*;
use std::task::{Context, Waker};

const REST: Glance = Glance {
    epoch: LeaderEpoch(3),
    partition_epoch: Some(PartitionEpoch(1)),
    alarms: 0,
    is_offline: false,
    high_watermark: Offset(5),
    last_stable_offset: Offset(5),
    log_start_offset: Offset(0),
    log_end_offset: Offset(5),
};

fn appended(glance: Glance) -> Glance {
    Glance {
        log_end_offset: glance.log_end_offset.next(),
        ..glance
    }
}

fn committed(glance: Glance) -> Glance {
    Glance {
        high_watermark: glance.log_end_offset,
        ..glance
    }
}

fn is_woken(session: &Changed) -> bool {
    session
        .signal()
        .poll_raised(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

fn watched(session: &Arc<Changed>, interest: Interest) -> Watchers {
    let mut watchers = Watchers::new(REST);
    assert_eq!(watchers.add(session, 7, interest, &REST, &REST), Parked::Waiting);
    watchers
}

#[test]
fn a_follower_is_woken_by_what_is_appended_and_told_of_the_rest() {
    let session = Arc::new(Changed::default());
    let mut watchers = watched(&session, Interest::Appended);
    watchers.changed(REST).fire();
    assert!(session.take().is_empty());
    let moved = Glance {
        high_watermark: Offset(6),
        ..REST
    };
    watchers.changed(moved).fire();
    assert!(!is_woken(&session));
    watchers.changed(appended(moved)).fire();
    assert!(
        is_woken(&session),
        "it had been noted before, and is woken all the same"
    );
    assert_eq!(session.take(), [7], "once");
    assert!(!is_woken(&session));
    watchers.changed(appended(appended(moved))).fire();
    assert!(!is_woken(&session), "who was woken looks first");
}

#[test]
fn a_consumer_is_woken_by_what_it_may_read() {
    for (interest, due) in [(Interest::Committed, true), (Interest::Stable, false)] {
        let session = Arc::new(Changed::default());
        let mut watchers = watched(&session, interest);
        watchers.changed(appended(REST)).fire();
        assert!(!is_woken(&session), "{interest:?}: nothing is committed");
        watchers.changed(committed(appended(REST))).fire();
        assert_eq!(is_woken(&session), due, "{interest:?}: of an open transaction");
        let stable = Glance {
            last_stable_offset: Offset(6),
            ..committed(appended(REST))
        };
        watchers.changed(stable).fire();
        assert!(is_woken(&session), "{interest:?}");
    }
}

#[test]
fn whoever_waits_is_woken_when_the_role_or_the_directory_is_lost() {
    let lost = [
        Glance {
            epoch: LeaderEpoch(4),
            ..REST
        },
        Glance { alarms: 1, ..REST },
        Glance {
            is_offline: true,
            ..REST
        },
    ];
    for now in lost {
        let session = Arc::new(Changed::default());
        watched(&session, Interest::Committed).changed(now).fire();
        assert!(is_woken(&session), "{now:?}");
    }
}

#[test]
fn what_changed_before_it_was_watched_is_noted() {
    let session = Arc::new(Changed::default());
    let mut watchers = Watchers::new(REST);
    let now = appended(REST);
    assert_eq!(
        watchers.add(&session, 2, Interest::Appended, &REST, &now),
        Parked::DueNow
    );
    assert_eq!(
        watchers.add(&session, 3, Interest::Committed, &REST, &now),
        Parked::Waiting
    );
    assert_eq!(session.take(), [2, 3]);
}

#[test]
fn sessions_that_are_no_more_take_no_room() {
    let mut watchers = Watchers::new(REST);
    for slot in 0..1000 {
        let session = Arc::new(Changed::default());
        let _ = watchers.add(&session, slot, Interest::Committed, &REST, &REST);
    }
    assert!(watchers.watching.len() <= 8, "{}", watchers.watching.len());
    watchers.changed(appended(REST)).fire();
    assert!(watchers.is_empty());
}
