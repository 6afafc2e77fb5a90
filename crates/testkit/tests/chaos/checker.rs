//! Judges a history: what was promised must be found, in its place, once and in order; and nobody may have seen what is
//! not there in the end. Pure: a history in, findings out.

mod finding;
mod forwards;
mod groups;
mod log;
mod reads;
#[cfg(test)]
mod tests;
mod transactions;

pub use finding::{Finding, Summary};
pub use forwards::Forwards;

use std::collections::BTreeMap;

use super::history::{Event, Isolation, Place, Record, Severity};

/// What became of a record, as its producer knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outcome {
    /// It may be written or not.
    #[default]
    Unknown,
    /// It is written at this offset; anywhere if that is negative.
    Acknowledged(i64),
}

/// A record that was sent.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    transaction: Option<u64>,
    outcome: Outcome,
}

/// What a partition holds at the end, by offset.
type Log = BTreeMap<i64, String>;

/// Everything that the judges need of a history.
#[derive(Default)]
struct Facts {
    sent: BTreeMap<Record, Sent>,
    logs: BTreeMap<(Isolation, Place), Log>,
    findings: Vec<Finding>,
    summary: Summary,
}

/// The findings of a history, and how much there was to judge.
pub fn judge(events: &[Event], forwards: Option<Forwards<'_>>) -> (Vec<Finding>, Summary) {
    let mut facts = Facts::default();
    for event in events {
        facts.gather(event);
    }
    log::judge(&mut facts);
    reads::judge(&mut facts, events);
    transactions::judge(&mut facts, events);
    groups::judge(&mut facts, events);
    if let Some(forwards) = forwards {
        forwards::judge(&mut facts, events, forwards);
    }
    (facts.findings, facts.summary)
}

impl Facts {
    fn gather(&mut self, event: &Event) {
        match event {
            Event::Sends {
                who,
                place,
                sequence,
                transaction,
            } => {
                self.summary.sent += 1;
                self.sent.entry(record(who, place, *sequence)).or_default().transaction = *transaction;
            }
            Event::Acknowledged {
                who,
                place,
                sequence,
                offset,
            } => {
                *self.summary.acknowledged.entry(who.clone()).or_default() += 1;
                let sent = self.sent.entry(record(who, place, *sequence)).or_default();
                sent.outcome = Outcome::Acknowledged(*offset);
            }
            Event::Failed {
                who, error, severity, ..
            }
            | Event::Erred { who, error, severity } => self.complaint(who, error, *severity),
            Event::Polled { who, records, .. } => {
                *self.summary.polled.entry(who.clone()).or_default() += records.len();
            }
            Event::Found {
                place,
                isolation,
                records,
            } => {
                let log = self.logs.entry((*isolation, place.clone())).or_default();
                for (offset, value) in records {
                    if let Some(other) = log.insert(*offset, value.clone()).filter(|other| other != value) {
                        self.findings.push(Finding::TwoRecordsAtOneOffset {
                            place: place.clone(),
                            offset: *offset,
                            one: other,
                            other: value.clone(),
                        });
                    }
                }
            }
            Event::Committed { .. } => self.summary.transactions += 1,
            Event::CommittedOffsets { .. } => self.summary.commits += 1,
            Event::Aborted { .. }
            | Event::Assigned { .. }
            | Event::Committing { .. }
            | Event::Ended { .. }
            | Event::FoundOffsets { .. } => {}
        }
    }

    fn complaint(&mut self, who: &str, error: &str, severity: Severity) {
        match severity {
            Severity::Retriable => *self.summary.complaints.entry(error.to_owned()).or_default() += 1,
            Severity::Fatal => self.findings.push(Finding::FatalError {
                who: who.to_owned(),
                error: error.to_owned(),
            }),
        }
    }
}

fn record(who: &str, place: &Place, sequence: u64) -> Record {
    Record {
        place: place.clone(),
        who: who.to_owned(),
        sequence,
    }
}
