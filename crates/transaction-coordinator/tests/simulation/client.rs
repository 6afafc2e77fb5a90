//! A producer as a state machine: it does one thing at a time, retries what may be retried, and dies of the rest.

use crate::message::{Request, Tag};
use base::{Rng, TopicPartition};
use protocol::ErrorCode;
use std::collections::BTreeSet;
use std::sync::Arc;
use transaction_coordinator::op::add_partitions::AddPartitions;
use transaction_coordinator::op::end_txn::EndTxn;
use transaction_coordinator::op::init_producer_id::InitProducerId;
use transaction_coordinator::{Answer, Producer, TransactionEnd, TransactionVersion};

/// How long a producer waits for an answer, in milliseconds.
const PATIENCE: u64 = 2_000;

/// What was achieved.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    pub committed: u64,
    pub aborted: u64,
    pub fenced: u64,
    pub failed_over: u64,
    pub overflowed: u64,
    pub expired: u64,
}

impl Done {
    pub fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.aborted += other.aborted;
        self.fenced += other.fenced;
        self.failed_over += other.failed_over;
        self.overflowed += other.overflowed;
        self.expired += other.expired;
    }
}

/// A transaction as its producer sees it.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub tag: Tag,
    /// Partitions to write to.
    todo: Vec<usize>,
    /// Those the coordinator was told of (older producers only).
    added: BTreeSet<usize>,
    /// How it will end, once that is asked for.
    end: Option<TransactionEnd>,
    must_abort: bool,
    /// Whether anything was sent.
    is_begun: bool,
}

/// What a producer does.
#[derive(Clone, Debug)]
pub enum Act {
    Ask(Request),
    Produce { partition: usize, tag: Tag },
    Nothing,
}

#[derive(Clone, Debug)]
struct Waiting {
    call: u64,
    since: u64,
    act: Act,
}

#[derive(Clone, Debug)]
pub struct Client {
    pub id: Arc<str>,
    pub version: TransactionVersion,
    pub producer: Option<Producer>,
    pub transaction: Option<Transaction>,
    waiting: Option<Waiting>,
    must_bump: bool,
    pub is_dead: bool,
    calls: u64,
    timeout_ms: i32,
}

/// What a producer has learned from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    Nothing,
    Ended { tag: Tag, end: TransactionEnd },
    Produced { tag: Tag, partition: usize },
    Fenced,
}

pub fn place(partition: usize) -> TopicPartition {
    TopicPartition::new("t", i32::try_from(partition).unwrap())
}

impl Client {
    pub fn new(id: &str, version: TransactionVersion, timeout_ms: i32, calls: u64) -> Self {
        Self {
            id: id.into(),
            version,
            producer: None,
            transaction: None,
            waiting: None,
            must_bump: false,
            is_dead: false,
            calls,
            timeout_ms,
        }
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// The call it waits for.
    pub fn call(&self) -> Option<u64> {
        self.waiting.as_ref().map(|waiting| waiting.call)
    }

    /// What it does now.
    pub fn act(&mut self, rng: &mut Rng, now: u64, partitions: usize, next_tag: &mut u64) -> Act {
        let act = match self.waiting.take() {
            Some(waiting) if now < waiting.since + PATIENCE => {
                self.waiting = Some(waiting);
                return Act::Nothing;
            }
            Some(Waiting {
                act: Act::Produce { .. },
                ..
            }) => {
                // Nobody knows whether that was written.
                self.abort();
                self.must_bump = !self.version.bumps_epoch();
                self.choose(rng, partitions, next_tag)
            }
            Some(waiting) => waiting.act,
            None => self.choose(rng, partitions, next_tag),
        };
        if !matches!(act, Act::Nothing) {
            self.calls += 1;
            self.waiting = Some(Waiting {
                call: self.calls,
                since: now,
                act: act.clone(),
            });
        }
        act
    }

    fn abort(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.must_abort = true;
        }
    }

    fn choose(&mut self, rng: &mut Rng, partitions: usize, next_tag: &mut u64) -> Act {
        let Some(producer) = self.producer else {
            return self.init(None);
        };
        let Some(transaction) = &mut self.transaction else {
            if self.must_bump {
                return self.init(Some(producer));
            }
            *next_tag += 1;
            let count = 1 + rng.below(4);
            let todo = (0..count).map(|_| usize::try_from(rng.below(partitions as u64)).unwrap());
            self.transaction = Some(Transaction {
                tag: Tag(*next_tag),
                todo: todo.collect(),
                added: BTreeSet::new(),
                end: None,
                must_abort: rng.below(6) == 0,
                is_begun: false,
            });
            return Act::Nothing;
        };
        let next = transaction.todo.last().copied();
        match next {
            Some(partition) if !transaction.must_abort || rng.below(3) == 0 => {
                if !self.version.bumps_epoch() && !transaction.added.contains(&partition) {
                    return Act::Ask(Request::Add(AddPartitions {
                        id: Arc::clone(&self.id),
                        producer,
                        partitions: vec![place(partition)],
                        client: TransactionVersion::V0,
                    }));
                }
                transaction.is_begun = true;
                Act::Produce {
                    partition,
                    tag: transaction.tag,
                }
            }
            _ => self.end(producer),
        }
    }

    fn init(&self, expected: Option<Producer>) -> Act {
        Act::Ask(Request::Init(InitProducerId {
            id: Arc::clone(&self.id),
            timeout_ms: self.timeout_ms,
            expected,
        }))
    }

    fn end(&mut self, producer: Producer) -> Act {
        let Some(transaction) = &mut self.transaction else {
            return Act::Nothing;
        };
        let is_empty = !transaction.is_begun && transaction.added.is_empty();
        if is_empty && !self.version.bumps_epoch() {
            // An older producer does not end what has not begun.
            self.transaction = None;
            return Act::Nothing;
        }
        let end = if transaction.must_abort || is_empty {
            TransactionEnd::Abort
        } else {
            TransactionEnd::Commit
        };
        transaction.end = Some(end);
        let client = self.version;
        Act::Ask(Request::End(EndTxn {
            id: Arc::clone(&self.id),
            producer,
            end,
            client,
        }))
    }

    /// Whether its transaction may be committed by whoever has its requests.
    pub fn asks_to_commit(&self) -> Option<Tag> {
        let transaction = self.transaction.as_ref()?;
        (transaction.end == Some(TransactionEnd::Commit)).then_some(transaction.tag)
    }

    /// The coordinator's answer to a call.
    pub fn answered(&mut self, call: u64, answer: &Answer) -> Learned {
        let Some(waiting) = self.waiting.take_if(|waiting| waiting.call == call) else {
            return Learned::Nothing;
        };
        match answer {
            Answer::Refused(error) => return self.refused(*error, waiting),
            Answer::Initialized(producer) => {
                self.producer = Some(*producer);
                self.must_bump = false;
            }
            Answer::Added => {
                if let (Some(transaction), Act::Ask(Request::Add(add))) = (&mut self.transaction, waiting.act) {
                    let added = add
                        .partitions
                        .iter()
                        .map(|place| usize::try_from(place.partition).unwrap());
                    transaction.added.extend(added);
                }
            }
            Answer::Ended(producer) => {
                if *producer != Producer::NONE {
                    self.producer = Some(*producer);
                }
                if let Some(Transaction {
                    tag, end: Some(end), ..
                }) = self.transaction.take()
                {
                    return Learned::Ended { tag, end };
                }
            }
            Answer::NeedsProducerId => unreachable!("the host gets one"),
        }
        Learned::Nothing
    }

    /// A partition's answer.
    pub fn produced(&mut self, call: u64, error: ErrorCode) -> Learned {
        let Some(waiting) = self.waiting.take_if(|waiting| waiting.call == call) else {
            return Learned::Nothing;
        };
        if error != ErrorCode::None {
            return self.refused(error, waiting);
        }
        let (Some(transaction), Act::Produce { partition, tag }) = (&mut self.transaction, waiting.act) else {
            return Learned::Nothing;
        };
        transaction.todo.pop();
        Learned::Produced { tag, partition }
    }

    fn refused(&mut self, error: ErrorCode, waiting: Waiting) -> Learned {
        match error {
            ErrorCode::ConcurrentTransactions | ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                // Again, after a while.
                let since = waiting.since.saturating_sub(PATIENCE - 200);
                if matches!(waiting.act, Act::Ask(_)) {
                    self.waiting = Some(Waiting { since, ..waiting });
                }
                Learned::Nothing
            }
            ErrorCode::InvalidTxnState | ErrorCode::TransactionAbortable | ErrorCode::UnknownTopicOrPartition
                if matches!(waiting.act, Act::Produce { .. }) =>
            {
                self.abort();
                Learned::Nothing
            }
            _ => {
                self.is_dead = true;
                Learned::Fenced
            }
        }
    }
}
