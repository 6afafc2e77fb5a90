//! Acknowledgements against the logs: lost, moved, doubled, reordered, or never sent.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Finding, Log, Outcome};
use crate::history::{Isolation, Place, Record};

/// Where each record is found.
type Offsets = BTreeMap<Record, Vec<i64>>;

pub(super) fn judge(facts: &mut Facts) {
    let mut findings = Vec::new();
    let mut offsets = Offsets::new();
    for ((isolation, place), log) in &facts.logs {
        if *isolation == Isolation::ReadUncommitted {
            content(facts, place, log, &mut offsets, &mut findings);
        }
    }
    for (record, offsets) in &offsets {
        if offsets.len() > 1 {
            findings.push(Finding::Doubled {
                record: record.clone(),
                offsets: offsets.clone(),
            });
        }
    }
    promises(facts, &offsets, &mut findings);
    facts.findings.append(&mut findings);
}

/// What one log holds: only what was sent there, and each producer's records in their order.
fn content(facts: &Facts, place: &Place, log: &Log, offsets: &mut Offsets, findings: &mut Vec<Finding>) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for (offset, value) in log {
        let record = Record::from_value(&place.topic, value);
        let Some(record) = record.filter(|record| record.place == *place && facts.sent.contains_key(record)) else {
            findings.push(Finding::NeverSent {
                place: place.clone(),
                offset: *offset,
                value: value.clone(),
            });
            continue;
        };
        let before = last.insert(record.who.clone(), record.sequence);
        if let Some(before) = before.filter(|before| *before > record.sequence) {
            findings.push(Finding::Reordered {
                place: place.clone(),
                who: record.who.clone(),
                offset: *offset,
                before,
                after: record.sequence,
            });
        }
        offsets.entry(record).or_default().push(*offset);
    }
}

/// What was acknowledged is there, where it was said to be; no offset was promised twice.
fn promises(facts: &Facts, offsets: &Offsets, findings: &mut Vec<Finding>) {
    let mut taken: BTreeMap<(&Place, i64), &Record> = BTreeMap::new();
    let mut unread: BTreeSet<&Place> = BTreeSet::new();
    for (record, sent) in &facts.sent {
        let Outcome::Acknowledged(offset) = sent.outcome else {
            continue;
        };
        let is_known = offset >= 0;
        if is_known && let Some(other) = taken.insert((&record.place, offset), record) {
            findings.push(Finding::TwoRecordsAtOneOffset {
                place: record.place.clone(),
                offset,
                one: format!("{}:{}", other.who, other.sequence),
                other: format!("{}:{}", record.who, record.sequence),
            });
        }
        let key = (Isolation::ReadUncommitted, record.place.clone());
        if !facts.logs.contains_key(&key) {
            unread.insert(&record.place);
            continue;
        }
        match offsets.get(record).map(Vec::as_slice) {
            None => findings.push(Finding::Lost {
                record: record.clone(),
                offset,
            }),
            Some(found) if is_known && !found.contains(&offset) => findings.push(Finding::Moved {
                record: record.clone(),
                acknowledged: offset,
                found: found[0],
            }),
            Some(_) => {}
        }
    }
    findings.extend(unread.into_iter().map(|place| Finding::Unread { place: place.clone() }));
}
