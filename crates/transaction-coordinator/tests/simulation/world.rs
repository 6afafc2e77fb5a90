//! One history: everything that exists, and one thing after the other that happens to it.

use crate::checks::Checks;
use crate::client::{Act, Client, Done, Learned, place};
use crate::host::{Host, LogMood, producer};
use crate::message::{Asker, Held, Marker, Message, Produce, Request};
use crate::partition::Partition;
use base::{ProducerId, Rng, Timestamp};
use coordinator_runtime::{Lost, Token};
use protocol::ErrorCode;
use sim::Trace;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use transaction_coordinator::op::verify_partitions::verify_partitions;
use transaction_coordinator::{
    Answer, MarkerResult, Producer, Transaction, TransactionEnd, TransactionSettings, TransactionStatus,
    TransactionVersion,
};

const STEPS: usize = 2_000;
const PARTITIONS: usize = 5;
/// The ids of the producers; those of one id fence each other.
const IDS: [&str; 6] = ["a", "a", "b", "b", "c", "d"];

pub struct World {
    rng: Rng,
    host: Host,
    clients: Vec<Client>,
    partitions: Vec<Partition>,
    messages: Vec<Message>,
    /// Copies that arrive much later, if ever.
    late: Vec<Message>,
    /// Who waits for the coordinator.
    asked: BTreeMap<Token, (Asker, Request)>,
    checks: Checks,
    done: Done,
    next_tag: u64,
    trace: Trace,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let version = match rng.below(6) {
            0 => TransactionVersion::V0,
            1 => TransactionVersion::V1,
            _ => TransactionVersion::V2,
        };
        let id_expiration = if rng.below(3) == 0 {
            2 + rng.below(20)
        } else {
            1_000_000
        };
        let settings = TransactionSettings {
            version,
            id_expiration: Duration::from_secs(id_expiration),
            abort_timed_out_interval: Duration::from_secs(2),
            remove_expired_interval: Duration::from_secs(5),
            ..TransactionSettings::default()
        };
        let mut world = Self {
            host: Host::new(settings),
            clients: Vec::new(),
            partitions: (0..PARTITIONS).map(|_| Partition::default()).collect(),
            messages: Vec::new(),
            late: Vec::new(),
            asked: BTreeMap::new(),
            checks: Checks::default(),
            done: Done::default(),
            next_tag: 0,
            trace: Trace::begin(),
            rng,
        };
        world.put_worn_producers();
        for at in 0..IDS.len() {
            let client = world.client(at, 0);
            world.clients.push(client);
        }
        world
    }

    /// Some ids begin with nearly all epochs used up.
    fn put_worn_producers(&mut self) {
        for (at, id) in (5..).zip(["a", "b", "c"]) {
            if self.rng.below(2) == 0 {
                let left = i16::try_from(self.rng.below(8)).unwrap();
                let worn = Transaction {
                    producer_id: ProducerId(at),
                    previous_producer_id: ProducerId(at),
                    next_producer_id: ProducerId::NONE,
                    producer_epoch: producer(at, i16::MAX - 1 - left).epoch,
                    last_producer_epoch: Producer::NONE.epoch,
                    timeout_ms: 10_000,
                    status: TransactionStatus::Empty,
                    partitions: std::iter::empty().collect(),
                    started: Timestamp::NONE,
                    updated: self.host.moment().wall,
                    client_version: TransactionVersion::V0,
                };
                self.host.put(id, worn);
            }
        }
    }

    /// A producer that begins.
    fn client(&mut self, at: usize, calls: u64) -> Client {
        let version = match self.host.settings.version {
            TransactionVersion::V2 if self.rng.below(3) > 0 => TransactionVersion::V2,
            _ => TransactionVersion::V0,
        };
        let timeout_ms = 4_000 + i32::try_from(self.rng.below(10_000)).unwrap();
        Client::new(IDS[at], version, timeout_ms, calls)
    }

    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    /// Everything happens.
    pub fn live(&mut self) {
        for _ in 0..STEPS {
            match self.rng.below(1_000) {
                0..480 => self.deliver(),
                480..500 => self.lose(),
                500..540 => self.double(),
                540..560 => self.come_late(),
                560..800 => self.act(),
                800..880 => self.pass(500),
                880..884 => self.pass(15_000),
                884..930 => self.commit_some(),
                930..940 => self.host.mood = LogMood::Holds,
                940..947 => self.host.mood = LogMood::Fails(Lost::Replicas),
                947..980 => {
                    self.host.mood = LogMood::Commits;
                    self.host.commit();
                }
                980..985 => self.fail_over(),
                985..996 => self.host.feed(),
                996..998 => self.agree(),
                _ => self.delete(),
            }
            self.settle();
        }
    }

    /// Nobody begins anything new and nothing is lost any more: everything comes to an end.
    pub fn finish(&mut self) -> Done {
        self.host.mood = LogMood::Commits;
        self.host.commit();
        self.settle();
        for _ in 0..200 {
            while !self.messages.is_empty() {
                self.deliver();
                self.settle();
            }
            self.pass(500);
            self.host.feed();
            self.settle();
        }
        self.checks.finish(&self.host, &self.partitions);
        Done {
            overflowed: self.checks.overflowed,
            expired: self.checks.expired,
            ..self.done
        }
    }

    fn any(&mut self, count: usize) -> usize {
        usize::try_from(self.rng.below(count as u64)).unwrap()
    }

    fn take_any(&mut self) -> Option<Message> {
        if self.messages.is_empty() {
            return None;
        }
        let at = self.any(self.messages.len());
        Some(self.messages.swap_remove(at))
    }

    /// Notes what the coordinator has brought about.
    fn settle(&mut self) {
        self.checks.look(&self.host);
        for (token, answer) in self.host.take_answers() {
            let Some((asker, request)) = self.asked.remove(&token) else {
                continue;
            };
            match (&answer, &request) {
                (Answer::Initialized(producer), Request::Init(init)) => self.checks.given(&init.id, *producer),
                (Answer::Ended(producer), Request::End(end)) => self.checks.promised(&end.id, *producer),
                _ => {}
            }
            if answer == Answer::NeedsProducerId {
                let fresh = Some(self.host.fresh());
                self.messages.push(Message::Ask {
                    from: asker,
                    request,
                    fresh,
                });
            } else {
                self.messages.push(Message::Answer { to: asker, answer });
            }
        }
        for due in self.host.take_markers() {
            for place in &due.partitions {
                self.messages.push(Message::Marker(Marker {
                    epoch: self.host.epoch,
                    id: Arc::clone(&due.id),
                    run: due.run,
                    producer: due.producer,
                    end: due.end,
                    version: due.version,
                    partition: usize::try_from(place.partition).unwrap(),
                }));
            }
        }
    }

    fn pass(&mut self, most: u64) {
        let millis = self.rng.below(most);
        self.host.advance(Duration::from_millis(millis));
    }

    fn commit_some(&mut self) {
        let (from, to) = (self.host.committed_len(), self.host.log.len());
        let len = from + self.any(to - from + 1);
        self.host.commit_to(len);
    }

    fn fail_over(&mut self) {
        self.checks.look(&self.host);
        let uncommitted = self.host.log.len() - self.host.committed_len();
        let survive = self.any(uncommitted + 1);
        self.note(&format!("fail over, {survive} of {uncommitted} survive"));
        self.host.fail_over(survive);
        self.host.mood = if self.rng.below(2) == 0 {
            LogMood::Holds
        } else {
            LogMood::Commits
        };
        self.host.tick();
        self.asked.clear();
        self.done.failed_over += 1;
    }

    /// The cluster agrees on a newer way.
    fn agree(&mut self) {
        let version = match self.host.settings.version {
            TransactionVersion::V0 => TransactionVersion::V1,
            TransactionVersion::V1 | TransactionVersion::V2 => TransactionVersion::V2,
        };
        self.host.settings.version = version;
        self.host.coordinator.set_version(version);
    }

    fn delete(&mut self) {
        let at = self.any(PARTITIONS * 4);
        if let Some(partition) = self.partitions.get_mut(at) {
            partition.is_gone = true;
        }
    }

    fn lose(&mut self) {
        let lost = self.take_any();
        // Whoever writes markers notices, and says so.
        if let Some(Message::Marker(marker) | Message::MarkerDone { marker, .. }) = lost {
            let result = MarkerResult::Retry;
            self.messages.push(Message::MarkerDone { marker, result });
        }
    }

    fn double(&mut self) {
        if let Some(message) = self.take_any() {
            if message.may_come_again() {
                self.late.push(message.clone());
            }
            self.messages.push(message);
        }
    }

    /// A copy arrives: rather when it is mistaken for another.
    fn come_late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let is_mistaken = |late: &Message| {
            let mut all = self.messages.iter();
            all.any(|message| match (late, message) {
                (Message::MarkerDone { marker: one, .. }, Message::Marker(other)) => {
                    (&one.id, one.partition, one.epoch) == (&other.id, other.partition, other.epoch)
                        && one.run != other.run
                }
                _ => false,
            })
        };
        let worst = self.late.iter().position(is_mistaken);
        let at = worst.unwrap_or_else(|| self.any(self.late.len()));
        self.messages.push(self.late.swap_remove(at));
    }

    fn act(&mut self) {
        let at = self.any(IDS.len());
        if self.clients[at].is_dead {
            if self.rng.below(60) == 0 {
                let calls = self.clients[at].calls();
                self.clients[at] = self.client(at, calls);
            }
            return;
        }
        if self.rng.below(300) == 0 {
            self.clients[at].is_dead = true;
            return;
        }
        let client = &mut self.clients[at];
        let act = client.act(&mut self.rng, self.host.millis, PARTITIONS, &mut self.next_tag);
        if let Some(transaction) = &client.transaction {
            self.checks.of(transaction.tag);
        }
        if let Some(tag) = client.asks_to_commit() {
            self.checks.of(tag).is_asked_to_commit = true;
        }
        let Some(call) = client.call() else { return };
        let (version, id, producer) = (client.version, Arc::clone(&client.id), client.producer);
        match act {
            Act::Nothing => {}
            Act::Ask(request) => {
                if !version.bumps_epoch() {
                    // Its connection is closed with what was on it.
                    self.forget_asks_of(at);
                }
                self.messages.push(Message::Ask {
                    from: Asker::Client { client: at, call },
                    request,
                    fresh: None,
                });
            }
            Act::Produce { partition, tag } => self.messages.push(Message::Produce(Produce {
                client: at,
                call,
                id,
                producer: producer.expect("only who has a producer id writes"),
                tag,
                partition,
                version,
            })),
        }
    }

    fn forget_asks_of(&mut self, at: usize) {
        let is_its = |message: &Message| matches!(message, Message::Ask { from: Asker::Client { client, .. }, .. } if *client == at);
        self.messages.retain(|message| !is_its(message));
    }

    fn deliver(&mut self) {
        let Some(message) = self.take_any() else { return };
        self.note(&format!("{message:?}"));
        match message {
            Message::Ask { from, request, fresh } => self.ask(from, request, fresh),
            Message::Answer { to, answer } => self.answer(to, &answer),
            Message::Produce(produce) => self.produce(produce),
            Message::Produced { client, call, error } => {
                let learned = self.clients[client].produced(call, error);
                self.learn(learned);
            }
            Message::Marker(marker) => {
                let (result, ended_something) = self.partitions[marker.partition].mark(&marker);
                if result == MarkerResult::Written {
                    self.checks.marked(&marker, ended_something);
                }
                self.messages.push(Message::MarkerDone { marker, result });
            }
            Message::MarkerDone { marker, result } => {
                if marker.epoch == self.host.epoch {
                    if self.rng.below(4) == 0 {
                        let marker = marker.clone();
                        self.late.push(Message::MarkerDone { marker, result });
                    }
                    let results = [(place(marker.partition), result)];
                    self.host.written(&marker.id, marker.run, &results);
                }
            }
        }
    }

    /// Something happened; shown if `RIVERRUN_SIM_TRACE` is set.
    fn note(&mut self, what: &str) {
        self.trace.note(self.host.millis, format_args!("{what}"));
    }

    fn ask(&mut self, from: Asker, request: Request, fresh: Option<ProducerId>) {
        let token = match &request {
            Request::Init(init) => self.host.init(init, fresh),
            Request::Add(add) => self.host.add(add),
            Request::End(end) => self.host.end(end, fresh),
            Request::Verify(add) => {
                let committed = self.host.runtime.committed();
                let verified = verify_partitions(committed, &add.id, add.producer, &add.partitions);
                let error = verified.map_or_else(|error| error, |verified| verified[0].1);
                let answer = match error {
                    ErrorCode::None => Answer::Added,
                    error => Answer::Refused(error),
                };
                self.messages.push(Message::Answer { to: from, answer });
                return;
            }
        };
        self.asked.insert(token, (from, request));
    }

    fn answer(&mut self, to: Asker, answer: &Answer) {
        match to {
            Asker::Client { client, call } => {
                let learned = self.clients[client].answered(call, answer);
                self.learn(learned);
            }
            Asker::Partition(held) => {
                let partition = &mut self.partitions[held.produce.partition];
                let appended = match answer {
                    Answer::Added => partition.append_held(&held),
                    Answer::Refused(error) => Err(*error),
                    other => panic!("a partition got {other:?}"),
                };
                self.appended(&held.produce, appended);
            }
        }
    }

    fn produce(&mut self, produce: Produce) {
        let partition = &mut self.partitions[produce.partition];
        let Some(guard) = partition.guard(produce.producer).filter(|_| !partition.is_gone) else {
            let appended = partition.append(&produce);
            self.appended(&produce, appended);
            return;
        };
        let add = transaction_coordinator::op::add_partitions::AddPartitions {
            id: Arc::clone(&produce.id),
            producer: produce.producer,
            partitions: vec![place(produce.partition)],
            client: produce.version,
        };
        let request = if produce.version.bumps_epoch() {
            Request::Add(add)
        } else {
            Request::Verify(add)
        };
        self.messages.push(Message::Ask {
            from: Asker::Partition(Held { produce, guard }),
            request,
            fresh: None,
        });
    }

    fn appended(&mut self, produce: &Produce, appended: Result<(), ErrorCode>) {
        if appended.is_ok() {
            self.checks.appended(produce);
        }
        self.messages.push(Message::Produced {
            client: produce.client,
            call: produce.call,
            error: appended.err().unwrap_or(ErrorCode::None),
        });
    }

    fn learn(&mut self, learned: Learned) {
        match learned {
            Learned::Nothing => {}
            Learned::Fenced => self.done.fenced += 1,
            Learned::Ended { tag, end } => {
                self.checks.of(tag).end = Some(end);
                match end {
                    TransactionEnd::Commit => self.done.committed += 1,
                    TransactionEnd::Abort => self.done.aborted += 1,
                }
            }
            Learned::Produced { tag, partition } => {
                self.checks.of(tag).acknowledged.insert(partition);
            }
        }
    }
}
