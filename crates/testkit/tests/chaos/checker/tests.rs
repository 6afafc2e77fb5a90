//! Histories made by hand, each with one fault: the checker must find that fault, and nothing in a history without one.

use super::{Finding, judge};
use crate::history::{Event, Isolation, Place, Severity};

const TOPIC: &str = "plain";

fn place() -> Place {
    Place {
        topic: TOPIC.to_owned(),
        partition: 0,
    }
}

fn value(sequence: u64) -> String {
    format!("p:0:{sequence}")
}

fn sends(sequence: u64) -> Event {
    Event::Sends {
        who: "p".to_owned(),
        place: place(),
        sequence,
        transaction: None,
    }
}

fn sends_in(sequence: u64, transaction: u64) -> Event {
    Event::Sends {
        who: "p".to_owned(),
        place: place(),
        sequence,
        transaction: Some(transaction),
    }
}

fn acknowledged(sequence: u64, offset: i64) -> Event {
    Event::Acknowledged {
        who: "p".to_owned(),
        place: place(),
        sequence,
        offset,
    }
}

fn assigned(isolation: Isolation, group: Option<&str>) -> Event {
    Event::Assigned {
        who: "c".to_owned(),
        topic: TOPIC.to_owned(),
        partitions: vec![0],
        isolation,
        group: group.map(str::to_owned),
    }
}

/// Records as `(offset, sequence)`.
fn values(records: &[(i64, u64)]) -> Vec<(i64, String)> {
    records
        .iter()
        .map(|(offset, sequence)| (*offset, value(*sequence)))
        .collect()
}

fn polled(records: &[(i64, u64)]) -> Event {
    Event::Polled {
        who: "c".to_owned(),
        place: place(),
        records: values(records),
    }
}

fn found(isolation: Isolation, records: &[(i64, u64)]) -> Event {
    Event::Found {
        place: place(),
        isolation,
        records: values(records),
    }
}

/// Three records, written and acknowledged at 0, 1 and 2, and whatever is found at the end.
fn three(at_the_end: &[(i64, u64)], more: Vec<Event>) -> Vec<Finding> {
    let mut events: Vec<_> = (0..3)
        .flat_map(|n| [sends(n), acknowledged(n, n.cast_signed())])
        .collect();
    events.extend(more);
    events.push(found(Isolation::ReadUncommitted, at_the_end));
    judge(&events, None).0
}

const ALL: &[(i64, u64)] = &[(0, 0), (1, 1), (2, 2)];

fn offsets(offset: i64) -> Vec<(i32, i64)> {
    vec![(0, offset)]
}

fn committing(offset: i64) -> Event {
    Event::Committing {
        who: "c".to_owned(),
        group: "g".to_owned(),
        topic: TOPIC.to_owned(),
        offsets: offsets(offset),
    }
}

fn committed_offsets(offset: i64) -> Event {
    Event::CommittedOffsets {
        who: "c".to_owned(),
        group: "g".to_owned(),
        topic: TOPIC.to_owned(),
        offsets: offsets(offset),
    }
}

#[test]
fn what_is_written_anywhere_may_be_anywhere_but_must_be_somewhere() {
    let events = |records: &[(i64, u64)]| {
        [
            sends(0),
            acknowledged(0, -1),
            found(Isolation::ReadUncommitted, records),
            found(Isolation::ReadCommitted, records),
        ]
    };
    assert_eq!(judge(&events(&[(7, 0)]), None).0, []);
    let findings = judge(&events(&[]), None).0;
    assert!(
        matches!(findings[..], [Finding::Lost { offset: -1, .. }]),
        "{findings:?}"
    );
}

#[test]
fn a_history_without_fault_has_no_finding() {
    let reads = vec![
        assigned(Isolation::ReadUncommitted, Some("g")),
        polled(&[(0, 0), (1, 1)]),
        committing(2),
        committed_offsets(2),
        assigned(Isolation::ReadUncommitted, Some("g")),
        polled(&[(2, 2)]),
    ];
    assert_eq!(three(ALL, reads), vec![]);
}

#[test]
fn a_record_that_nobody_acknowledged_may_be_there_or_not() {
    assert_eq!(three(&[(0, 0), (1, 1), (2, 2), (3, 3)], vec![sends(3)]), vec![]);
    assert_eq!(three(ALL, vec![sends(3)]), vec![]);
}

#[test]
fn a_lost_record_is_found() {
    let findings = three(&[(0, 0), (1, 1)], vec![]);
    assert!(
        matches!(findings[..], [Finding::Lost { offset: 2, .. }]),
        "{findings:?}"
    );
}

#[test]
fn a_partition_that_was_not_read_is_no_proof() {
    let findings = judge(&[sends(0), acknowledged(0, 0)], None).0;
    assert!(matches!(findings[..], [Finding::Unread { .. }]), "{findings:?}");
}

#[test]
fn a_doubled_record_is_found() {
    let findings = three(&[(0, 0), (1, 1), (2, 2), (3, 2)], vec![]);
    assert!(
        matches!(&findings[..], [Finding::Doubled { offsets, .. }] if offsets == &[2, 3]),
        "{findings:?}"
    );
}

#[test]
fn a_doubled_record_is_found_though_nobody_acknowledged_it() {
    let findings = three(&[(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)], vec![sends(3)]);
    assert!(matches!(findings[..], [Finding::Doubled { .. }]), "{findings:?}");
}

#[test]
fn two_records_promised_one_offset_are_found() {
    let findings = three(&[(0, 0), (1, 1), (2, 2), (3, 3)], vec![sends(3), acknowledged(3, 2)]);
    let twice = |finding: &Finding| matches!(finding, Finding::TwoRecordsAtOneOffset { offset: 2, .. });
    assert!(findings.iter().any(twice), "{findings:?}");
}

#[test]
fn a_record_found_elsewhere_than_acknowledged_is_found() {
    let findings = three(&[(0, 0), (1, 1), (7, 2)], vec![]);
    assert!(
        matches!(
            findings[..],
            [Finding::Moved {
                acknowledged: 2,
                found: 7,
                ..
            }]
        ),
        "{findings:?}"
    );
}

#[test]
fn records_in_another_order_are_found() {
    let mut events = vec![sends(0), sends(1)];
    events.push(found(Isolation::ReadUncommitted, &[(0, 1), (1, 0)]));
    let findings = judge(&events, None).0;
    assert!(
        matches!(
            findings[..],
            [Finding::Reordered {
                offset: 1,
                before: 1,
                after: 0,
                ..
            }]
        ),
        "{findings:?}"
    );
}

#[test]
fn what_nobody_sent_is_found() {
    let findings = three(&[(0, 0), (1, 1), (2, 2), (3, 9)], vec![]);
    assert!(
        matches!(findings[..], [Finding::NeverSent { offset: 3, .. }]),
        "{findings:?}"
    );
}

#[test]
fn a_poll_that_goes_back_is_found() {
    let reads = vec![
        assigned(Isolation::ReadUncommitted, None),
        polled(&[(0, 0), (1, 1)]),
        polled(&[(1, 1)]),
    ];
    let findings = three(ALL, reads);
    assert!(
        matches!(
            findings[..],
            [Finding::PollWentBack {
                before: 1,
                polled: 1,
                ..
            }]
        ),
        "{findings:?}"
    );
}

#[test]
fn a_poll_that_leaves_a_record_out_is_found() {
    let findings = three(
        ALL,
        vec![assigned(Isolation::ReadUncommitted, None), polled(&[(0, 0), (2, 2)])],
    );
    assert!(
        matches!(findings[..], [Finding::PollSkipped { offset: 1, .. }]),
        "{findings:?}"
    );
}

#[test]
fn a_record_that_was_read_and_is_gone_is_found() {
    let reads = vec![
        sends(3),
        sends(4),
        assigned(Isolation::ReadUncommitted, None),
        polled(&[(2, 2), (3, 3)]),
    ];
    let findings = three(&[(0, 0), (1, 1), (2, 2), (3, 4)], reads);
    assert!(
        matches!(&findings[..], [Finding::ReadThenLost { offset: 3, found: Some(found), .. }] if *found == value(4)),
        "{findings:?}"
    );
}

/// Records 0 and 1 in a transaction that ends as told, and what read_committed readers find.
fn transaction(end: Option<Event>, visible: &[(i64, u64)], polls: Vec<Event>) -> Vec<Finding> {
    let mut events = vec![sends_in(0, 1), acknowledged(0, 0), sends_in(1, 1), acknowledged(1, 1)];
    events.extend(end);
    events.extend(polls);
    events.push(found(Isolation::ReadUncommitted, &[(0, 0), (1, 1)]));
    events.push(found(Isolation::ReadCommitted, visible));
    judge(&events, None).0
}

fn committed() -> Option<Event> {
    Some(Event::Committed {
        who: "p".to_owned(),
        transaction: 1,
    })
}

fn aborted() -> Option<Event> {
    Some(Event::Aborted {
        who: "p".to_owned(),
        transaction: 1,
    })
}

#[test]
fn whole_transactions_have_no_finding() {
    assert_eq!(transaction(committed(), &[(0, 0), (1, 1)], vec![]), vec![]);
    assert_eq!(transaction(aborted(), &[], vec![]), vec![]);
    assert_eq!(transaction(None, &[], vec![]), vec![]);
    assert_eq!(transaction(None, &[(0, 0), (1, 1)], vec![]), vec![]);
}

#[test]
fn an_aborted_record_that_is_read_is_found() {
    let findings = transaction(aborted(), &[(0, 0)], vec![]);
    assert!(matches!(findings[..], [Finding::AbortedRead { .. }]), "{findings:?}");
    let polls = vec![assigned(Isolation::ReadCommitted, None), polled(&[(1, 1)])];
    let findings = transaction(aborted(), &[], polls);
    assert!(matches!(findings[..], [Finding::AbortedRead { .. }]), "{findings:?}");
}

#[test]
fn a_torn_transaction_is_found() {
    for end in [committed(), None] {
        let findings = transaction(end, &[(1, 1)], vec![]);
        assert!(
            matches!(
                findings[..],
                [Finding::TornTransaction {
                    visible: 1,
                    missing: 1,
                    ..
                }]
            ),
            "{findings:?}"
        );
    }
}

#[test]
fn a_committed_transaction_that_nobody_may_read_is_found() {
    let findings = transaction(committed(), &[], vec![]);
    assert!(
        matches!(findings[..], [Finding::TornTransaction { missing: 2, .. }]),
        "{findings:?}"
    );
}

#[test]
fn a_committed_offset_that_goes_back_is_found() {
    let reads = vec![
        assigned(Isolation::ReadUncommitted, Some("g")),
        polled(&[(0, 0), (1, 1)]),
        committing(2),
        committed_offsets(2),
        assigned(Isolation::ReadUncommitted, Some("g")),
        polled(&[(1, 1), (2, 2)]),
    ];
    let findings = three(ALL, reads);
    assert!(
        matches!(
            findings[..],
            [Finding::CommittedOffsetWentBack {
                committed: 2,
                found: 1,
                ..
            }]
        ),
        "{findings:?}"
    );
    let lost = Event::FoundOffsets {
        group: "g".to_owned(),
        topic: TOPIC.to_owned(),
        offsets: offsets(0),
    };
    let findings = three(ALL, vec![committing(2), committed_offsets(2), lost]);
    assert!(
        matches!(findings[..], [Finding::CommittedOffsetWentBack { .. }]),
        "{findings:?}"
    );
}

#[test]
fn a_position_that_nobody_committed_is_found() {
    let findings = three(
        ALL,
        vec![
            assigned(Isolation::ReadUncommitted, Some("g")),
            polled(&[(1, 1), (2, 2)]),
        ],
    );
    assert!(
        matches!(findings[..], [Finding::OffsetNeverCommitted { found: 1, .. }]),
        "{findings:?}"
    );
}

#[test]
fn a_fatal_error_is_found_and_a_retriable_one_is_counted() {
    let erred = |severity| Event::Erred {
        who: "c".to_owned(),
        error: "TIMED_OUT".to_owned(),
        severity,
    };
    let (findings, summary) = judge(&[erred(Severity::Retriable)], None);
    assert_eq!(findings, vec![]);
    assert_eq!(summary.complaints.values().sum::<usize>(), 1);
    let findings = judge(&[erred(Severity::Fatal)], None).0;
    assert!(matches!(findings[..], [Finding::FatalError { .. }]), "{findings:?}");
}

#[test]
fn lines_are_read_as_they_are_written() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("history");
    let lines = [
        r#"{"did":"sends","who":"p","topic":"plain","partition":0,"sequence":3}"#,
        r#"{"did":"failed","who":"p","topic":"plain","partition":0,"sequence":3,"error":"E","severity":"retriable"}"#,
        r#"{"did":"polled","who":"c","topic":"plain","partition":0,"records":[[2,"p:0:2"]]}"#,
        r#"{"did":"committing","who":"c","group":"g","topic":"plain","offsets":[[0,2]]}"#,
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    let failed = Event::Failed {
        who: "p".to_owned(),
        place: place(),
        sequence: 3,
        error: "E".to_owned(),
        severity: Severity::Retriable,
    };
    let wanted = vec![sends(3), failed, polled(&[(2, 2)]), committing(2)];
    assert_eq!(crate::history::read(&file).unwrap(), wanted);
    std::fs::write(&file, "{\"did\":\"nothing\"}\n").unwrap();
    assert!(crate::history::read(&file).is_err());
}
