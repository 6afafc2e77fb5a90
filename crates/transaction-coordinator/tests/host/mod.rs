//! A host in memory: a log that commits when told to, a clock that moves when told to, and a controller that gives out
//! producer ids.
#![allow(dead_code, reason = "each test file uses its part")]

use base::{Instant, Offset, ProducerEpoch, ProducerId, Timestamp, TopicPartition};
use bytes::Bytes;
use coordinator_runtime::{Lost, Moment, Outcome as RuntimeOutcome, Runtime, Settled, Token};
use std::collections::BTreeMap;
use std::time::Duration;
use transaction_coordinator::op::abort_timed_out::abort_starved;
use transaction_coordinator::op::add_partitions::{AddPartitions, add_partitions};
use transaction_coordinator::op::end_txn::{EndTxn, end_txn};
use transaction_coordinator::op::init_producer_id::{InitProducerId, init_producer_id};
use transaction_coordinator::op::markers_written::markers_written;
use transaction_coordinator::{
    Answer, Completion, MarkerResult, MarkerRun, MarkersDue, Outcome, Producer, Transaction, TransactionCoordinator,
    TransactionRecord, TransactionSettings, TransactionState,
};

/// How the log behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogMood {
    /// What is appended is committed.
    Commits,
    /// What is appended waits for [`Host::commit`].
    Holds,
    /// Nothing is appended.
    Fails(Lost),
}

/// A record as it stands in the log.
pub type Stored = (Bytes, Option<Bytes>);

pub struct Host {
    pub coordinator: TransactionCoordinator,
    pub runtime: Runtime<TransactionState, Completion>,
    pub log: Vec<Stored>,
    pub mood: LogMood,
    pub settings: TransactionSettings,
    pub millis: u64,
    /// The epoch of the leadership.
    pub epoch: i32,
    next_token: u64,
    next_producer_id: i64,
    answers: BTreeMap<Token, Answer>,
    markers: Vec<MarkersDue>,
}

impl Host {
    pub fn new(settings: TransactionSettings) -> Self {
        Self::load(settings, Vec::new(), 0, 1_000_000)
    }

    /// A coordinator that takes over a log, of which the first records are known to be committed.
    pub fn load(settings: TransactionSettings, log: Vec<Stored>, committed: usize, millis: u64) -> Self {
        let mut runtime = Runtime::new(TransactionState::default(), Offset(0));
        for (at, (key, value)) in log.iter().enumerate() {
            let record = TransactionRecord::decode(key, value.as_ref()).unwrap().unwrap();
            let offset = Offset(i64::try_from(at).unwrap());
            if at < committed {
                runtime.follow(offset, &record).unwrap();
            } else {
                runtime.write(&[record]).unwrap();
            }
        }
        let coordinator = TransactionCoordinator::take_over(runtime.latest(), settings.clone(), moment(millis));
        Self {
            coordinator,
            runtime,
            log,
            mood: LogMood::Commits,
            settings,
            millis,
            epoch: 1,
            next_token: 0,
            next_producer_id: 1_000,
            answers: BTreeMap::new(),
            markers: Vec::new(),
        }
    }

    /// Another coordinator follows after this one, with what was committed and the next `survive` records.
    pub fn fail_over(&mut self, survive: usize) {
        let committed = self.committed_len();
        let mut log = std::mem::take(&mut self.log);
        log.truncate(committed + survive);
        let mut next = Self::load(self.settings.clone(), log, committed, self.millis);
        next.epoch = self.epoch + 1;
        next.next_token = self.next_token;
        next.next_producer_id = self.next_producer_id;
        *self = next;
    }

    pub fn committed_len(&self) -> usize {
        usize::try_from(self.runtime.committed_end().0).unwrap()
    }

    pub fn moment(&self) -> Moment {
        moment(self.millis)
    }

    /// A producer id that nobody has.
    pub fn fresh(&mut self) -> ProducerId {
        self.next_producer_id += 1;
        ProducerId(self.next_producer_id)
    }

    pub fn run(
        &mut self,
        operation: impl FnOnce(&mut TransactionCoordinator, &TransactionState, Moment, Token) -> Outcome,
    ) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        let outcome = operation(&mut self.coordinator, self.runtime.latest(), moment(self.millis), token);
        self.write(outcome);
        token
    }

    fn write(&mut self, outcome: Outcome) {
        let mut next = outcome;
        loop {
            let RuntimeOutcome { records, response, .. } = next;
            if let LogMood::Fails(lost) = self.mood
                && !records.is_empty()
            {
                next = self.coordinator.lost(response, lost, moment(self.millis));
                if next.records.is_empty() && next.response == Completion::Nothing {
                    break;
                }
                continue;
            }
            self.log.extend(records.iter().map(|record| record.encode().unwrap()));
            self.runtime.write(&records).unwrap();
            if let Settled::Due(completion) = self.runtime.settle(response) {
                self.coordinator.committed(completion, moment(self.millis));
            }
            break;
        }
        if self.mood == LogMood::Commits {
            self.commit();
        }
        self.collect();
    }

    /// Everything appended is committed now.
    pub fn commit(&mut self) {
        self.commit_to(self.log.len());
    }

    /// The first records of the log are committed now.
    pub fn commit_to(&mut self, len: usize) {
        let end = Offset(i64::try_from(len).unwrap());
        for completion in self.runtime.commit(end.max(self.runtime.committed_end())) {
            self.coordinator.committed(completion, moment(self.millis));
        }
        self.collect();
    }

    fn collect(&mut self) {
        for reply in self.coordinator.take_replies() {
            let before = self.answers.insert(reply.to, reply.answer);
            assert!(before.is_none(), "{:?} was answered twice", reply.to);
        }
        self.markers.extend(self.coordinator.take_markers());
    }

    /// Does what is due now.
    pub fn tick(&mut self) {
        while let Some(outcome) = self.coordinator.on_timeout(self.runtime.latest(), moment(self.millis)) {
            self.write(outcome);
        }
        self.collect();
    }

    pub fn advance(&mut self, by: Duration) {
        let end = self.millis + u64::try_from(by.as_millis()).unwrap();
        while let Some(next) = self.coordinator.next_deadline() {
            let next = u64::try_from(next.since_zero().as_millis()).unwrap();
            if next > end {
                break;
            }
            self.millis = self.millis.max(next);
            self.tick();
        }
        self.millis = end;
    }

    /// Gives what is starved of producer ids one.
    pub fn feed(&mut self) {
        if self.coordinator.wants_producer_id() {
            let fresh = self.fresh();
            let moment = self.moment();
            let outcome = abort_starved(&mut self.coordinator, self.runtime.latest(), moment, fresh);
            self.write(outcome);
        }
    }

    pub fn answer(&mut self, token: Token) -> Option<Answer> {
        self.answers.remove(&token)
    }

    /// All answers that are there.
    pub fn take_answers(&mut self) -> BTreeMap<Token, Answer> {
        std::mem::take(&mut self.answers)
    }

    pub fn take_markers(&mut self) -> Vec<MarkersDue> {
        std::mem::take(&mut self.markers)
    }

    pub fn init(&mut self, request: &InitProducerId, fresh: Option<ProducerId>) -> Token {
        self.run(|coordinator, state, moment, token| {
            init_producer_id(coordinator, state, moment, request, fresh, token)
        })
    }

    pub fn add(&mut self, request: &AddPartitions) -> Token {
        self.run(|coordinator, state, moment, token| add_partitions(coordinator, state, moment, request, token))
    }

    pub fn end(&mut self, request: &EndTxn, fresh: Option<ProducerId>) -> Token {
        self.run(|coordinator, state, moment, token| end_txn(coordinator, state, moment, request, fresh, token))
    }

    pub fn written(&mut self, id: &str, run: MarkerRun, results: &[(TopicPartition, MarkerResult)]) {
        let id = id.into();
        self.run(|coordinator, _, moment, _| markers_written(coordinator, moment, &id, run, results));
    }

    /// Writes all markers that are due, and does what follows.
    pub fn write_markers(&mut self) {
        self.tick();
        for due in self.take_markers() {
            let results: Vec<_> = due
                .partitions
                .iter()
                .map(|partition| (partition.clone(), MarkerResult::Written))
                .collect();
            self.written(&due.id, due.run, &results);
        }
    }

    pub fn committed(&self, id: &str) -> Option<&Transaction> {
        self.runtime.committed().transaction(id).map(AsRef::as_ref)
    }

    /// Puts a record into the log, as an earlier coordinator may have.
    pub fn put(&mut self, id: &str, transaction: Transaction) {
        let record = TransactionRecord {
            id: id.into(),
            value: Some(transaction.into()),
            format: self.settings.version.value_format(),
        };
        self.log.push(record.encode().unwrap());
        self.fail_over(1);
        self.commit();
        self.tick();
    }
}

pub fn moment(millis: u64) -> Moment {
    Moment {
        now: Instant::from_zero(Duration::from_millis(millis)),
        wall: Timestamp(i64::try_from(millis).unwrap()),
    }
}

pub fn producer(id: i64, epoch: i16) -> Producer {
    Producer {
        id: ProducerId(id),
        epoch: ProducerEpoch(epoch),
    }
}
