//! What consumers were handed, against the logs: nothing twice, nothing left out, nothing that is not there in the end.

use std::collections::BTreeMap;

use super::{Facts, Finding};
use crate::history::{Event, Isolation, Place};

/// A consumer's last offset of each partition since it was given the partition.
type Positions = BTreeMap<(String, Place), Option<i64>>;

pub(super) fn judge(facts: &mut Facts, events: &[Event]) {
    let mut isolations: BTreeMap<&str, Isolation> = BTreeMap::new();
    let mut positions = Positions::new();
    let mut findings = Vec::new();
    for event in events {
        match event {
            Event::Assigned {
                who,
                topic,
                partitions,
                isolation,
                ..
            } => {
                isolations.insert(who, *isolation);
                for partition in partitions {
                    let place = Place {
                        topic: topic.clone(),
                        partition: *partition,
                    };
                    positions.insert((who.clone(), place), None);
                }
            }
            Event::Polled { who, place, records } => {
                let isolation = isolations.get(who.as_str()).copied();
                let isolation = isolation.unwrap_or(Isolation::ReadUncommitted);
                let position = positions.entry((who.clone(), place.clone())).or_default();
                for (offset, value) in records {
                    step(facts, who, place, isolation, *position, *offset, &mut findings);
                    presence(facts, who, place, *offset, value, &mut findings);
                    *position = Some(*offset);
                }
            }
            _ => {}
        }
    }
    facts.findings.append(&mut findings);
}

/// From one offset to the next: forward, and over nothing that this consumer should have seen.
fn step(
    facts: &Facts,
    who: &str,
    place: &Place,
    isolation: Isolation,
    before: Option<i64>,
    offset: i64,
    findings: &mut Vec<Finding>,
) {
    let Some(before) = before else { return };
    if offset <= before {
        findings.push(Finding::PollWentBack {
            who: who.to_owned(),
            place: place.clone(),
            before,
            polled: offset,
        });
        return;
    }
    let log = facts.logs.get(&(isolation, place.clone()));
    let between = log.into_iter().flat_map(|log| log.range(before + 1..offset));
    findings.extend(between.map(|(skipped, _)| Finding::PollSkipped {
        who: who.to_owned(),
        place: place.clone(),
        offset: *skipped,
    }));
}

/// What was handed out must be what the log holds, for good. Of a partition that was not read at the end `log` complains.
fn presence(facts: &Facts, who: &str, place: &Place, offset: i64, value: &str, findings: &mut Vec<Finding>) {
    let Some(log) = facts.logs.get(&(Isolation::ReadUncommitted, place.clone())) else {
        return;
    };
    let found = log.get(&offset);
    if found.is_none_or(|found| found != value) {
        findings.push(Finding::ReadThenLost {
            who: who.to_owned(),
            place: place.clone(),
            offset,
            read: value.to_owned(),
            found: found.cloned(),
        });
    }
}
