//! What was ever written, and what a reader may see of it.

use super::*;
use crate::{MinOne, Origin, ReadRequest};
use base::{LeaderEpoch, ProducerEpoch, ProducerId, Rng};
use records::compression::{Codec, Level, decompress};
use records::control::TransactionOutcome;
use records::{BatchBuilder, BatchHeader, EndTxnMarker, Records, batches};
use std::collections::BTreeMap;

/// A record as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) offset: i64,
    pub(super) key: u8,
    /// None is a tombstone.
    pub(super) value: Option<Vec<u8>>,
    pub(super) timestamp: i64,
    pub(super) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Counts,
    Aborted,
    Open,
}

/// What was written, and when it was first cleaned.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) written: Vec<Written>,
    /// Each producer's next sequence and whether its transaction is open.
    producers: BTreeMap<i64, (i32, bool)>,
    /// By producer, the numbers of the records in its open transaction.
    open_records: BTreeMap<i64, Vec<usize>>,
    /// Offsets below were cleaned at these times: what became due, and when, in order.
    pub(super) cleaned: Vec<(i64, i64)>,
    pub(super) clock: i64,
}

/// A record as a reader of committed data sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) offset: i64,
    pub(super) key: u8,
    pub(super) value: Option<Vec<u8>>,
    pub(super) timestamp: i64,
}

impl History {
    pub(super) fn write(log: &mut Log, rng: &mut Rng, steps: u64) -> Self {
        let mut history = Self {
            clock: NOW,
            ..Self::default()
        };
        history.go_on(log, rng, steps);
        history
    }

    pub(super) fn go_on(&mut self, log: &mut Log, rng: &mut Rng, steps: u64) {
        for _ in 0..steps {
            self.clock += 10;
            match rng.below(10) {
                0..4 => self.append(log, rng, None),
                4..7 => {
                    let producer = 1 + rng.below(3) as i64;
                    self.append(log, rng, Some(producer));
                }
                7..9 => self.end_transaction(log, rng),
                _ => log.roll(Timestamp(self.clock)).expect("rolled"),
            }
        }
    }

    fn append(&mut self, log: &mut Log, rng: &mut Rng, producer: Option<i64>) {
        let codec = [Codec::None, Codec::None, Codec::Lz4, Codec::Zstd][rng.below(4) as usize];
        let mut builder = BatchBuilder::new().compressed(codec, Level::default_of(codec));
        let mut fate = Fate::Counts;
        let count = 1 + rng.below(4);
        if let Some(id) = producer {
            let (sequence, open) = self.producers.entry(id).or_default();
            builder = builder.producer(ProducerId(id), ProducerEpoch(0), *sequence);
            *sequence += count as i32;
            // Producer 3 is idempotent only.
            if id < 3 {
                builder = builder.transactional();
                *open = true;
                fate = Fate::Open;
            }
        }
        let first = log.log_end_offset().0;
        for offset in first..first + count as i64 {
            let key = rng.below(12) as u8;
            let value = (rng.below(4) > 0).then(|| vec![rng.below(256) as u8; rng.below(30) as usize]);
            let timestamp = self.clock + rng.below(5) as i64;
            builder.append(Timestamp(timestamp), Some(&[key]), value.as_deref(), &[]);
            self.written.push(Written {
                offset,
                key,
                value,
                timestamp,
                fate,
            });
            if fate == Fate::Open {
                self.open_records
                    .entry(producer.unwrap_or(0))
                    .or_default()
                    .push(self.written.len() - 1);
            }
        }
        self.put(log, builder.build());
    }

    fn end_transaction(&mut self, log: &mut Log, rng: &mut Rng) {
        let id = 1 + rng.below(2) as i64;
        let open = self
            .producers
            .get_mut(&id)
            .is_some_and(|(_, open)| std::mem::take(open));
        if !open {
            return;
        }
        let (outcome, fate) = if rng.below(2) == 0 {
            (TransactionOutcome::Abort, Fate::Aborted)
        } else {
            (TransactionOutcome::Commit, Fate::Counts)
        };
        let marker = EndTxnMarker {
            outcome,
            coordinator_epoch: 0,
        };
        for at in self.open_records.remove(&id).unwrap_or_default() {
            self.written[at].fate = fate;
        }
        self.put(
            log,
            marker.to_batch(ProducerId(id), ProducerEpoch(0), Timestamp(self.clock)),
        );
    }

    fn put(&self, log: &mut Log, batch: records::VerifiedBatch) {
        let origin = if batch.header().attributes.is_control() {
            Origin::Coordinator
        } else {
            Origin::Client
        };
        log.append_as_leader(
            &[batch],
            LeaderEpoch(0),
            crate::tests::unverified(origin),
            Timestamp(self.clock),
        )
        .expect("appended");
        // One replica: what is written is replicated.
        log.high_watermark_moved(log.log_end_offset());
    }

    /// Holds what a reader sees against what was written. `cleaned_to`: a pass has just come this far.
    pub(super) fn check(&self, log: &Log, cleaned_to: Option<Offset>, retention_ms: i64, context: &str) {
        let seen = read_committed(log);
        let by_offset: BTreeMap<i64, &Written> = self.written.iter().map(|record| (record.offset, record)).collect();
        let mut last_seen: BTreeMap<u8, &Seen> = BTreeMap::new();
        for record in &seen {
            let original = by_offset
                .get(&record.offset)
                .unwrap_or_else(|| panic!("{context}: {record:?} from nowhere"));
            assert_eq!(
                (record.key, &record.value, record.timestamp, Fate::Counts),
                (original.key, &original.value, original.timestamp, original.fate),
                "{context}: offset {}",
                record.offset
            );
            let before = last_seen.insert(record.key, record);
            if let (Some(end), Some(before)) = (cleaned_to, before) {
                assert!(
                    record.offset >= end.0,
                    "{context}: key {} at {} and {}",
                    record.key,
                    before.offset,
                    record.offset
                );
            }
        }
        let stable = last_stable(log).0;
        let counting = self
            .written
            .iter()
            .filter(|record| record.fate == Fate::Counts && record.offset < stable);
        let mut last_written: BTreeMap<u8, &Written> = BTreeMap::new();
        for record in counting {
            last_written.insert(record.key, record);
        }
        for (key, written) in last_written {
            match last_seen.get(&key) {
                Some(seen) => assert_eq!(seen.offset, written.offset, "{context}: the last of key {key}"),
                None => assert!(
                    self.may_be_gone(written, retention_ms),
                    "{context}: {written:?} is lost"
                ),
            }
        }
        for (id, (sequence, _)) in &self.producers {
            let last = log.producers().get(ProducerId(*id)).map(|entry| entry.last_sequence());
            assert_eq!(last, Some(sequence - 1), "{context}: the sequence of producer {id}");
        }
    }

    /// A tombstone goes when `delete.retention.ms` have passed between two passes over it.
    fn may_be_gone(&self, record: &Written, retention_ms: i64) -> bool {
        let mut over = self
            .cleaned
            .iter()
            .filter(|(end, _)| record.offset < *end)
            .map(|(_, at)| at);
        let first = over.next();
        let last = over.next_back();
        record.value.is_none()
            && first
                .zip(last)
                .is_some_and(|(first, last)| last - first >= retention_ms)
    }
}

/// Everything below the last stable offset, without what the transaction indexes and markers say was aborted.
pub(super) fn read_committed(log: &Log) -> Vec<Seen> {
    let view = log.view();
    let bound = last_stable(log);
    let mut seen = Vec::new();
    let mut next = view.log_start_offset();
    while next < bound {
        let request = ReadRequest {
            from: next,
            max_bytes: 700,
            bound,
            min_one: MinOne::Whole,
        };
        let slice = view.read(request).expect("read");
        let Some(region) = slice.region else { break };
        let mut aborted = view.aborted_transactions(next, slice.upper_bound).expect("collected");
        aborted.sort_by_key(|txn| txn.first_offset);
        let mut open = std::collections::BTreeSet::new();
        let bytes = region.read().expect("bytes");
        for batch in batches(&bytes).map_while(Result::ok) {
            batch.check().expect("a good checksum");
            let header = *batch.header();
            while aborted
                .first()
                .is_some_and(|txn| txn.first_offset <= header.last_offset())
            {
                open.insert(aborted.remove(0).producer_id);
            }
            if header.last_offset() < next {
                continue;
            }
            assert!(header.last_offset_delta >= 0);
            next = header.next_offset();
            if header.attributes.is_control() {
                if let Some(Ok(record)) = Records::new(batch.body(), header.record_count).next() {
                    let marker = EndTxnMarker::parse(record.key.expect("a key"), record.value.expect("a value"));
                    if marker.is_some_and(|marker| marker.outcome == TransactionOutcome::Abort) {
                        open.remove(&header.producer_id);
                    }
                }
            } else if !(header.attributes.is_transactional() && open.contains(&header.producer_id)) {
                collect(&header, batch.body(), &mut seen);
            }
        }
    }
    seen
}

fn collect(header: &BatchHeader, body: &[u8], seen: &mut Vec<Seen>) {
    let codec = Codec::from_id(header.attributes.codec_id()).expect("a codec");
    let mut block = Vec::new();
    decompress(codec, body, 1 << 20, &mut block).expect("decompressed");
    for record in Records::new(&block, header.record_count) {
        let record = record.expect("a record");
        seen.push(Seen {
            offset: header.base_offset.0 + i64::from(record.offset_delta),
            key: record.key.expect("a key")[0],
            value: record.value.map(<[u8]>::to_vec),
            timestamp: header.timestamp_of(&record).0,
        });
    }
}
