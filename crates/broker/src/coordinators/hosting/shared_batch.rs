//! Operations that share a batch: `group.coordinator.append.linger.ms`.
//!
//! Each operation decides on the state that the ones before it left, written or not. The open batch holds what is decided and not
//! written yet; while somebody waits for the coordinator's lock it may stay open for them, or until its time is up. It is written
//! whole or lost whole, and then nothing of it has happened. Until it is written nobody waits for its commit in the runtime, so that
//! it can be undone.

use super::author::Author;
use super::compression;
use super::linger::Linger;
use super::open_batch::OpenBatch;
use super::shard::{Due, Serving, Shard};
use super::tenant::Tenant;
use base::Offset;
use bytes::Bytes;
use coordinator_runtime::{Atomicity, Lost, Outcome, Settled};
use records::HEADER_LEN;

impl<T: Tenant> Serving<T> {
    /// The end of what is written.
    pub(super) fn written_end(&self) -> Offset {
        self.open.as_ref().map_or_else(|| self.runtime.end(), |open| open.base)
    }
}

impl<T: Tenant> Shard<T> {
    /// Whether an operation is to share a batch with others.
    pub(super) fn shares(
        &self,
        author: Author,
        serving: &Serving<T>,
        outcome: &Outcome<T::Record, T::Completion>,
    ) -> bool {
        let may = author == Author::Coordinator && outcome.atomicity == Atomicity::Atomic;
        // What changes nothing and finds nothing to wait for needs no batch.
        may && match self.batches.linger {
            _ if outcome.records.is_empty() => serving.open.is_some(),
            Linger::Never => false,
            Linger::WhileAwaited => serving.open.is_some() || self.is_awaited(),
            Linger::For(_) => true,
        }
    }

    /// Puts an outcome into the open batch.
    pub(super) fn write_with_others(
        &self,
        serving: &mut Serving<T>,
        outcome: Outcome<T::Record, T::Completion>,
        due: &mut Due<T>,
    ) {
        if outcome.records.is_empty() && T::is_nothing(&outcome.response) {
            return;
        }
        let pairs: Result<Vec<_>, Lost> = outcome.records.iter().map(|record| self.pair(record)).collect();
        let pairs = match pairs {
            Ok(pairs) => pairs,
            Err(lost) => return self.lose(serving, outcome.response, lost, due),
        };
        // No record's own fields take as much as a batch's header.
        let size =
            |(key, value): &(Bytes, Option<Bytes>)| key.len() + value.as_ref().map_or(0, Bytes::len) + HEADER_LEN;
        let bytes = pairs.iter().map(size).sum();
        if serving.open.as_ref().is_some_and(|open| !open.has_room_for(bytes))
            && let Err(lost) = self.write_open(serving, due)
        {
            return self.lose(serving, outcome.response, lost, due);
        }
        let mut open = serving
            .open
            .take()
            .unwrap_or_else(|| self.open_batch(serving.runtime.end()));
        if !open.has_room_for(bytes) {
            // Too large to share one.
            return self.write_now(Author::Coordinator, serving, outcome, due);
        }
        let now = self.clock.wall();
        for (key, value) in &pairs {
            open.builder.append(now, Some(key), value.as_deref(), &[]);
        }
        match serving.runtime.write(&outcome.records) {
            Ok(()) => {}
            Err(never) => match never {},
        }
        open.operations.push((outcome.records, outcome.response));
        serving.open = Some(open);
    }

    fn open_batch(&self, base: Offset) -> OpenBatch<T> {
        let max = self.hosted.lock().log().config().max_message_bytes as usize;
        OpenBatch {
            base,
            builder: Author::Coordinator.sign(compression::batch(self.batches.codec)),
            // What does not become smaller by being compressed becomes a little larger, and is not to be refused for that.
            limit: max / 2,
            operations: Vec::new(),
            due: match self.batches.linger {
                Linger::For(time) => Some(self.clock.now().plus(time)),
                Linger::Never | Linger::WhileAwaited => None,
            },
        }
    }

    /// Writes the open batch, unless it may wait for more.
    pub(super) fn close_batch(&self, serving: &mut Serving<T>, due: &mut Due<T>) {
        let Some(open) = &serving.open else { return };
        let waits = match open.due {
            Some(at) => self.clock.now() < at,
            None => self.is_awaited(),
        };
        if !waits || !open.has_room_for(1) {
            // What is lost has been told by then.
            _ = self.write_open(serving, due);
            self.commit(serving);
        }
    }

    /// Writes the open batch, if there is one. If it is lost, so are all its operations.
    pub(super) fn write_open(&self, serving: &mut Serving<T>, due: &mut Due<T>) -> Result<(), Lost> {
        let Some(open) = serving.open.take() else {
            return Ok(());
        };
        let now = self.clock.wall();
        let appended = if open.builder.is_empty() {
            Ok(open.base)
        } else {
            self.append_built(open.builder.build(), Author::Coordinator, now, due)
        };
        match appended {
            Ok(first) => {
                if first != open.base {
                    move_on(serving, open.base, first, &open.operations);
                }
                for (_, completion) in open.operations {
                    if let Settled::Due(completion) = serving.runtime.settle(completion) {
                        serving.coordinator.committed(completion, self.moment());
                    }
                }
                Ok(())
            }
            Err(lost) => {
                tracing::warn!(partition = self.index, %lost, "a {} could not write", T::NAME);
                serving.runtime.undo(open.base);
                for (_, completion) in open.operations {
                    self.lose(serving, completion, lost, due);
                }
                Err(lost)
            }
        }
    }
}

/// Another's batch came between: the records lie further on than they were thought to.
fn move_on<T: Tenant>(
    serving: &mut Serving<T>,
    base: Offset,
    first: Offset,
    operations: &[(Vec<T::Record>, T::Completion)],
) {
    serving.runtime.undo(base);
    serving.runtime.skip_to(first);
    for (records, _) in operations {
        match serving.runtime.write(records) {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests;
