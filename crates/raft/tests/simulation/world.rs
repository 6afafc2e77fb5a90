//! One history: everything that exists, and one thing after the other that happens to it.

use crate::checks::Checks;
use crate::disk::Disk;
use crate::nemesis::Nemesis;
use crate::network::Network;
use crate::node::{Asker, Node, at_port, endpoint, key, now, port};
use crate::parked::{self, Parked};
use crate::telling::Heard;
use base::{LeaderEpoch, Rng};
use bytes::Bytes;
use protocol::ErrorCode;
use raft::message::{Destination, VoteKind};
use raft::voters::{KRaftVersionRange, Voter, VoterSet};
use raft::{Answer, Cut, Join, Participation, Request, RequestId, SendFailure, Ticket};
use sim::{Timeline, Trace};
use std::time::Duration;

/// How long the trouble lasts, in milliseconds.
const TROUBLE: u64 = 20_000;
/// How often a node asks its leader whether it is there.
const PULSE: u64 = 100;
/// After so many questions without an answer the leader is silent.
const PATIENCE: u64 = 5;

/// What comes.
#[derive(Debug)]
pub enum Event {
    Ask {
        from: usize,
        life: u64,
        id: RequestId,
        to: u16,
        request: Request,
    },
    Reply {
        to: usize,
        life: u64,
        id: RequestId,
        answer: Answer,
    },
    Fail {
        to: usize,
        life: u64,
        id: RequestId,
        failure: SendFailure,
    },
    Work {
        at: usize,
        life: u64,
    },
    Look {
        at: usize,
        life: u64,
    },
    Write,
    Trouble,
    /// A node asks the leader that it follows whether it is there.
    Pulse {
        at: usize,
    },
    /// An operator has something to do with the voters, as soon as there is a leader.
    Operate {
        at: usize,
    },
    /// The oldest flush under way ends.
    Flushed {
        at: usize,
        life: u64,
    },
    /// A node that stepped down ends.
    Stop {
        at: usize,
        life: u64,
    },
}

/// What was seen, for a simulation in which nothing happens finds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    pub elections: u64,
    pub committed: u64,
    pub truncations: u64,
    pub snapshots: u64,
    pub voters_added: u64,
    pub voters_removed: u64,
    pub upgrades: u64,
    pub kills: u64,
    pub power_failures: u64,
    pub lost_disks: u64,
}

impl Done {
    pub fn add(&mut self, other: &Self) {
        self.elections += other.elections;
        self.committed += other.committed;
        self.truncations += other.truncations;
        self.snapshots += other.snapshots;
        self.voters_added += other.voters_added;
        self.voters_removed += other.voters_removed;
        self.upgrades += other.upgrades;
        self.kills += other.kills;
        self.power_failures += other.power_failures;
        self.lost_disks += other.lost_disks;
    }
}

pub struct World {
    pub rng: Rng,
    pub timeline: Timeline<Event>,
    pub nodes: Vec<Node>,
    pub network: Network,
    pub nemesis: Nemesis,
    pub checks: Checks,
    pub done: Done,
    tickets: u64,
    values: u64,
    /// In a thousand effects, a node is killed, or loses power, before so many.
    pub fragility: u64,
    /// The longest time before effects are executed.
    pub sloth: u64,
    trace: Trace,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let voters = if rng.below(3) == 0 { 5 } else { 3 };
        let is_static = rng.below(3) == 0;
        let set = VoterSet::new((0..voters).map(|at| voter(at, is_static)).collect()).unwrap();
        let mut world = Self {
            timeline: Timeline::starting(0),
            nodes: Vec::new(),
            network: Network::calm(),
            nemesis: Nemesis::default(),
            checks: Checks::default(),
            done: Done::default(),
            tickets: 0,
            values: 0,
            fragility: rng.below(4),
            sloth: [1, 1, 5, 40][usize::try_from(rng.below(4)).unwrap()],
            trace: Trace::begin(),
            rng,
        };
        let join = if world.rng.below(2) == 0 {
            Join::Automatic
        } else {
            Join::ByOperator
        };
        for at in 0..voters + 2 {
            let is_broker = at == voters + 1;
            let participation = if is_broker {
                Participation::Broker
            } else {
                Participation::Controller { join }
            };
            let formatted = (!is_static && at < voters).then(|| set.clone());
            let static_voters = if is_static { set.clone() } else { VoterSet::default() };
            world
                .nodes
                .push(Node::new(at, participation, Disk::formatted(formatted), static_voters));
        }
        world.nemesis.has_old_voter = world.rng.below(5) == 0;
        for at in 0..world.nodes.len() {
            world.start(at);
        }
        for at in 0..world.nodes.len() {
            let phase = world.rng.below(PULSE);
            world.timeline.after(phase, Event::Pulse { at });
        }
        world.timeline.after(10, Event::Write);
        world.timeline.after(1_000, Event::Trouble);
        world
    }

    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    pub fn done(&self) -> Done {
        Done {
            elections: self.checks.elections(),
            committed: u64::try_from(self.checks.committed_end().0).unwrap(),
            ..self.done
        }
    }

    /// Something happened; shown if `RIVERRUN_SIM_TRACE` is set.
    pub fn note(&mut self, what: std::fmt::Arguments<'_>) {
        self.trace.note(self.timeline.now(), what);
    }

    pub fn any(&mut self, count: usize) -> usize {
        usize::try_from(self.rng.below(count as u64)).unwrap()
    }

    /// Everything happens.
    pub fn live(&mut self) {
        self.run_until(TROUBLE);
    }

    /// Runs until a time.
    pub fn run_until(&mut self, end: u64) {
        let (mut time, mut steps) = (self.timeline.now(), 0);
        loop {
            steps = if time == self.timeline.now() { steps + 1 } else { 0 };
            time = self.timeline.now();
            assert!(steps < 10_000, "somebody is never content");
            let deadlines = self.nodes.iter().enumerate().filter_map(|(at, node)| {
                let due = node.raft.as_ref()?.next_deadline()?;
                let since_zero = due.since_zero();
                let millis = u64::try_from(since_zero.as_nanos().div_ceil(1_000_000)).unwrap();
                // Who is at work is told when it is done.
                (!node.is_at_work).then_some((millis, at))
            });
            let deadline = deadlines.min();
            let event = self.timeline.next_at();
            let next = deadline.map(|(at, _)| at).into_iter().chain(event).min();
            if next.is_none_or(|next| next > end) {
                self.timeline.move_to(end);
                return;
            }
            match deadline {
                Some((due, at)) if event.is_none_or(|event| due < event) => {
                    self.timeline.move_to(due);
                    let millis = self.timeline.now();
                    self.nodes[at].tell(|raft, out| raft.on_timeout(now(millis), out));
                    self.work(at);
                }
                _ => {
                    let event = self.timeline.take_next().unwrap();
                    self.happen(event);
                }
            }
        }
    }

    fn happen(&mut self, event: Event) {
        let millis = self.timeline.now();
        match event {
            Event::Ask {
                from,
                life,
                id,
                to,
                request,
            } => self.receive(from, life, id, to, request),
            Event::Reply { to, life, id, answer } => {
                if self.nodes[to].life == life {
                    self.note(format_args!("{to} <- {}", Heard(&answer)));
                    self.nodes[to].tell(|raft, out| raft.on_answer(now(millis), id, answer, out));
                    self.work(to);
                }
            }
            Event::Fail { to, life, id, failure } => {
                if self.nodes[to].life == life {
                    self.nodes[to].tell(|raft, out| raft.on_failed(now(millis), id, failure, out));
                    self.work(to);
                }
            }
            Event::Work { at, life } => {
                if self.nodes[at].life == life && self.nodes[at].is_at_work {
                    self.nodes[at].is_at_work = false;
                    self.execute(at);
                }
            }
            Event::Look { at, life } => {
                if self.nodes[at].life == life {
                    self.look(at);
                }
            }
            Event::Write => {
                self.write();
                let pause = 20 + self.rng.below(if self.nemesis.is_over { 500 } else { 100 });
                self.timeline.after(pause, Event::Write);
            }
            Event::Trouble => self.trouble(),
            Event::Pulse { at } => {
                self.feel(at);
                self.timeline.after(PULSE, Event::Pulse { at });
            }
            Event::Operate { at } => {
                let leads = self.nodes[at]
                    .raft
                    .as_ref()
                    .is_some_and(|raft| raft.leading().is_some());
                if leads && !self.nemesis.is_over {
                    self.operate(at);
                }
            }
            Event::Flushed { at, life } => {
                if self.nodes[at].life == life {
                    self.end_flushes(at, 1);
                    self.work(at);
                }
            }
            Event::Stop { at, life } => {
                if self.nodes[at].life == life && self.nodes[at].raft.is_some() {
                    self.nodes[at].die();
                    self.nemesis.down.insert(at);
                    if self.nemesis.is_over {
                        self.start(at);
                    }
                }
            }
        }
    }

    /// Brings a node to life.
    pub fn start(&mut self, at: usize) {
        let millis = self.timeline.now();
        let others: Vec<Destination> = (0..self.nodes.len().max(4))
            .filter(|other| *other != at && *other < 4)
            .map(|other| Destination {
                node: None,
                host: "node".to_owned(),
                port: port(other, self.nodes.get(other).map_or(0, |node| node.moves)),
            })
            .collect();
        let node = &mut self.nodes[at];
        node.bootstrap = others;
        node.start(millis, &mut self.rng);
        self.note(format_args!("{at} starts"));
        self.work(at);
    }

    /// Whether a node's leader would answer, there and back; if not for long, the machine is told.
    fn feel(&mut self, at: usize) {
        let leadership = self.nodes[at].raft.as_ref().map(|raft| raft.leadership());
        let Some((leader, epoch)) = leadership.and_then(|known| Some((known.leader?, known.epoch))) else {
            return;
        };
        let leader = usize::try_from(leader.0).unwrap();
        let is_cut = self.network.is_cut(at, leader) || self.network.is_cut(leader, at);
        if leader == at || !is_cut && self.nodes[leader].raft.is_some() {
            self.nodes[at].silent = 0;
            return;
        }
        self.nodes[at].silent += 1;
        if self.nodes[at].silent >= PATIENCE {
            self.say_silent(at, epoch, PULSE * PATIENCE);
        }
    }

    /// A node is told, rightly or wrongly, that its leader has been silent for so long.
    pub fn say_silent(&mut self, at: usize, epoch: LeaderEpoch, silent: u64) {
        let (millis, silent) = (self.timeline.now(), Duration::from_millis(silent));
        self.nodes[at].tell(|raft, out| raft.on_leader_silent(now(millis), epoch, silent, out));
        self.work(at);
    }

    /// A message to whoever has the port `to` arrives.
    fn receive(&mut self, from: usize, life: u64, id: RequestId, to: u16, request: Request) {
        let millis = self.timeline.now();
        let (at, moves) = at_port(to);
        let is_there = self
            .nodes
            .get(at)
            .is_some_and(|node| node.raft.is_some() && node.moves == moves);
        if !is_there {
            return self.fail(from, life, id, SendFailure::Disconnected, 1);
        }
        self.note(format_args!("{at} <- {from}: {request:?}"));
        match request {
            Request::Fetch(request) => {
                let parked = Parked::new(from, life, id, request, millis);
                self.nodes[at].parked.push(parked);
                self.timeline.after(
                    500,
                    Event::Look {
                        at,
                        life: self.nodes[at].life,
                    },
                );
                self.look(at);
            }
            Request::FetchSnapshot(request) => {
                if let Some(answer) = parked::piece(&mut self.nodes[at], &request, millis) {
                    self.reply(at, from, life, id, answer);
                }
                self.work(at);
            }
            Request::ApiVersions => {
                let kraft_versions = Some(KRaftVersionRange::SUPPORTED);
                let error = ErrorCode::None;
                self.reply(at, from, life, id, Answer::ApiVersions { error, kraft_versions });
            }
            Request::Vote(request) if request.kind == VoteKind::PreVote && at == 2 && self.nemesis.has_old_voter => {
                self.fail(from, life, id, SendFailure::UnsupportedVersion, 3);
            }
            request => {
                let vote = match &request {
                    Request::Vote(vote) if vote.kind == VoteKind::Vote => Some((vote.epoch, vote.candidate)),
                    _ => None,
                };
                let asker = Asker::Node {
                    at: from,
                    life,
                    id,
                    vote,
                };
                self.ask(at, asker, request);
            }
        }
    }

    /// Gives a node a request whose answer comes as an effect.
    pub fn ask(&mut self, at: usize, asker: Asker, request: Request) {
        let millis = self.timeline.now();
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.nodes[at].askers.insert(ticket, asker);
        self.nodes[at].tell(|raft, out| raft.on_request(now(millis), ticket, request, out));
        self.work(at);
    }

    pub fn reply(&mut self, from: usize, to: usize, life: u64, id: RequestId, answer: Answer) {
        for delay in self.network.carry(&mut self.rng, from, to) {
            let answer = answer.clone();
            self.timeline.after(delay, Event::Reply { to, life, id, answer });
        }
    }

    pub fn fail(&mut self, to: usize, life: u64, id: RequestId, failure: SendFailure, delay: u64) {
        self.timeline.after(delay, Event::Fail { to, life, id, failure });
    }

    /// The fetches that wait at a node are looked at again.
    fn look(&mut self, at: usize) {
        let millis = self.timeline.now();
        for parked in std::mem::take(&mut self.nodes[at].parked) {
            if self.nodes[at].raft.is_none() {
                return;
            }
            match parked::look(&mut self.nodes[at], &parked, millis, &mut self.rng) {
                Some(answer) => self.reply(at, parked.from, parked.life, parked.id, answer),
                None => self.nodes[at].parked.push(parked),
            }
        }
        self.work(at);
    }

    /// Whoever leads, or thinks so, is given a record.
    fn write(&mut self) {
        let millis = self.timeline.now();
        for at in 0..self.nodes.len() {
            let leads = self.nodes[at]
                .raft
                .as_ref()
                .is_some_and(|raft| raft.leading().is_some());
            if !leads || self.nemesis.is_quiet || self.rng.below(4) == 0 {
                continue;
            }
            self.values += 1;
            let size = 8 + self.any(60);
            let mut value = vec![0; size];
            value[..8].copy_from_slice(&self.values.to_be_bytes());
            let value = Bytes::from(value);
            self.nodes[at].tell(|raft, _| raft.append(now(millis), &[value], Cut::Never).unwrap());
            self.work(at);
        }
    }
}

/// The voter numbered `at` of a new quorum.
fn voter(at: usize, is_static: bool) -> Voter {
    let mut key = key(at, 1);
    if is_static {
        key.directory = None;
    }
    Voter {
        key,
        endpoints: vec![endpoint(at, 0)],
        kraft_versions: if is_static {
            KRaftVersionRange { min: 0, max: 0 }
        } else {
            KRaftVersionRange::SUPPORTED
        },
    }
}
