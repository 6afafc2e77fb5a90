//! Which batches belong to aborted transactions (KIP-98): the leader lists the transactions, the markers end them.

use base::{Offset, ProducerId};
use protocol::messages::fetch_response::AbortedTransaction;
use records::{BatchHeader, BatchView, ControlRecordType};
use std::collections::VecDeque;

/// The aborted transactions of one answer.
#[derive(Debug)]
pub(super) struct Aborted {
    to_come: VecDeque<(Offset, ProducerId)>,
    open: Vec<ProducerId>,
}

impl Aborted {
    pub fn new(listed: &[AbortedTransaction]) -> Self {
        let listed = listed
            .iter()
            .map(|one| (Offset(one.first_offset), ProducerId(one.producer_id)));
        let mut to_come: Vec<_> = listed.collect();
        to_come.sort();
        Self {
            to_come: to_come.into(),
            open: Vec::new(),
        }
    }

    /// Whether the records of the next batch were taken back.
    pub fn hides(&mut self, batch: &BatchView<'_>) -> bool {
        let header = batch.header();
        while let Some((first, producer)) = self.to_come.front().copied() {
            if first > header.last_offset() {
                break;
            }
            self.open.push(producer);
            self.to_come.pop_front();
        }
        if header.attributes.is_control() {
            if kind(batch) == Some(ControlRecordType::Abort) {
                self.open.retain(|open| *open != header.producer_id);
            }
            return true;
        }
        self.is_open(header)
    }

    fn is_open(&self, header: &BatchHeader) -> bool {
        header.attributes.is_transactional() && self.open.contains(&header.producer_id)
    }
}

fn kind(batch: &BatchView<'_>) -> Option<ControlRecordType> {
    let record = batch.records()?.next()?.ok()?;
    ControlRecordType::from_key(record.key?)
}
