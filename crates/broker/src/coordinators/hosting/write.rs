//! Writing what a coordinator decided to its partition, and noticing what is committed.

use super::author::Author;
use super::compression;
use super::shard::{Due, Serving, Shard};
use super::tenant::Tenant;
use base::{Offset, Timestamp};
use bytes::Bytes;
use coordinator_runtime::{Atomicity, Lost, Outcome, Settled};
use partition::{AppendRefused, RequiredAcks};
use records::{HEADER_LEN, VerifiedBatch};
use storage::AppendError;
use storage::producer_state::ProducerError;

/// How many records of a long list go into one batch: tombstones, each far below a kilobyte unless names are long, and
/// a batch that is too large all the same is refused as any other.
const CHUNK: usize = 500;

impl<T: Tenant> Shard<T> {
    /// Appends an outcome's records and sees to its completion; what is lost may have consequences, which are written too.
    pub(crate) fn write(&self, serving: &mut Serving<T>, outcome: Outcome<T::Record, T::Completion>, due: &mut Due<T>) {
        self.write_as(Author::Coordinator, serving, outcome, due);
    }

    /// The same for records that `author` writes.
    pub(crate) fn write_as(
        &self,
        author: Author,
        serving: &mut Serving<T>,
        outcome: Outcome<T::Record, T::Completion>,
        due: &mut Due<T>,
    ) {
        if self.shares(author, serving, &outcome) {
            return self.write_with_others(serving, outcome, due);
        }
        match self.write_open(serving, due) {
            Ok(()) => self.write_now(author, serving, outcome, due),
            // It was decided on what has just been lost.
            Err(lost) => self.lose(serving, outcome.response, lost, due),
        }
    }

    /// Sees to what follows from the loss of an operation's records.
    pub(super) fn lose(&self, serving: &mut Serving<T>, completion: T::Completion, lost: Lost, due: &mut Due<T>) {
        // What was decided before this is of no concern to it, and what follows from the loss comes after that.
        _ = self.write_open(serving, due);
        let next = serving.coordinator.lost(completion, lost, self.moment());
        self.write_now(Author::Coordinator, serving, next, due);
    }

    /// Appends an outcome's records in a batch of their own.
    pub(super) fn write_now(
        &self,
        mut author: Author,
        serving: &mut Serving<T>,
        outcome: Outcome<T::Record, T::Completion>,
        due: &mut Due<T>,
    ) {
        let mut next = outcome;
        loop {
            let Outcome {
                records,
                atomicity,
                response,
            } = next;
            if records.is_empty() && T::is_nothing(&response) {
                break;
            }
            match self.append(author, serving, &records, atomicity, due) {
                Ok(()) => {
                    if let Settled::Due(completion) = serving.runtime.settle(response) {
                        serving.coordinator.committed(completion, self.moment());
                    }
                    break;
                }
                Err(lost) => {
                    tracing::warn!(partition = self.index, %lost, "a {} could not write", T::NAME);
                    next = serving.coordinator.lost(response, lost, self.moment());
                    author = Author::Coordinator;
                }
            }
        }
        self.commit(serving);
    }

    fn append(
        &self,
        author: Author,
        serving: &mut Serving<T>,
        records: &[T::Record],
        atomicity: Atomicity,
        due: &mut Due<T>,
    ) -> Result<(), Lost> {
        let chunk = match atomicity {
            Atomicity::Atomic => records.len().max(1),
            Atomicity::Splittable => CHUNK,
        };
        for records in records.chunks(chunk) {
            self.append_batch(author, serving, records, due)?;
        }
        Ok(())
    }

    fn append_batch(
        &self,
        author: Author,
        serving: &mut Serving<T>,
        records: &[T::Record],
        due: &mut Due<T>,
    ) -> Result<(), Lost> {
        let now = self.clock.wall();
        let first = self.append_built(self.encode(author, records, now)?, author, now, due)?;
        serving.runtime.skip_to(first);
        match serving.runtime.write(records) {
            Ok(()) => Ok(()),
            Err(never) => match never {},
        }
    }

    /// Appends a batch; answers the offset of its first record.
    pub(super) fn append_built(
        &self,
        batch: VerifiedBatch,
        author: Author,
        now: Timestamp,
        due: &mut Due<T>,
    ) -> Result<Offset, Lost> {
        let appended = {
            let mut partition = self.hosted.lock();
            let leads = partition
                .leadership()
                .is_ok_and(|leadership| leadership.epoch == self.epoch);
            if !leads || self.hosted.dir().is_offline() {
                return Err(Lost::NotLeader);
            }
            if batch.size() > partition.log().config().max_message_bytes as usize {
                return Err(Lost::TooLarge);
            }
            partition.append(&[batch], RequiredAcks::All, author.terms(), now)
        };
        match appended {
            Ok((appended, wakes)) => {
                due.wakes.merge(wakes);
                Ok(appended.info.first_offset)
            }
            Err(refused) => Err(self.refused(&refused)),
        }
    }

    fn encode(&self, author: Author, records: &[T::Record], now: Timestamp) -> Result<VerifiedBatch, Lost> {
        let mut builder = author.sign(compression::batch(self.batches.codec));
        for record in records {
            let (key, value) = self.pair(record)?;
            let more = key.len() + value.as_ref().map_or(0, Bytes::len) + HEADER_LEN;
            if i32::try_from(builder.size() + more).is_err() {
                return Err(Lost::TooLarge);
            }
            builder.append(now, Some(&key), value.as_deref(), &[]);
        }
        Ok(builder.build())
    }

    /// A record's key and value.
    pub(super) fn pair(&self, record: &T::Record) -> Result<(Bytes, Option<Bytes>), Lost> {
        T::encode(record).map_err(|error| {
            tracing::warn!(partition = self.index, %error, "a record of a {} does not fit its format", T::NAME);
            Lost::TooLarge
        })
    }

    fn refused(&self, refused: &AppendRefused) -> Lost {
        match refused {
            AppendRefused::NotLeader(_) => Lost::NotLeader,
            AppendRefused::NotEnoughReplicas { .. } => Lost::Replicas,
            AppendRefused::Log(AppendError::LargerThanSegment { .. }) => Lost::TooLarge,
            AppendRefused::Log(AppendError::Storage(error)) => {
                self.hosted.dir().failed(error);
                Lost::NotLeader
            }
            AppendRefused::Log(AppendError::Producer(ProducerError::InvalidProducerEpoch { .. })) => {
                Lost::ProducerFenced
            }
            AppendRefused::Log(AppendError::Producer(ProducerError::NotVerified { .. })) => Lost::NotInTransaction,
            AppendRefused::Log(error) => {
                tracing::error!(partition = self.index, %error, "the log does not take the records of a {}", T::NAME);
                Lost::NotLeader
            }
        }
    }

    /// Takes note of the high watermark, and waits for it where it has not come far enough.
    pub(super) fn commit(&self, serving: &mut Serving<T>) {
        let end = serving.written_end();
        if serving.runtime.committed_end() >= end {
            return;
        }
        let high_watermark = {
            let mut partition = self.hosted.lock();
            if partition.leadership().map(|leadership| leadership.epoch) != Ok(self.epoch) {
                // What is committed now may be another leader's records: this coordinator is about to go.
                return;
            }
            let high_watermark = partition.high_watermark();
            if high_watermark < end {
                let seen = high_watermark.max(serving.runtime.committed_end());
                partition.park_produce(&self.moved, seen.next());
            }
            high_watermark
        };
        for completion in serving.runtime.commit(high_watermark.min(end)) {
            serving.coordinator.committed(completion, self.moment());
        }
    }
}
