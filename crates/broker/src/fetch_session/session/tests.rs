use super::*;

fn wanted(index: i32) -> Wanted {
    let position = Position {
        fetch_offset: 0,
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
        log_start_offset: -1,
        max_bytes: 100,
    };
    let key = FetchPartitionKey {
        topic_id: Uuid::ZERO,
        topic: Arc::from("t"),
        index,
    };
    Wanted { key, position }
}

fn taken(session: &mut Session) -> Vec<i32> {
    session.take_due().iter().map(|due| due.wanted.key.index).collect()
}

#[test]
fn what_is_at_rest_is_not_due_until_it_is_named_or_its_surroundings_change() {
    let mut session = Session::new(false, vec![wanted(1), wanted(2), wanted(3)]);
    assert_eq!(taken(&mut session), [1, 2, 3]);
    assert!(taken(&mut session).is_empty());
    session.update(vec![wanted(2), wanted(4)], &[]);
    assert_eq!(taken(&mut session), [2, 4]);
    let elsewhere = Surroundings {
        table: 7,
        ..Surroundings::default()
    };
    session.lies_in(elsewhere);
    assert_eq!(taken(&mut session), [1, 2, 3, 4]);
    session.lies_in(elsewhere);
    assert!(taken(&mut session).is_empty());
}

#[test]
fn who_is_served_goes_behind_the_others() {
    let mut session = Session::new(false, vec![wanted(1), wanted(2), wanted(3)]);
    let first = session.take_due()[0].slot;
    session.was_served(first);
    session.all_due();
    assert_eq!(taken(&mut session), [2, 3, 1]);
}

#[test]
fn what_is_forgotten_is_never_due_and_its_slot_is_used_again() {
    let mut session = Session::new(false, vec![wanted(1), wanted(2)]);
    let dropped = session.update(Vec::new(), &[wanted(1).key]);
    assert_eq!(dropped.len(), 1);
    assert_eq!(taken(&mut session), [2]);
    session.update(vec![wanted(5)], &[]);
    assert_eq!(session.take_due()[0].slot, dropped[0].0);
    assert_eq!(session.len(), 2);
}

#[test]
fn what_is_due_for_several_reasons_is_looked_at_once() {
    let mut session = Session::new(false, vec![wanted(1), wanted(2), wanted(3)]);
    session.all_due();
    session.update(vec![wanted(3), wanted(1)], &[]);
    session.put_back([2, 0, 0]);
    assert_eq!(taken(&mut session), [1, 2, 3]);
    session.update(vec![wanted(2), wanted(1)], &[wanted(2).key]);
    session.update(Vec::new(), &[wanted(1).key]);
    assert_eq!(taken(&mut session), [2]);
}
