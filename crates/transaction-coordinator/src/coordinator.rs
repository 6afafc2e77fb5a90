//! The transactions of one partition as long as this broker leads it.

use crate::completion::{Answer, Completion, Outcome, Reply};
use crate::markers::{MarkerRun, Markers, MarkersDue, Progress};
use crate::pending::Pending;
use crate::record::TransactionRecord;
use crate::settings::TransactionSettings;
use crate::state::TransactionState;
use crate::timers::{Timer, Timers};
use crate::transaction::{Producer, Transaction};
use crate::version::TransactionVersion;
use base::{Instant, TopicPartition};
use coordinator_runtime::{Moment, Token};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct TransactionCoordinator {
    pub(crate) settings: TransactionSettings,
    pub(crate) timers: Timers,
    pub(crate) pending: BTreeMap<Arc<str>, Pending>,
    /// Transactions that took too long, to be aborted one by one.
    pub(crate) timed_out: VecDeque<Arc<str>>,
    /// Those of them that cannot be fenced without a new producer id.
    pub(crate) starved: BTreeSet<Arc<str>>,
    /// Ids that expire, to be forgotten in batches.
    pub(crate) expired: VecDeque<Arc<str>>,
    next_run: u64,
    replies: Vec<Reply>,
    due: Vec<MarkersDue>,
}

impl TransactionCoordinator {
    /// A coordinator that has taken over what `state` says. Something is due at once: the markers of what is decided are
    /// written as soon as all of that state is committed.
    pub fn take_over(state: &TransactionState, settings: TransactionSettings, moment: Moment) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::TakenOver, moment.now);
        timers.set(Timer::AbortTimedOut, moment.now.plus(settings.abort_timed_out_interval));
        timers.set(Timer::Expiry, moment.now.plus(settings.remove_expired_interval));
        let decided = state.transactions().filter(|(_, known)| known.status.is_prepared());
        let pending = decided.map(|(id, known)| (Arc::clone(id), Pending::TakenOver(Arc::clone(known))));
        Self {
            settings,
            timers,
            pending: pending.collect(),
            timed_out: VecDeque::new(),
            starved: BTreeSet::new(),
            expired: VecDeque::new(),
            next_run: 0,
            replies: Vec::new(),
            due: Vec::new(),
        }
    }

    /// The cluster has agreed on another `transaction.version`.
    pub fn set_version(&mut self, version: TransactionVersion) {
        self.settings.version = version;
    }

    /// When [`TransactionCoordinator::on_timeout`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// This broker is not the coordinator any more: what waits for its records is the runtime's to refuse, and markers are
    /// the next coordinator's.
    pub fn resign(&mut self) {
        self.timers = Timers::default();
        self.pending.clear();
        self.timed_out.clear();
        self.starved.clear();
        self.expired.clear();
        self.due.clear();
    }

    /// The answers that are ready to be sent.
    pub fn take_replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.replies)
    }

    /// The markers that are to be written now.
    pub fn take_markers(&mut self) -> Vec<MarkersDue> {
        std::mem::take(&mut self.due)
    }

    /// Whether a transaction that took too long needs a new producer id to be fenced: the host gets one and comes with it
    /// to [`crate::op::abort_timed_out::abort_starved`].
    pub fn wants_producer_id(&self) -> bool {
        !self.starved.is_empty()
    }

    /// How many transactions' markers are being written.
    pub fn writing_markers(&self) -> usize {
        let all = self.pending.values();
        all.filter(|pending| matches!(pending, Pending::Markers(_))).count()
    }

    pub(crate) fn reply(&mut self, reply: Reply) {
        self.replies.push(reply);
    }

    /// The partitions whose markers are still to be written, if any are being written for that id.
    pub(crate) fn remaining(&self, id: &str) -> Option<&BTreeSet<TopicPartition>> {
        match self.pending.get(id)? {
            Pending::Markers(markers) => Some(&markers.remaining),
            Pending::Writing { .. } | Pending::TakenOver(_) => None,
        }
    }

    /// Notes that a record of `id` is on its way.
    pub(crate) fn hold(&mut self, id: &Arc<str>, before: Producer) {
        self.pending.insert(Arc::clone(id), Pending::Writing { before });
    }

    /// Writes `next` for `id`, and answers once it is committed.
    pub(crate) fn change(
        &mut self,
        id: &Arc<str>,
        before: Producer,
        next: Transaction,
        token: Token,
        answer: Answer,
    ) -> Outcome {
        self.hold(id, before);
        let record = self.record(id, Arc::new(next));
        let completion = Completion::Changed {
            id: Arc::clone(id),
            reply: Reply { to: token, answer },
        };
        Outcome::atomic(vec![record], completion)
    }

    /// Writes what was decided about `id`, and answers once it is committed.
    pub(crate) fn prepare(
        &mut self,
        id: &Arc<str>,
        before: Producer,
        prepared: Transaction,
        reply: Option<Reply>,
    ) -> Outcome {
        self.hold(id, before);
        let prepared = Arc::new(prepared);
        let record = self.record(id, Arc::clone(&prepared));
        let completion = Completion::Prepared {
            id: Arc::clone(id),
            prepared,
            reply,
        };
        Outcome::atomic(vec![record], completion)
    }

    pub(crate) fn record(&self, id: &Arc<str>, value: Arc<Transaction>) -> TransactionRecord {
        TransactionRecord {
            id: Arc::clone(id),
            value: Some(value),
            format: self.settings.version.value_format(),
        }
    }

    /// A decision is committed: its markers are due.
    pub(crate) fn begin_markers(&mut self, id: &Arc<str>, prepared: Arc<Transaction>, moment: Moment) {
        let run = MarkerRun(self.next_run);
        self.next_run += 1;
        let partitions: Vec<TopicPartition> = prepared.partitions.iter().cloned().collect();
        let markers = Markers {
            run,
            prepared,
            decided: moment.wall,
            remaining: partitions.iter().cloned().collect(),
            waiting: BTreeSet::new(),
            progress: Progress::Writing,
        };
        if partitions.is_empty() {
            self.timers.set(Timer::Complete(Arc::clone(id)), moment.now);
        } else {
            self.due.push(markers.due(id, partitions));
        }
        self.pending.insert(Arc::clone(id), Pending::Markers(markers));
    }

    /// Sends the markers again that were not taken.
    pub(crate) fn resend(&mut self, id: &Arc<str>) {
        if let Some(Pending::Markers(markers)) = self.pending.get_mut(id) {
            let partitions: Vec<TopicPartition> = std::mem::take(&mut markers.waiting).into_iter().collect();
            if !partitions.is_empty() {
                self.due.push(markers.due(id, partitions));
            }
        }
    }
}
