//! Transactions: all of one or nothing of it, and nothing of one that was aborted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Finding, Outcome};
use crate::history::{Event, Isolation, Record};

/// How a transaction ended, as its producer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Committed,
    Aborted,
}

pub(super) fn judge(facts: &mut Facts, events: &[Event]) {
    let mut ends: BTreeMap<(&str, u64), End> = BTreeMap::new();
    for event in events {
        match event {
            Event::Committed { who, transaction } => {
                ends.insert((who, *transaction), End::Committed);
            }
            Event::Aborted { who, transaction } => {
                ends.insert((who, *transaction), End::Aborted);
            }
            _ => {}
        }
    }
    let visible = visible(facts, events);
    let mut transactions: BTreeMap<(&str, u64), Vec<(&Record, Outcome)>> = BTreeMap::new();
    for (record, sent) in &facts.sent {
        if let Some(transaction) = sent.transaction {
            let records = transactions.entry((&record.who, transaction)).or_default();
            records.push((record, sent.outcome));
        }
    }
    let mut findings = Vec::new();
    for (id, records) in &transactions {
        one(*id, ends.get(id).copied(), records, &visible, &mut findings);
    }
    facts.findings.append(&mut findings);
}

/// Every record that a read_committed reader was ever shown.
fn visible(facts: &Facts, events: &[Event]) -> BTreeSet<Record> {
    let mut committed_readers: BTreeSet<&str> = BTreeSet::new();
    let mut visible = BTreeSet::new();
    for event in events {
        match event {
            Event::Assigned {
                who,
                isolation: Isolation::ReadCommitted,
                ..
            } => {
                committed_readers.insert(who);
            }
            Event::Polled { who, place, records } if committed_readers.contains(who.as_str()) => {
                visible.extend(
                    records
                        .iter()
                        .filter_map(|(_, value)| Record::from_value(&place.topic, value)),
                );
            }
            _ => {}
        }
    }
    for ((isolation, place), log) in &facts.logs {
        if *isolation == Isolation::ReadCommitted {
            visible.extend(log.values().filter_map(|value| Record::from_value(&place.topic, value)));
        }
    }
    visible
}

fn one(
    (who, transaction): (&str, u64),
    end: Option<End>,
    records: &[(&Record, Outcome)],
    visible: &BTreeSet<Record>,
    findings: &mut Vec<Finding>,
) {
    let (seen, unseen): (Vec<_>, Vec<_>) = records.iter().partition(|(record, _)| visible.contains(*record));
    // A commit promises every record; where nobody was told of an end, what was acknowledged stands for all.
    let missing = match end {
        Some(End::Committed) => unseen.len(),
        Some(End::Aborted) => 0,
        None if seen.is_empty() => 0,
        None => unseen
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Acknowledged(_)))
            .count(),
    };
    if missing > 0 {
        findings.push(Finding::TornTransaction {
            who: who.to_owned(),
            transaction,
            visible: seen.len(),
            missing,
        });
    }
    if end == Some(End::Aborted) {
        findings.extend(seen.iter().map(|(record, _)| Finding::AbortedRead {
            record: (*record).clone(),
            transaction,
        }));
    }
}
