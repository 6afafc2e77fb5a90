//! A partition that holds producers to their epochs and markers to theirs, as Kafka does.

use crate::message::{Held, Marker, Produce, Tag};
use base::ProducerId;
use protocol::ErrorCode;
use std::collections::BTreeMap;
use transaction_coordinator::{MarkerResult, Producer, TransactionEnd, TransactionVersion};

#[derive(Debug, Default)]
pub struct Partition {
    producers: BTreeMap<ProducerId, Known>,
    /// What became of each record, in the order in which they were written.
    pub records: Vec<Written>,
    /// It was deleted.
    pub is_gone: bool,
}

#[derive(Debug)]
pub struct Written {
    pub producer: ProducerId,
    pub tag: Tag,
    /// None while its transaction is open.
    pub end: Option<TransactionEnd>,
}

#[derive(Debug)]
struct Known {
    epoch: i16,
    is_open: bool,
    coordinator: i32,
    markers: u64,
}

impl Partition {
    /// What the coordinator's word about a producer will rest on; none if none is needed.
    pub fn guard(&self, producer: Producer) -> Option<u64> {
        match self.producers.get(&producer.id) {
            Some(known) if known.is_open && known.epoch == producer.epoch.0 => None,
            Some(known) => Some(known.markers),
            None => Some(0),
        }
    }

    /// Appends a record for which the coordinator gave its word, unless a marker came in between.
    pub fn append_held(&mut self, held: &Held) -> Result<(), ErrorCode> {
        if self
            .guard(held.produce.producer)
            .is_some_and(|guard| guard != held.guard)
        {
            return Err(ErrorCode::InvalidTxnState);
        }
        self.append(&held.produce)
    }

    pub fn append(&mut self, produce: &Produce) -> Result<(), ErrorCode> {
        if self.is_gone {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        let known = self.known(produce.producer);
        if produce.producer.epoch.0 < known.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        known.epoch = produce.producer.epoch.0;
        known.is_open = true;
        self.records.push(Written {
            producer: produce.producer.id,
            tag: produce.tag,
            end: None,
        });
        Ok(())
    }

    fn known(&mut self, producer: Producer) -> &mut Known {
        self.producers.entry(producer.id).or_insert(Known {
            epoch: producer.epoch.0,
            is_open: false,
            coordinator: -1,
            markers: 0,
        })
    }

    /// Writes a marker; answers also whether it ended anything.
    pub fn mark(&mut self, marker: &Marker) -> (MarkerResult, bool) {
        if self.is_gone {
            return (MarkerResult::Gone, false);
        }
        let is_new = !self.producers.contains_key(&marker.producer.id);
        let known = self.known(marker.producer);
        let epoch = marker.producer.epoch.0;
        let is_valid = match marker.version {
            TransactionVersion::V2 => is_new || epoch > known.epoch || (epoch == known.epoch && !known.is_open),
            TransactionVersion::V0 | TransactionVersion::V1 => epoch >= known.epoch,
        };
        if !is_valid || marker.epoch < known.coordinator {
            return (MarkerResult::Fenced, false);
        }
        let was_open = std::mem::replace(&mut known.is_open, false);
        known.epoch = epoch;
        known.coordinator = marker.epoch;
        known.markers += 1;
        let open = self.records.iter_mut().filter(|written| written.end.is_none());
        for written in open.filter(|written| written.producer == marker.producer.id) {
            written.end = Some(marker.end);
        }
        (MarkerResult::Written, was_open)
    }

    /// Whether any transaction is open.
    pub fn is_open(&self) -> bool {
        !self.is_gone && self.producers.values().any(|known| known.is_open)
    }
}
