use super::*;

fn commit(topic: &str, offset: i64, producer: i64) -> GroupRecord {
    GroupRecord::Offset {
        group: "g".into(),
        topic: topic.into(),
        partition: 0,
        value: Some(OffsetCommitValue {
            offset,
            ..Default::default()
        }),
        producer: ProducerId(producer),
    }
}

fn fold(records: &[GroupRecord]) -> GroupState {
    let mut state = GroupState::default();
    for (at, record) in (0..).zip(records) {
        state.replay(Offset(at), record).unwrap();
    }
    state
}

fn offset(state: &GroupState, topic: &str) -> Option<i64> {
    state
        .group("g")?
        .offsets
        .get(&(topic.into(), 0))
        .map(|committed| committed.offset)
}

#[test]
fn the_last_commit_counts_and_a_tombstone_ends_it() {
    let state = fold(&[
        commit("t", 1, -1),
        commit("t", 2, -1),
        commit("u", 3, -1),
        GroupRecord::no_offset(&"g".into(), &"u".into(), 0),
    ]);
    assert_eq!((offset(&state, "t"), offset(&state, "u")), (Some(2), None));
    assert!(state.group("g").is_some());
}

#[test]
fn offsets_of_a_transaction_count_once_it_is_committed_unless_a_later_commit_came_first() {
    let end = |end| GroupRecord::TransactionEnd {
        producer: ProducerId(7),
        end,
    };
    let open = [
        commit("t", 1, -1),
        commit("t", 5, 7),
        commit("u", 6, 7),
        commit("u", 9, -1),
    ];
    let state = fold(&open);
    assert_eq!((offset(&state, "t"), offset(&state, "u")), (Some(1), Some(9)));
    assert!(state.is_pending(&"g".into(), &("t".into(), 0)) && state.has_pending("g"));
    let committed = fold(&[&open[..], &[end(TransactionEnd::Committed)]].concat());
    assert_eq!((offset(&committed, "t"), offset(&committed, "u")), (Some(5), Some(9)));
    assert!(!committed.has_pending("g"));
    let aborted = fold(&[&open[..], &[end(TransactionEnd::Aborted)]].concat());
    assert_eq!((offset(&aborted, "t"), offset(&aborted, "u")), (Some(1), Some(9)));
}

#[test]
fn a_group_s_tombstone_leaves_offsets_that_have_none() {
    let gone = GroupRecord::Group {
        group: "g".into(),
        value: None,
    };
    let group = GroupRecord::Group {
        group: "g".into(),
        value: Some(Arc::default()),
    };
    assert!(fold(&[group.clone(), gone.clone()]).group("g").is_none());
    let state = fold(&[group, commit("t", 1, -1), gone]);
    assert_eq!(offset(&state, "t"), Some(1));
    assert!(state.group("g").is_some_and(|group| group.classic().is_none()));
}
