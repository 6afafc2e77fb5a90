//! What consumers are for: they commit offsets, alone and in transactions, read them, and take them away.

use crate::broker::Broker;
use crate::member::{Client, Credentials, View};
use crate::message::{Outbox, Request};
use crate::register::{Place, Registers, Ticket};
use base::{ProducerId, Rng, Uuid};
use group_coordinator::Answer;
use group_coordinator::record::TransactionEnd;
use protocol::ErrorCode;
use protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use protocol::messages::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The topic that only those outside any group commit for.
const SIMPLE: &str = "simple";

/// A request that waits for its answer.
#[derive(Debug)]
enum Waiting {
    Commit(Ticket),
    /// By somebody whose time is over: it must not succeed.
    Zombie(Ticket),
    TxnCommit(ProducerId, Ticket),
    Marker(ProducerId, TransactionEnd),
    Fetch(Place, u64),
    Delete(Ticket),
}

/// A commit within a transaction.
#[derive(Debug)]
struct Promise {
    ticket: Ticket,
    place: Place,
    /// When it was acknowledged.
    acknowledged: Option<u64>,
    /// Somebody may have taken the offset away.
    shaken: bool,
}

/// One transaction, with a producer id of its own.
#[derive(Debug)]
struct Transaction {
    commits: Vec<Promise>,
    /// When its end was first sent, and which it is.
    end: Option<TransactionEnd>,
    last_sent: u64,
}

#[derive(Default)]
pub struct Work {
    pub registers: Registers,
    pub transactions: u64,
    waiting: BTreeMap<u64, Waiting>,
    open: BTreeMap<ProducerId, Transaction>,
    /// Whose markers were sent: nothing is taken from them any more.
    ended: BTreeSet<ProducerId>,
    producers: i64,
    /// When somebody last asked to take away what is committed for a place.
    shaken: BTreeMap<Place, u64>,
    /// All places that were ever written.
    places: BTreeSet<Place>,
}

impl Work {
    /// One thing that somebody does; with `troubled`, things that only disturb too.
    pub fn work(
        &mut self,
        clients: &[Client],
        view: &View,
        rng: &mut Rng,
        now: u64,
        troubled: bool,
        outbox: &mut Outbox,
    ) {
        self.end_transactions(rng, now, troubled, outbox);
        if troubled && rng.below(12) == 0 {
            self.zombie(clients, view, rng, now, outbox);
        }
        match rng.below(if troubled { 10 } else { 8 }) {
            0..4 => self.commit_one(clients, view, rng, now, outbox),
            4..6 => self.transact(clients, view, rng, now, outbox),
            6..8 => self.fetch(rng, now, outbox),
            8 => self.commit_simply(rng, now, outbox),
            _ => self.delete(rng, now, outbox),
        }
    }

    /// Whether the host would let the request through: the topic is there, and the transaction is under way.
    pub fn may_run(&self, request: &Request, view: &View) -> bool {
        let known = |name: &str| name == SIMPLE || view.topics.iter().any(|(known, ..)| known == name);
        match request {
            Request::Commit(request) => request.topics.iter().all(|topic| known(&topic.name)),
            Request::TxnCommit(request) => {
                !self.ended.contains(&ProducerId(request.producer_id))
                    && request.topics.iter().all(|topic| known(&topic.name))
            }
            _ => true,
        }
    }

    /// A member and a partition that it owns.
    fn pick(clients: &[Client], view: &View, rng: &mut Rng, now: u64) -> Option<(Credentials, Place, Uuid)> {
        let client = &clients[usize::try_from(rng.below(clients.len() as u64)).unwrap()];
        if client.is_asleep(now) {
            return None;
        }
        let owned: Vec<(Uuid, i32)> = client.owns().into_iter().collect();
        let (topic, partition) = *owned.get(usize::try_from(rng.below(owned.len().max(1) as u64)).unwrap())?;
        let place = (Arc::clone(client.group()), view.name(topic)?.into(), partition);
        Some((client.credentials()?, place, topic))
    }

    fn commit_one(&mut self, clients: &[Client], view: &View, rng: &mut Rng, now: u64, outbox: &mut Outbox) {
        if let Some((credentials, place, topic)) = Self::pick(clients, view, rng, now) {
            let ticket = self.commit(&credentials, &place, topic, now, outbox);
            self.waiting.insert(ticket.0, Waiting::Commit(ticket.1));
        }
    }

    fn commit(
        &mut self,
        who: &Credentials,
        place: &Place,
        topic: Uuid,
        now: u64,
        outbox: &mut Outbox,
    ) -> (u64, Ticket) {
        let value = self.registers.fresh();
        self.places.insert(place.clone());
        let ticket = self.registers.begin(place.clone(), Some(value), now);
        let call = outbox.send(Request::Commit(OffsetCommitRequest {
            group_id: place.0.to_string(),
            generation_id_or_member_epoch: who.epoch,
            member_id: who.member.clone(),
            group_instance_id: who.instance.clone(),
            retention_time_ms: -1,
            topics: vec![OffsetCommitRequestTopic {
                name: place.1.to_string(),
                topic_id: topic,
                partitions: vec![OffsetCommitRequestPartition {
                    partition_index: place.2,
                    committed_offset: value,
                    ..Default::default()
                }],
            }],
        }));
        (call, ticket)
    }

    /// Somebody outside any group who keeps offsets here.
    fn nobody(rng: &mut Rng) -> (Credentials, Place, Uuid) {
        let nobody = Credentials {
            member: String::new(),
            instance: None,
            epoch: -1,
        };
        let partition = i32::try_from(rng.below(2)).unwrap();
        (nobody, ("simple".into(), SIMPLE.into(), partition), Uuid::ONE)
    }

    fn commit_simply(&mut self, rng: &mut Rng, now: u64, outbox: &mut Outbox) {
        let (nobody, place, topic) = Self::nobody(rng);
        let (call, ticket) = self.commit(&nobody, &place, topic, now, outbox);
        self.waiting.insert(call, Waiting::Commit(ticket));
    }

    /// Somebody commits for a partition that it has lost to another, under the name that it had.
    fn zombie(&mut self, clients: &[Client], view: &View, rng: &mut Rng, now: u64, outbox: &mut Outbox) {
        let client = usize::try_from(rng.below(clients.len() as u64)).unwrap();
        let lost = clients[client].lost();
        let Some((credentials, partition)) = lost.get(usize::try_from(rng.below(lost.len().max(1) as u64)).unwrap())
        else {
            return;
        };
        let is_current = clients[client]
            .credentials()
            .is_some_and(|current| current.member == credentials.member && current.epoch == credentials.epoch);
        let has_heir = clients.iter().enumerate().any(|(number, other)| {
            number != client
                && other.group() == clients[client].group()
                && other.lease() > now
                && other.owns().contains(partition)
        });
        let Some(name) = view.name(partition.0).filter(|_| has_heir && !is_current) else {
            return;
        };
        let place = (Arc::clone(clients[client].group()), name.into(), partition.1);
        let (call, ticket) = self.commit(credentials, &place, partition.0, now, outbox);
        self.waiting.insert(call, Waiting::Zombie(ticket));
    }

    fn transact(&mut self, clients: &[Client], view: &View, rng: &mut Rng, now: u64, outbox: &mut Outbox) {
        let member = match rng.below(4) {
            0 => Some(Self::nobody(rng)),
            _ => Self::pick(clients, view, rng, now),
        };
        let Some((who, place, topic)) = member else { return };
        let producer = match self.open.iter().find(|(_, transaction)| transaction.end.is_none()) {
            Some((producer, _)) if rng.below(2) == 0 => *producer,
            _ => {
                self.producers += 1;
                ProducerId(self.producers)
            }
        };
        let value = self.registers.fresh();
        self.places.insert(place.clone());
        let ticket = self.registers.begin(place.clone(), Some(value), now);
        let transaction = self.open.entry(producer).or_insert(Transaction {
            commits: Vec::new(),
            end: None,
            last_sent: now,
        });
        transaction.commits.push(Promise {
            ticket: ticket.clone(),
            place: place.clone(),
            acknowledged: None,
            // A request to take it away may still be on its way.
            shaken: self.shaken.get(&place).is_some_and(|at| now < at + 10_000),
        });
        let call = outbox.send(Request::TxnCommit(TxnOffsetCommitRequest {
            transactional_id: format!("x{}", producer.0),
            group_id: place.0.to_string(),
            producer_id: producer.0,
            producer_epoch: 0,
            generation_id_or_member_epoch: who.epoch,
            member_id: who.member,
            group_instance_id: who.instance,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: place.1.to_string(),
                topic_id: topic,
                partitions: vec![TxnOffsetCommitRequestPartition {
                    partition_index: place.2,
                    committed_offset: value,
                    ..Default::default()
                }],
            }],
        }));
        self.waiting.insert(call, Waiting::TxnCommit(producer, ticket));
    }

    /// Transactions end after a while; their coordinator sends the marker until it is acknowledged.
    fn end_transactions(&mut self, rng: &mut Rng, now: u64, troubled: bool, outbox: &mut Outbox) {
        for (producer, transaction) in &mut self.open {
            let ends = match transaction.end {
                None => !troubled || rng.below(20) == 0,
                Some(_) => now > transaction.last_sent + 2_000,
            };
            if !ends {
                continue;
            }
            // A commit whose answer is lost ends the transaction with an abort.
            let whole = transaction.commits.iter().all(|commit| commit.acknowledged.is_some());
            let commits = whole && rng.below(3) > 0;
            let end = *transaction.end.get_or_insert(if commits {
                TransactionEnd::Committed
            } else {
                TransactionEnd::Aborted
            });
            if end == TransactionEnd::Aborted {
                for commit in &transaction.commits {
                    self.registers.refuse(&commit.ticket);
                }
            }
            self.ended.insert(*producer);
            transaction.last_sent = now;
            let call = outbox.send(Request::Marker(*producer, end));
            self.waiting.insert(call, Waiting::Marker(*producer, end));
        }
    }

    fn fetch(&mut self, rng: &mut Rng, now: u64, outbox: &mut Outbox) {
        let at = usize::try_from(rng.below(self.places.len().max(1) as u64)).unwrap();
        let Some(place) = self.places.iter().nth(at).cloned() else {
            return;
        };
        let call = outbox.send(Request::Fetch(OffsetFetchRequestGroup {
            group_id: place.0.to_string(),
            member_id: None,
            member_epoch: -1,
            topics: Some(vec![OffsetFetchRequestTopics {
                name: place.1.to_string(),
                partition_indexes: vec![place.2],
                ..Default::default()
            }]),
        }));
        self.waiting.insert(call, Waiting::Fetch(place, now));
    }

    fn delete(&mut self, rng: &mut Rng, now: u64, outbox: &mut Outbox) {
        let at = usize::try_from(rng.below(self.places.len().max(1) as u64)).unwrap();
        let Some(place) = self.places.iter().nth(at).cloned() else {
            return;
        };
        self.shake(&place, now);
        let ticket = self.registers.begin(place.clone(), None, now);
        let call = outbox.send(Request::Delete(OffsetDeleteRequest {
            group_id: place.0.to_string(),
            topics: vec![OffsetDeleteRequestTopic {
                name: place.1.to_string(),
                partitions: vec![OffsetDeleteRequestPartition {
                    partition_index: place.2,
                }],
            }],
        }));
        self.waiting.insert(call, Waiting::Delete(ticket));
    }

    /// A topic is gone: whoever reads its offsets may find none.
    pub fn topic_deleted(&mut self, name: &str, now: u64) {
        let places: Vec<Place> = self
            .places
            .iter()
            .filter(|(_, topic, _)| **topic == *name)
            .cloned()
            .collect();
        for place in places {
            self.shake(&place, now);
            let _ = self.registers.begin(place, None, now);
        }
    }

    fn shake(&mut self, place: &Place, now: u64) {
        self.shaken.insert(place.clone(), now);
        let promises = self.open.values_mut().flat_map(|transaction| &mut transaction.commits);
        promises
            .filter(|promise| promise.place == *place)
            .for_each(|promise| promise.shaken = true);
    }

    pub fn answered(&mut self, call: u64, answer: Answer, now: u64) {
        let Some(waiting) = self.waiting.remove(&call) else {
            return;
        };
        match (waiting, answer) {
            (_, Answer::Refused(_)) => {}
            (Waiting::Commit(ticket), Answer::OffsetCommit(response)) => {
                let error = response.topics[0].partitions[0].error_code;
                self.written(&ticket, error, now);
            }
            (Waiting::Zombie(ticket), Answer::OffsetCommit(response)) => {
                let error = response.topics[0].partitions[0].error_code;
                assert_ne!(
                    error, 0,
                    "at {now} {ticket:?} was taken from somebody whose time is over"
                );
                self.registers.refuse(&ticket);
            }
            (Waiting::TxnCommit(producer, ticket), Answer::TxnOffsetCommit(response)) => {
                let error = response.topics[0].partitions[0].error_code;
                self.promised(producer, &ticket, error, now);
            }
            (Waiting::Marker(producer, end), Answer::Heartbeat(ErrorCode::None)) => self.ended(producer, end, now),
            (Waiting::Fetch(place, began), Answer::OffsetFetch(response)) => {
                if response.error_code == 0 {
                    let partition = &response.topics[0].partitions[0];
                    let value = (partition.committed_offset >= 0).then_some(partition.committed_offset);
                    self.fetched(&place, value, ErrorCode::from(partition.error_code), began, now);
                }
            }
            (Waiting::Delete(ticket), Answer::OffsetDelete(response)) => {
                let inner = response.topics.first().map(|topic| topic.partitions[0].error_code);
                let error = if response.error_code == 0 {
                    inner.unwrap_or(0)
                } else {
                    response.error_code
                };
                self.written(&ticket, error, now);
            }
            (waiting, answer) => panic!("{waiting:?} got {answer:?}"),
        }
    }

    fn written(&mut self, ticket: &Ticket, error: i16, now: u64) {
        match ErrorCode::from(error) {
            ErrorCode::None => self.registers.acknowledge(ticket, now),
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {}
            _ => self.registers.refuse(ticket),
        }
    }

    fn promised(&mut self, producer: ProducerId, ticket: &Ticket, error: i16, now: u64) {
        let Some(transaction) = self.open.get_mut(&producer) else {
            return;
        };
        if error != 0 || transaction.end.is_some() {
            return;
        }
        if let Some(commit) = transaction.commits.iter_mut().find(|commit| commit.ticket == *ticket) {
            commit.acknowledged = Some(now);
        }
    }

    fn ended(&mut self, producer: ProducerId, end: TransactionEnd, now: u64) {
        let Some(transaction) = self.open.remove(&producer) else {
            return;
        };
        self.transactions += 1;
        if end == TransactionEnd::Committed {
            for commit in &transaction.commits {
                self.registers.acknowledge(&commit.ticket, now);
            }
        }
    }

    /// A stable read waits for transactions: one that has acknowledged a commit and has no end hides the place.
    fn fetched(&mut self, place: &Place, value: Option<i64>, error: ErrorCode, began: u64, now: u64) {
        if error == ErrorCode::None {
            self.registers.check(place, value, began, now);
            for transaction in self.open.values().filter(|transaction| transaction.end.is_none()) {
                let hides = |promise: &Promise| {
                    promise.place == *place && !promise.shaken && promise.acknowledged.is_some_and(|at| at <= began)
                };
                assert!(
                    !transaction.commits.iter().any(hides),
                    "at {now} {place:?} is read past {transaction:?}"
                );
            }
        } else {
            assert_eq!(error, ErrorCode::UnstableOffsetCommit);
        }
    }

    /// What is committed in the end.
    pub fn check_all(&mut self, broker: &Broker, now: u64) {
        let state = broker.committed().unwrap();
        for place in self.places.clone() {
            let stored = state.group(&place.0);
            let at = (Arc::clone(&place.1), place.2);
            let value = stored
                .and_then(|stored| stored.offsets.get(&at))
                .map(|offset| offset.offset);
            self.registers.check(&place, value, now, now);
        }
    }
}
