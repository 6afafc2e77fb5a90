//! One pass over one log.

use super::dirt::LogToClean;
use super::error::CleaningError;
use super::filter::{LastRecord, Rules, Scratch};
use super::group;
use super::key_map::{self, Buffers};
use super::offset_map::OffsetMap;
use super::output::Output;
use super::pace::PaceSetter;
use super::reader::BatchReader;
use super::stats::CleanerStats;
use super::swap::Cleaned;
use super::transactions::CleanedTransactions;
use crate::log::Log;
use base::{Offset, ProducerId, Timestamp};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// A cleaner's means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerSettings {
    /// Bytes of one thread's map: its share of `log.cleaner.dedupe.buffer.size`.
    pub map_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub load_factor: f64,
    /// Bytes read or written at once: its share of `log.cleaner.io.buffer.size`. A larger batch is read whole.
    pub io_bytes: usize,
}

/// Cleans logs, one at a time.
#[derive(Debug)]
pub struct Cleaner {
    settings: CleanerSettings,
    map: OffsetMap,
    buffers: Buffers,
    scratch: Scratch,
    write: Vec<u8>,
}

/// The numbers of the segments that are cleaned into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group(Range<usize>);

/// A pass over one log: the keys are noted, the groups are copied one after the other.
#[derive(Debug)]
pub struct Pass<'a> {
    cleaner: &'a mut Cleaner,
    log: &'a LogToClean,
    now: Timestamp,
    transactions: CleanedTransactions,
    groups: VecDeque<Range<usize>>,
    end: Offset,
    stats: CleanerStats,
}

impl Log {
    /// What each active producer wrote last: the cleaner keeps it, or the producer's next batch would seem out of order.
    pub fn last_records(&self) -> FxHashMap<ProducerId, LastRecord> {
        let active = self.producers().active_producers();
        let records = active.map(|(id, entry)| {
            let record = LastRecord {
                last_data_offset: entry.last_batch().map(|batch| batch.last_offset),
                epoch: entry.epoch,
            };
            (id, record)
        });
        records.collect()
    }
}

impl Cleaner {
    /// A cleaner; `secret` is random.
    pub fn new(settings: CleanerSettings, secret: (u64, u64)) -> Self {
        Self {
            settings,
            map: OffsetMap::new(settings.map_bytes, settings.load_factor, secret),
            buffers: Buffers::default(),
            scratch: Scratch::default(),
            write: Vec::new(),
        }
    }

    /// Begins a pass: notes the keys of the dirty part. `pace` is told of every read and write before it happens.
    pub fn begin<'a>(
        &'a mut self,
        log: &'a LogToClean,
        now: Timestamp,
        pace: &mut PaceSetter<'_>,
    ) -> Result<Pass<'a>, CleaningError> {
        let mut stats = CleanerStats::default();
        let chunk = self.settings.io_bytes;
        key_map::build(log, &mut self.map, chunk, &mut self.buffers, &mut stats, pace)?;
        stats.map_utilization = self.map.utilization();
        let end = self.map.latest().map_or(log.first_dirty, Offset::next);
        Ok(Pass {
            groups: group::group(log, end)?.into(),
            cleaner: self,
            log,
            now,
            transactions: CleanedTransactions::default(),
            end,
            stats,
        })
    }

    /// Gives the memory back until the next pass.
    pub fn rest(&mut self) {
        self.map.release();
        (self.buffers, self.scratch, self.write) = (Buffers::default(), Scratch::default(), Vec::new());
    }
}

impl Pass<'_> {
    /// The next group to clean.
    pub fn next_group(&mut self) -> Option<Group> {
        self.groups.pop_front().map(Group)
    }

    /// Up to where the log is clean once all groups are in place, and what was done.
    pub fn end(self) -> (Offset, CleanerStats) {
        (self.end, self.stats)
    }

    /// Writes what is kept of a group's segments. `producers` comes from [`Log::last_records`], taken just before.
    pub fn clean(
        &mut self,
        group: Group,
        producers: &FxHashMap<ProducerId, LastRecord>,
        pace: &mut PaceSetter<'_>,
    ) -> Result<Cleaned, CleaningError> {
        let inputs = self.log.view.segments[group.0.clone()].to_vec();
        let (home, chunk) = (&self.log.home, self.cleaner.settings.io_bytes);
        let buffer = std::mem::take(&mut self.cleaner.write);
        let mut output = Output::create(home, inputs[0].base(), &self.log.config, chunk, buffer)?;
        let copied = group
            .0
            .into_iter()
            .try_for_each(|number| self.copy(number, producers, &mut output, pace));
        let last = inputs.last().expect("a group has a segment");
        if let Err(error) = copied.and_then(|()| output.finish(last.modified()?, pace)) {
            output.discard()?;
            return Err(error);
        }
        let (segment, buffer) = output.into_parts();
        self.cleaner.write = buffer;
        Ok(Cleaned {
            home: Arc::clone(home),
            inputs,
            output: Arc::new(segment),
        })
    }

    fn copy(
        &mut self,
        number: usize,
        producers: &FxHashMap<ProducerId, LastRecord>,
        output: &mut Output,
        pace: &mut PaceSetter<'_>,
    ) -> Result<(), CleaningError> {
        let (log, cleaner) = (self.log, &mut *self.cleaner);
        let segment = &log.view.segments[number];
        let aborted = log.view.aborted_between(segment.base(), log.view.end_of(number))?;
        self.transactions.expect(aborted);
        let rules = Rules {
            map: &cleaner.map,
            now: self.now,
            delete_retention_ms: log.config.delete_retention_ms,
            round_end: log.first_uncleanable,
        };
        let mut reader = BatchReader::new(segment, 0, cleaner.settings.io_bytes, &mut cleaner.buffers.read)?;
        while let Some(batch) = reader.next(pace)? {
            let kept = rules.filter(
                &batch,
                &mut self.transactions,
                producers,
                &mut cleaner.scratch,
                &mut self.stats,
                &mut output.pending,
            )?;
            if let Some(aborted) = kept.aborted {
                output.aborted(aborted)?;
            }
            if let Some(header) = kept.header {
                output.appended(&header, pace)?;
            }
        }
        Ok(())
    }
}
