//! Positions of groups: whoever is given a partition begins where the group has committed, never before.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Finding};
use crate::history::{Event, Place};

/// What is known of a group's position in one partition.
#[derive(Clone, Debug, Default)]
struct Position {
    /// The furthest commit that was acknowledged.
    acknowledged: i64,
    /// Every commit that was tried.
    tried: BTreeSet<i64>,
}

#[derive(Default)]
struct Groups<'a> {
    positions: BTreeMap<(&'a str, Place), Position>,
    /// The group of a consumer that was given a partition and has not polled it since.
    fresh: BTreeMap<(&'a str, Place), &'a str>,
    findings: Vec<Finding>,
}

pub(super) fn judge(facts: &mut Facts, events: &[Event]) {
    let mut groups = Groups::default();
    for event in events {
        groups.see(event);
    }
    facts.findings.append(&mut groups.findings);
}

fn places<'a>(topic: &'a str, offsets: &'a [(i32, i64)]) -> impl Iterator<Item = (Place, i64)> + 'a {
    offsets.iter().map(|(partition, offset)| {
        let place = Place {
            topic: topic.to_owned(),
            partition: *partition,
        };
        (place, *offset)
    })
}

impl<'a> Groups<'a> {
    fn see(&mut self, event: &'a Event) {
        match event {
            Event::Assigned {
                who,
                topic,
                partitions,
                group: Some(group),
                ..
            } => {
                for partition in partitions {
                    let place = Place {
                        topic: topic.clone(),
                        partition: *partition,
                    };
                    self.fresh.insert((who, place), group);
                }
            }
            Event::Polled { who, place, records } => {
                let Some((first, _)) = records.first() else { return };
                if let Some(group) = self.fresh.remove(&(who.as_str(), place.clone())) {
                    self.begins(group, place.clone(), *first);
                }
            }
            Event::Committing {
                group, topic, offsets, ..
            } => {
                for (place, offset) in places(topic, offsets) {
                    self.positions.entry((group, place)).or_default().tried.insert(offset);
                }
            }
            Event::CommittedOffsets {
                group, topic, offsets, ..
            } => {
                for (place, offset) in places(topic, offsets) {
                    let position = self.positions.entry((group, place)).or_default();
                    position.acknowledged = position.acknowledged.max(offset);
                }
            }
            Event::FoundOffsets { group, topic, offsets } => {
                for (place, offset) in places(topic, offsets) {
                    self.begins(group, place, offset);
                }
            }
            _ => {}
        }
    }

    /// Nothing committed yet is the beginning of the log.
    fn begins(&mut self, group: &'a str, place: Place, found: i64) {
        let position = self.positions.entry((group, place.clone())).or_default();
        if found < position.acknowledged {
            self.findings.push(Finding::CommittedOffsetWentBack {
                group: group.to_owned(),
                place,
                committed: position.acknowledged,
                found,
            });
        } else if found != 0 && !position.tried.contains(&found) {
            self.findings.push(Finding::OffsetNeverCommitted {
                group: group.to_owned(),
                place,
                found,
            });
        }
    }
}
