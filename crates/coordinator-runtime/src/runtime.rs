//! A shard's state versioned by offset, and the answers that wait for it to commit.

use crate::shard::Shard;
use base::Offset;
use std::collections::VecDeque;

/// An answer's fate after it was handed to the runtime.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Settled<W> {
    /// Everything it rests on is committed: send it.
    Due(W),
    /// The runtime holds it until [`Runtime::commit`] or [`Runtime::revert`] gives it back.
    Parked,
}

/// The state after one uncommitted write.
#[derive(Debug)]
struct Version<S> {
    /// The offset after the write's last record.
    end: Offset,
    state: S,
}

/// An answer that may leave once everything below `after` is committed.
#[derive(Debug)]
struct Waiter<W> {
    after: Offset,
    answer: W,
}

/// A shard with its uncommitted versions and its parked answers; `W` is whatever the host needs to send one.
#[derive(Debug)]
pub struct Runtime<S, W> {
    committed: S,
    committed_end: Offset,
    /// Ends strictly increase.
    versions: VecDeque<Version<S>>,
    /// The offset the next write begins at.
    end: Offset,
    /// In order of `after`.
    waiters: VecDeque<Waiter<W>>,
}

impl<S: Shard, W> Runtime<S, W> {
    /// A runtime whose state is the fold of every record below `end`, all of them committed.
    pub fn new(state: S, end: Offset) -> Self {
        Self {
            committed: state,
            committed_end: end,
            versions: VecDeque::new(),
            end,
            waiters: VecDeque::new(),
        }
    }

    /// The newest state, on which the next operation decides; it may still be undone.
    pub fn latest(&self) -> &S {
        self.versions.back().map_or(&self.committed, |version| &version.state)
    }

    /// The state that can no longer be undone.
    pub fn committed(&self) -> &S {
        &self.committed
    }

    /// The offset below which everything is committed and applied.
    pub fn committed_end(&self) -> Offset {
        self.committed_end
    }

    /// The offset that the next written record gets.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// How many answers wait.
    pub fn parked(&self) -> usize {
        self.waiters.len()
    }

    /// Applies records that the log is about to take at [`Runtime::end`], as one version.
    ///
    /// # Errors
    /// The shard's, if a record does not apply; then nothing has changed and nothing may be appended.
    pub fn write(&mut self, records: &[S::Record]) -> Result<(), S::Error> {
        if records.iter().all(S::is_without_effect) {
            self.end = self
                .end
                .plus(i64::try_from(records.len()).expect("a write has fewer records"));
            return Ok(());
        }
        let mut state = self.latest().clone();
        let mut end = self.end;
        for record in records {
            state.replay(end, record)?;
            end = end.next();
        }
        self.end = end;
        self.versions.push_back(Version { end, state });
        Ok(())
    }

    /// Holds an answer that rests on [`Runtime::latest`] as it is now, or gives it back if all of that is committed.
    pub fn settle(&mut self, answer: W) -> Settled<W> {
        let after = self.end;
        if after <= self.committed_end {
            return Settled::Due(answer);
        }
        self.waiters.push_back(Waiter { after, answer });
        Settled::Parked
    }

    /// Takes note that the log holds records up to `end` that are not the shard's (control records of the log itself).
    ///
    /// # Panics
    /// If the log would go back.
    pub fn skip_to(&mut self, end: Offset) {
        assert!(end >= self.end, "a log only grows: {} after {}", end, self.end);
        self.end = end;
    }

    /// Everything below `up_to` is committed: returns the answers that are due, in the order they were settled.
    ///
    /// # Panics
    /// If `up_to` is beyond what was written.
    pub fn commit(&mut self, up_to: Offset) -> Vec<W> {
        assert!(
            up_to <= self.end,
            "committed up to {} but written only up to {}",
            up_to,
            self.end
        );
        if up_to <= self.committed_end {
            return Vec::new();
        }
        while let Some(version) = self.versions.pop_front_if(|version| version.end <= up_to) {
            self.committed = version.state;
        }
        self.committed_end = up_to;
        let due = self.waiters.partition_point(|waiter| waiter.after <= up_to);
        self.waiters.drain(..due).map(|waiter| waiter.answer).collect()
    }

    /// Forgets every uncommitted version, as after a failed append or a lost leadership; returns all parked answers, for
    /// the host to refuse. The next record gets the offset `end`.
    ///
    /// # Panics
    /// If `end` would undo what is committed.
    pub fn revert(&mut self, end: Offset) -> Vec<W> {
        assert!(
            end >= self.committed_end,
            "offsets below {} are committed, {} is not a place to go back to",
            self.committed_end,
            end
        );
        self.versions.clear();
        self.end = end;
        self.waiters.drain(..).map(|waiter| waiter.answer).collect()
    }

    /// Forgets the versions of what was written at `end` and after it, on which no answer waits yet: those records did not
    /// come to be. The next record gets the offset `end`.
    ///
    /// # Panics
    /// If that would undo what is committed, or what an answer waits for.
    pub fn undo(&mut self, end: Offset) {
        let waited_for = self.waiters.back().map_or(self.committed_end, |waiter| waiter.after);
        assert!(
            end >= self.committed_end && end >= waited_for,
            "{end} is not a place to go back to: {waited_for} is waited for"
        );
        while self.versions.pop_back_if(|version| version.end > end).is_some() {}
        self.end = end;
    }

    /// Applies one record that is already committed, written by another or before a restart.
    ///
    /// # Errors
    /// The shard's, if the record does not apply.
    ///
    /// # Panics
    /// If there are uncommitted versions (a leader does not follow) or the offset goes back.
    pub fn follow(&mut self, offset: Offset, record: &S::Record) -> Result<(), S::Error> {
        assert!(
            self.versions.is_empty(),
            "a shard with writes of its own does not follow"
        );
        assert!(
            offset >= self.committed_end,
            "record {} is applied already, the end is {}",
            offset,
            self.committed_end
        );
        self.committed.replay(offset, record)?;
        self.committed_end = offset.next();
        self.end = self.end.max(self.committed_end);
        Ok(())
    }

    /// Replaces the committed state by a snapshot of everything below `end`.
    ///
    /// # Panics
    /// If there are uncommitted versions or the snapshot lies before what is applied.
    pub fn install(&mut self, snapshot: S, end: Offset) {
        assert!(
            self.versions.is_empty(),
            "a shard with writes of its own does not follow"
        );
        assert!(end >= self.committed_end, "a snapshot does not go back");
        self.committed = snapshot;
        self.committed_end = end;
        self.end = self.end.max(end);
    }
}

#[cfg(test)]
mod tests;
