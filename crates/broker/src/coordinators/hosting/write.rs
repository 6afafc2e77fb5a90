//! Writing what a coordinator decided to its partition, and noticing what is committed.

use super::author::Author;
use super::compression;
use super::shard::{Due, Serving, Shard};
use super::tenant::Tenant;
use base::Timestamp;
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
        let batch = self.encode(author, records, now)?;
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
                serving.runtime.skip_to(appended.info.first_offset);
                match serving.runtime.write(records) {
                    Ok(()) => Ok(()),
                    Err(never) => match never {},
                }
            }
            Err(refused) => Err(self.refused(&refused)),
        }
    }

    fn encode(&self, author: Author, records: &[T::Record], now: Timestamp) -> Result<VerifiedBatch, Lost> {
        let mut builder = author.sign(compression::batch(self.codec));
        for record in records {
            let (key, value) = T::encode(record).map_err(|error| {
                tracing::warn!(partition = self.index, %error, "a record of a {} does not fit its format", T::NAME);
                Lost::TooLarge
            })?;
            let more = key.len() + value.as_ref().map_or(0, bytes::Bytes::len) + HEADER_LEN;
            if i32::try_from(builder.size() + more).is_err() {
                return Err(Lost::TooLarge);
            }
            builder.append(now, Some(&key), value.as_deref(), &[]);
        }
        Ok(builder.build())
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
        let end = serving.runtime.end();
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
