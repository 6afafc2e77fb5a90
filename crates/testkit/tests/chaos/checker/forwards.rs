//! Exactly once: a group's members forward every record of one topic to the same partition of another, in transactions together
//! with where the group stands. What read_committed readers find there is the source up to there, each record once and in order.

use std::collections::BTreeMap;

use super::{Facts, Finding};
use crate::history::{Event, Isolation, Place};

/// Who forwards what.
#[derive(Clone, Copy, Debug)]
pub struct Forwards<'a> {
    /// The source: a topic without transactions, so that it has a record at every offset.
    pub from: &'a str,
    /// Where to. A value's fourth word is the offset of what it forwards.
    pub to: &'a str,
    /// Whose positions in the source are committed with it.
    pub group: &'a str,
}

pub(super) fn judge(facts: &mut Facts, events: &[Event], forwards: Forwards<'_>) {
    let mut ends: BTreeMap<i32, i64> = BTreeMap::new();
    for event in events {
        match event {
            Event::FoundOffsets { group, topic, offsets } if group == forwards.group && topic == forwards.from => {
                ends.extend(offsets.iter().copied());
            }
            _ => {}
        }
    }
    let mut findings = Vec::new();
    for ((isolation, place), log) in &facts.logs {
        if *isolation == Isolation::ReadCommitted && place.topic == forwards.to {
            let end = ends.get(&place.partition).copied().unwrap_or(0);
            findings.extend(first_difference(place, end, log.values().map(|value| source(value))));
        }
    }
    facts.findings.append(&mut findings);
}

/// The offset that a value says it forwards.
fn source(value: &str) -> Option<i64> {
    value.split(':').nth(3)?.parse().ok()
}

/// Found must be 0, 1, 2, and so on up to the end.
fn first_difference(place: &Place, end: i64, mut found: impl Iterator<Item = Option<i64>>) -> Option<Finding> {
    let difference = |wanted, found| Finding::Forwarded {
        place: place.clone(),
        wanted,
        found,
    };
    for wanted in 0..end {
        match found.next() {
            Some(Some(offset)) if offset == wanted => {}
            other => return Some(difference(Some(wanted), other.flatten())),
        }
    }
    found.next().map(|surplus| difference(None, surplus))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            topic: "forwarded".to_owned(),
            partition: 0,
        }
    }

    /// What is said of a log that forwards these, when the group has committed 3.
    fn told(forwarded: &[i64]) -> Option<(Option<i64>, Option<i64>)> {
        let values = forwarded
            .iter()
            .enumerate()
            .map(|(number, offset)| format!("f:0:{number}:{offset}"));
        let records = values
            .zip((0..).step_by(2))
            .map(|(value, offset)| (offset, value))
            .collect();
        let facts = &mut Facts::default();
        facts.gather(&Event::Found {
            place: place(),
            isolation: Isolation::ReadCommitted,
            records,
        });
        let committed = Event::FoundOffsets {
            group: "forwarders".to_owned(),
            topic: "plain".to_owned(),
            offsets: vec![(0, 3)],
        };
        let forwards = Forwards {
            from: "plain",
            to: "forwarded",
            group: "forwarders",
        };
        judge(facts, &[committed], forwards);
        facts.findings.first().map(|finding| match finding {
            Finding::Forwarded { wanted, found, .. } => (*wanted, *found),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn each_record_is_forwarded_once_and_in_order() {
        assert_eq!(told(&[0, 1, 2]), None);
        assert_eq!(told(&[0, 2]), Some((Some(1), Some(2))), "one is lost");
        assert_eq!(told(&[0, 1]), Some((Some(2), None)), "the last is lost");
        assert_eq!(told(&[0, 1, 1, 2]), Some((Some(2), Some(1))), "one comes twice");
        assert_eq!(told(&[1, 0, 2]), Some((Some(0), Some(1))), "out of order");
        assert_eq!(
            told(&[0, 1, 2, 3]),
            Some((None, Some(3))),
            "beyond what the group has committed"
        );
    }
}
