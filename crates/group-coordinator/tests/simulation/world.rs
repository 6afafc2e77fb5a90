//! The world around the coordinator: its clock, its network, its clients, and what goes wrong.

mod quiet;
mod trouble;

use crate::broker::Broker;
use crate::classic::ClassicClient;
use crate::consumer::{ConsumerClient, Wants};
use crate::member::{Client, Partitions, View};
use crate::message::{Outbox, Request};
use crate::work::Work;
use base::Rng;
use coordinator_runtime::Token;
use group_coordinator::consumer::search::Found;
use group_coordinator::op::topics_found::{search_failed, topics_found};
use group_coordinator::{Answer, GroupSettings};
use sim::{Timeline, Trace};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// How long things go wrong, and how long they have to come right each time, in milliseconds.
const TROUBLE: u64 = 150_000;
const QUIET: u64 = 60_000;
/// A search by regular expression takes less than this.
const SEARCH: u64 = 800;

pub const CLASSIC: &str = "classic";
pub const CONSUMER: &str = "consumer";
/// Members of both kinds are in it, so that it changes from one protocol to the other and back.
pub const MIXED: &str = "mixed";
pub const GROUPS: [&str; 3] = [CLASSIC, CONSUMER, MIXED];

enum Event {
    /// A request arrives at the broker.
    Request(u64, Request),
    /// An answer arrives at whoever sent the request.
    Answer(u64, Answer),
    /// The log's high watermark moves.
    Commit,
    /// A coordinator takes over.
    Begin,
    /// A search is done.
    Found(u64, Found),
    /// A search came to nothing.
    NotFound(u64, Arc<str>),
    /// Something goes wrong.
    Trouble,
    /// Clients look at the clock.
    Wake,
    /// Somebody commits or reads offsets.
    Work,
}

pub struct World {
    pub rng: Rng,
    pub broker: Broker,
    pub clients: Vec<Client>,
    pub view: View,
    pub work: Work,
    pub outbox: Outbox,
    timeline: Timeline<Event>,
    tokens: u64,
    /// Which client sent which request; the others are work.
    calls: BTreeMap<u64, usize>,
    /// When the last request of each client arrives.
    arrived: Vec<u64>,
    /// Percent of the messages that are lost.
    loss: u64,
    /// Counts coordinators: a search belongs to one.
    reign: u64,
    troubled: bool,
    next_search_fails: bool,
    trace: Trace,
    pub done: Done,
}

/// What has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub handed_over: u64,
    pub acknowledged: u64,
    pub read: u64,
    pub transactions: u64,
    pub coordinators: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut settings = GroupSettings {
            initial_rebalance_delay: Duration::from_millis(500),
            offsets_retention: Duration::from_secs(1_000_000),
            ..GroupSettings::default()
        };
        settings.consumer.session_timeout = Duration::from_millis(crate::member::SESSION);
        settings.consumer.regex_refresh_interval = Duration::from_secs(20);
        let mut clients = Vec::new();
        for number in 0..5 {
            let instance = (number == 0).then(|| "static-classic".to_owned());
            clients.push(Client::Classic(ClassicClient::new(CLASSIC, instance)));
        }
        for number in 0..6 {
            let instance = (number < 2).then(|| format!("static-{number}"));
            let wants = match number {
                5 => Wants::Regex("t[0-9]*".into()),
                _ => Wants::Names((0..6).map(|topic| format!("t{topic}")).collect()),
            };
            clients.push(Client::Consumer(ConsumerClient::new(
                format!("m{number}"),
                CONSUMER,
                instance,
                wants,
            )));
        }
        for number in 0..5 {
            let wants = Wants::Names((0..6).map(|topic| format!("t{topic}")).collect());
            clients.push(match number {
                0 | 1 => Client::Classic(ClassicClient::new(MIXED, None)),
                _ => Client::Consumer(ConsumerClient::new(format!("x{number}"), MIXED, None, wants)),
            });
        }
        let mut world = Self {
            rng: Rng::from_seed(seed),
            broker: Broker::new(seed, settings),
            view: View::default(),
            work: Work::default(),
            outbox: Outbox::default(),
            timeline: Timeline::starting(1_000_000),
            tokens: 0,
            calls: BTreeMap::new(),
            arrived: vec![0; clients.len()],
            clients,
            loss: 0,
            reign: 0,
            troubled: true,
            next_search_fails: false,
            trace: Trace::begin(),
            done: Done::default(),
        };
        world.make_topic();
        world.make_topic();
        for event in [Event::Begin, Event::Commit, Event::Trouble, Event::Wake, Event::Work] {
            world.schedule(0, event);
        }
        world
    }

    /// Lets things go wrong and come right again.
    pub fn live(&mut self) {
        self.run_until(self.timeline.now() + TROUBLE);
        self.calm();
        self.run_until(self.timeline.now() + QUIET);
        self.check_quiet();
        self.bury();
        self.run_until(self.timeline.now() + QUIET);
        self.check_quiet();
        self.late_topics();
        self.run_until(self.timeline.now() + QUIET);
        self.check_quiet();
        self.work.check_all(&self.broker, self.timeline.now());
        self.done.acknowledged = self.work.registers.acknowledged;
        self.done.read = self.work.registers.read;
        self.done.coordinators = self.reign;
    }

    /// All that happened, in one number.
    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    fn note(&mut self, what: &dyn Debug) {
        self.trace.note(self.timeline.now(), format_args!("{what:?}"));
    }

    fn schedule(&mut self, after: u64, event: Event) {
        self.timeline.after(after, event);
    }

    fn run_until(&mut self, end: u64) {
        while self.timeline.now() < end {
            let next = self.timeline.next_at().unwrap_or(u64::MAX);
            if let Some(deadline) = self.broker.next_deadline().filter(|deadline| *deadline < next) {
                self.timeline.move_to(deadline);
                self.broker.tick(self.timeline.now());
            } else if let Some(event) = self.timeline.take_next() {
                self.happen(event);
            }
            self.after();
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Request(call, request) => {
                self.note(&request);
                if self.broker.is_up() {
                    if self.work.may_run(&request, &self.view) {
                        let token = self.token(call);
                        request.run(&mut self.broker, self.timeline.now(), token);
                    }
                } else {
                    self.reply(call, Answer::Refused(protocol::ErrorCode::NotCoordinator));
                }
            }
            Event::Answer(call, answer) => self.answered(call, answer),
            Event::Commit => {
                self.broker.commit(self.timeline.now());
                let after = 5 + self.rng.below(40);
                self.schedule(after, Event::Commit);
            }
            Event::Begin => self.begin(),
            Event::Found(reign, found) => {
                if reign == self.reign {
                    self.broker.run(self.timeline.now(), |coordinator, state, moment| {
                        topics_found(coordinator, state, moment, &found)
                    });
                }
            }
            Event::NotFound(reign, group) => {
                if let Some(coordinator) = self.broker.coordinator().filter(|_| reign == self.reign) {
                    search_failed(coordinator, &group);
                }
            }
            Event::Trouble => self.trouble(),
            Event::Wake => {
                self.wake();
                let after = 20 + self.rng.below(60);
                self.schedule(after, Event::Wake);
            }
            Event::Work => {
                self.work();
                let after = 30 + self.rng.below(120);
                self.schedule(after, Event::Work);
            }
        }
    }

    /// Tokens name calls, and executions of them: a request that arrives twice is two.
    fn token(&mut self, call: u64) -> Token {
        self.tokens += 1;
        Token(call << 32 | self.tokens)
    }

    fn reply(&mut self, call: u64, answer: Answer) {
        if self.rng.below(100) >= self.loss {
            let delay = self.delay();
            self.schedule(delay, Event::Answer(call, answer.clone()));
            if self.rng.below(100) < 2 {
                let delay = self.delay();
                self.schedule(delay, Event::Answer(call, answer));
            }
        }
    }

    fn delay(&mut self) -> u64 {
        match self.rng.below(50) {
            0 if self.troubled => 100 + self.rng.below(5_000),
            _ => 1 + self.rng.below(15),
        }
    }

    /// What the broker and the clients have to say goes on its way.
    fn after(&mut self) {
        for (token, answer) in self.broker.take_answers() {
            self.reply(token.0 >> 32, answer);
        }
        if let Some(coordinator) = self.broker.coordinator() {
            for search in coordinator.take_searches() {
                let group = Arc::clone(search.group());
                let fails = std::mem::take(&mut self.next_search_fails) || (self.troubled && self.rng.below(5) == 0);
                let event = if fails {
                    Event::NotFound(self.reign, group)
                } else {
                    Event::Found(self.reign, search.run())
                };
                let after = self.rng.below(SEARCH);
                self.schedule(after, event);
            }
        }
        for (call, request) in std::mem::take(&mut self.outbox.sent) {
            let delay = self.delay();
            let mut at = self.timeline.now() + delay;
            if let Some(client) = self.calls.get(&call) {
                // What one client sends arrives in order: its heartbeats carry no numbers, and Kafka relies on that too.
                at = at.max(self.arrived[*client]);
                self.arrived[*client] = at;
            }
            let repeats = self.troubled && request.may_repeat() && self.rng.below(50) == 0;
            for _ in 0..=u64::from(repeats) {
                if self.rng.below(100) >= self.loss {
                    self.schedule(at - self.timeline.now(), Event::Request(call, request.clone()));
                }
            }
        }
    }

    fn wake(&mut self) {
        for client in 0..self.clients.len() {
            let before = self.outbox.sent.len();
            let owned = self.clients[client].owns();
            self.clients[client].wake(self.timeline.now(), &mut self.rng, &self.view, &mut self.outbox);
            for (call, _) in &self.outbox.sent[before..] {
                self.calls.insert(*call, client);
            }
            self.check_owners(client, &owned);
        }
    }

    fn answered(&mut self, call: u64, answer: Answer) {
        self.note(&answer);
        let Some(client) = self.calls.get(&call).copied() else {
            self.work.answered(call, answer, self.timeline.now());
            return;
        };
        if self.clients[client].is_asleep(self.timeline.now()) {
            self.schedule(500, Event::Answer(call, answer));
            return;
        }
        let owned = self.clients[client].owns();
        self.clients[client].answer(self.timeline.now(), &mut self.rng, &self.view, call, answer);
        self.check_owners(client, &owned);
    }

    /// Nobody who has just come to own a partition shares it with somebody who may still believe to own it.
    fn check_owners(&mut self, client: usize, before: &Partitions) {
        let gained: Partitions = self.clients[client].owns().difference(before).copied().collect();
        if gained.is_empty() || self.clients[client].lease() < self.timeline.now() {
            return;
        }
        self.done.handed_over += gained.len() as u64;
        for (number, other) in self.clients.iter().enumerate() {
            let same_group = number != client && other.group() == self.clients[client].group();
            if !same_group || other.lease() <= self.timeline.now() {
                continue;
            }
            let shared: Vec<_> = gained.intersection(&other.owns()).copied().collect();
            assert!(
                shared.is_empty(),
                "at {} clients {client} and {number} both own {shared:?}",
                self.timeline.now()
            );
        }
    }

    fn begin(&mut self) {
        if !self.broker.is_up() {
            self.reign += 1;
            self.note(&"a coordinator begins");
            self.broker.begin(self.timeline.now());
        }
    }

    fn any(&mut self) -> usize {
        usize::try_from(self.rng.below(self.clients.len() as u64)).unwrap()
    }

    fn work(&mut self) {
        let (clients, view, now) = (&self.clients, &self.view, self.timeline.now());
        self.work
            .work(clients, view, &mut self.rng, now, self.troubled, &mut self.outbox);
        self.done.transactions = self.work.transactions;
    }
}
