//! One history: everything that exists, and one thing after the other that happens to it.

use crate::checks::{Checks, Offset0};
use crate::consumer::{Consumer, Told};
use crate::controller::{Controller, TOPIC};
use crate::message::{Body, Message, Place};
use crate::nemesis::Nemesis;
use crate::network::Network;
use crate::node::{End, Node, Surroundings, Timer};
use crate::producer::{Learned, Producer};
use base::{NodeId, ProducerId, Rng};
use partition::{Partition, RequiredAcks};
use sim::{Timeline, Trace};
use std::collections::BTreeMap;
use storage::Durability;

/// How long there is trouble, in milliseconds.
const TROUBLE: u64 = 5_500;
/// How long it may take until all is well again.
const RECOVERY: u64 = 12_000;

#[derive(Debug)]
pub enum Event {
    Deliver(Message),
    Timer(NodeId, u64, Timer),
    Start(NodeId),
    Controller,
    Producer(usize),
    Consumer(usize),
    Nemesis,
}

/// How much happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    pub committed: u64,
    pub acknowledged: u64,
    pub read: u64,
    pub elections: u64,
    pub cuts: u64,
    pub power_cuts: u64,
    pub kills: u64,
    pub reassignments: u64,
}

impl Done {
    pub fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.acknowledged += other.acknowledged;
        self.read += other.read;
        self.elections += other.elections;
        self.cuts += other.cuts;
        self.power_cuts += other.power_cuts;
        self.kills += other.kills;
        self.reassignments += other.reassignments;
    }
}

pub struct World {
    pub(crate) rng: Rng,
    timeline: Timeline<Event>,
    trace: Trace,
    pub(crate) network: Network,
    pub(crate) controller: Controller,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    producers: Vec<Producer>,
    consumers: Vec<Consumer>,
    checks: Checks,
    nemesis: Nemesis,
    pub(crate) done: Done,
    next_id: u64,
    next_producer: i64,
    versions_seen: usize,
    slowest_disk: u64,
    trouble_until: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let mut stream = || Rng::from_seed(rng.next_u64());
        let (network, controller, mut shape) = (stream(), stream(), stream());
        let count = 3 + i32::try_from(shape.below(3)).unwrap();
        let durability = match shape.below(5) {
            0 | 1 => Durability::Os,
            _ => Durability::Flush,
        };
        let min_insync = if shape.below(5) == 0 { 1 } else { 2 };
        let (with_elr, unclean) = (shape.below(3) > 0, shape.below(10) == 0);
        let ids: Vec<NodeId> = (1..=count).map(NodeId).collect();
        let mut world = Self {
            network: Network::new(network),
            controller: Controller::new(controller, with_elr, unclean),
            nodes: ids
                .iter()
                .map(|id| (*id, Node::new(*id, durability, min_insync)))
                .collect(),
            producers: Vec::new(),
            consumers: (0..2).map(Consumer::new).collect(),
            checks: Checks::new(!unclean, min_insync),
            nemesis: Nemesis::new(&mut shape, durability, with_elr && min_insync > 1),
            done: Done::default(),
            next_id: 0,
            next_producer: 0,
            versions_seen: 0,
            slowest_disk: 1 + shape.below(25),
            trouble_until: u64::MAX,
            timeline: Timeline::starting(0),
            trace: Trace::begin(),
            rng,
        };
        for id in &ids {
            world.start(*id);
        }
        let kinds = [
            (RequiredAcks::All, 1),
            (RequiredAcks::All, 4),
            (RequiredAcks::Leader, 3),
        ];
        for (at, (acks, window)) in kinds.into_iter().enumerate() {
            let id = world.producer_id();
            world.producers.push(Producer::new(at, id, acks, window));
        }
        world.timeline.after(20, Event::Controller);
        while world.controller.image().brokers.unfenced().count() < ids.len() {
            assert!(world.now() < RECOVERY, "the brokers do not come to work");
            world.run_until(world.now() + 50);
        }
        world.trouble_until = world.now() + TROUBLE;
        world.controller.create(&ids[..3], min_insync);
        for at in 0..world.producers.len() {
            world.timeline.after(100, Event::Producer(at));
        }
        for at in 0..world.consumers.len() {
            world.timeline.after(100, Event::Consumer(at));
        }
        world.timeline.after(300, Event::Nemesis);
        world
    }

    fn producer_id(&mut self) -> ProducerId {
        self.next_producer += 1;
        ProducerId(self.next_producer)
    }

    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }

    pub fn now(&self) -> u64 {
        self.timeline.now()
    }

    /// Lives the history, with its trouble and its happy end.
    pub fn live(&mut self) -> Done {
        self.run_until(self.trouble_until);
        self.network.heal();
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        for id in ids {
            self.nodes.get_mut(&id).unwrap().paused_until = 0;
            if self.nodes[&id].running.is_none() {
                self.start(id);
            }
        }
        let deadline = self.now() + RECOVERY;
        while !self.is_well() {
            assert!(self.now() < deadline, "all is not well in the end: {}", self.picture());
            self.run_until(self.now() + 50);
        }
        self.checks.logs_match(&self.nodes);
        self.done.committed = self.checks.committed_batches() as u64;
        self.done.acknowledged = self.producers.iter().map(|producer| producer.acknowledged).sum();
        self.done.read = self.consumers.iter().map(|consumer| consumer.read).sum();
        self.done
    }

    fn is_troubled(&self) -> bool {
        self.now() < self.trouble_until
    }

    /// Everybody is in sync, has everything, and nobody waits.
    fn is_well(&self) -> bool {
        let Some(image) = self.controller.partition() else {
            return false;
        };
        let Some(leader) = self.nodes.get(&image.leader).and_then(Node::partition) else {
            return false;
        };
        let end = leader.log().log_end_offset();
        let has_all = |id: &NodeId| {
            self.nodes[id]
                .partition()
                .is_some_and(|partition| partition.log().log_end_offset() == end && partition.high_watermark() == end)
        };
        let hosts = |node: &Node| node.partition().is_none() || image.replicas.contains(&node.id);
        image.isr.len() == image.replicas.len()
            && image.adding_replicas.is_empty()
            && image.removing_replicas.is_empty()
            && image.replicas.iter().all(has_all)
            && self.nodes.values().all(hosts)
            && self.producers.iter().all(Producer::is_idle)
    }

    fn picture(&self) -> String {
        let place = |node: &Node| match node.partition() {
            None => format!("{}: none, running {}", node.id, node.running.is_some()),
            Some(partition) => format!(
                "{}: {}..{} hw {} next {:?} pending {:?} lead {:?}",
                node.id,
                partition.log().log_start_offset(),
                partition.log().log_end_offset(),
                partition.high_watermark(),
                partition.next_fetch(),
                partition.pending_isr(),
                partition.leadership(),
            ),
        };
        let nodes: Vec<String> = self.nodes.values().map(place).collect();
        format!(
            "{:#?}\n{:?}\n{}",
            self.controller.partition(),
            self.producers,
            nodes.join("\n")
        )
    }

    fn run_until(&mut self, until: u64) {
        while self.timeline.next_at().is_some_and(|at| at <= until) {
            let event = self.timeline.take_next().expect("there is one");
            self.happen(event);
        }
        self.timeline.move_to(until);
    }

    fn happen(&mut self, event: Event) {
        if let Some(later) = self.paused(&event) {
            self.timeline.after(later, event);
            return;
        }
        self.trace.note(self.timeline.now(), format_args!("{event:?}"));
        match event {
            Event::Deliver(message) => self.deliver(message),
            Event::Timer(id, life, timer) => {
                if self.nodes[&id].life == life {
                    self.at_node(id, |node, around| node.on_timer(timer, around));
                }
            }
            Event::Start(id) => {
                if self.nodes[&id].running.is_none() {
                    self.start(id);
                }
            }
            Event::Controller => {
                self.timeline.after(20, Event::Controller);
                self.controller.pass(self.timeline.now());
                self.look_at_metadata();
            }
            Event::Producer(at) => self.produce(at),
            Event::Consumer(at) => self.consume(at),
            Event::Nemesis => {
                if self.is_troubled() {
                    let pause = self.trouble();
                    self.timeline.after(pause, Event::Nemesis);
                }
            }
        }
    }

    /// What a paused node would do waits.
    fn paused(&self, event: &Event) -> Option<u64> {
        let id = match event {
            Event::Deliver(Message {
                to: Place::Node(id), ..
            })
            | Event::Timer(id, ..) => id,
            _ => return None,
        };
        self.nodes[id]
            .paused_until
            .checked_sub(self.timeline.now())
            .filter(|later| *later > 0)
    }

    fn deliver(&mut self, message: Message) {
        let Message { from, to, body } = message;
        match to {
            Place::Node(id) => self.at_node(id, |node, around| node.on_message(from, body, around)),
            Place::Controller if self.is_of_the_dead(from, &body) => {}
            Place::Controller => {
                self.controller.pass(self.timeline.now());
                let answer = self.controller.on_message(from, &body);
                self.look_at_metadata();
                answer.into_iter().for_each(|answer| self.send(answer));
            }
            Place::Producer(at) => self.produced(at, body),
            Place::Consumer(at) => self.consumed(at, body),
        }
    }

    /// A registration whose process is gone by now: its connection is gone as well.
    fn is_of_the_dead(&self, from: Place, body: &Body) -> bool {
        let (Place::Node(id), Body::Register(request)) = (from, body) else {
            return false;
        };
        let running = self.nodes[&id].running.as_ref();
        running.is_none_or(|running| running.incarnation != request.incarnation_id)
    }

    fn send(&mut self, message: Message) {
        let delays = self.network.send(&message, self.timeline.now());
        for delay in delays {
            self.timeline.after(delay, Event::Deliver(message.clone()));
        }
    }

    pub(crate) fn start(&mut self, id: NodeId) {
        self.at_node(id, Node::start);
    }

    pub(crate) fn stop(&mut self, id: NodeId, end: End, restart_after: u64) {
        match end {
            End::Clean => {}
            End::Killed => self.done.kills += 1,
            End::PowerCut => self.done.power_cuts += 1,
        }
        self.at_node(id, |node, around| node.stop(end, around));
        self.timeline.after(restart_after, Event::Start(id));
    }

    /// Something happens to a node, and is looked at.
    pub(crate) fn at_node(&mut self, id: NodeId, what: impl FnOnce(&mut Node, &mut Surroundings<'_>)) {
        let now = self.timeline.now();
        let mut around = Surroundings {
            now,
            rng: &mut self.rng,
            versions: &self.controller.versions,
            is_cut_off: self.network.is_cut(Place::Controller, Place::Node(id), now),
            slowest_disk: self.slowest_disk,
            out: Vec::new(),
            timers: Vec::new(),
            next_id: &mut self.next_id,
        };
        let node = self.nodes.get_mut(&id).expect("a known node");
        what(node, &mut around);
        let Surroundings { out, timers, .. } = around;
        let registered = self.controller.image().brokers.get(id).map(|broker| broker.epoch);
        node.is_known_to_controller = node.running.as_ref().is_some_and(|running| running.epoch == registered);
        let (life, was_cut) = (node.life, std::mem::take(&mut node.was_cut));
        let is_to_stop = node.running.as_mut().and_then(|running| running.is_to_stop.take());
        for (delay, timer) in timers {
            self.timeline.after(delay, Event::Timer(id, life, timer));
        }
        if let Some(partition) = self.nodes[&id].partition() {
            let (log, isr) = (
                partition.log(),
                partition.leadership().map(|led| (led.epoch.0, &led.isr[..])),
            );
            let (end, safe, mark) = (
                log.log_end_offset(),
                self.nodes[&id].safe_end,
                partition.high_watermark(),
            );
            let state = format_args!(
                "  {id}: {isr:?} {}..{end} safe {safe:?} hw {mark} rp {} epochs {:?} {:?}",
                log.log_start_offset(),
                log.recovery_point(),
                log.epoch_for_offset(log.log_start_offset()),
                log.latest_epoch()
            );
            self.trace.note(now, state);
        }
        self.checks.look(&self.nodes, id);
        self.checks.look_at_metadata(&self.nodes, self.controller.partition());
        if was_cut {
            self.done.cuts += 1;
            self.checks.logs_match(&self.nodes);
        }
        out.into_iter().for_each(|message| self.send(message));
        if let Some(end) = is_to_stop {
            let pause = self.rng.below(600);
            self.stop(id, end, pause);
        }
    }

    fn look_at_metadata(&mut self) {
        let versions = &self.controller.versions;
        if versions.len() == self.versions_seen {
            return;
        }
        let epoch = |at: Option<usize>| {
            let image = &versions.get(at?)?.image;
            Some(image.topics.partition(TOPIC, 0)?.leader_epoch)
        };
        if epoch(self.versions_seen.checked_sub(1)) != epoch(Some(versions.len() - 1)) {
            self.done.elections += 1;
        }
        self.versions_seen = versions.len();
        let partition = self.controller.partition();
        self.trace.note(
            self.timeline.now(),
            format_args!(
                "  {:?}",
                partition.map(|it| (
                    &it.replicas,
                    it.leader,
                    it.leader_epoch,
                    &it.isr,
                    &it.elr,
                    it.partition_epoch,
                    &it.adding_replicas,
                    &it.removing_replicas
                ))
            ),
        );
        self.checks.look_at_metadata(&self.nodes, self.controller.partition());
    }

    /// A state of the metadata as somebody outside may know it.
    fn some_metadata(&mut self) -> Option<metadata::image::PartitionImage> {
        let versions = &self.controller.versions;
        let back = match self.is_troubled() {
            true => usize::try_from(self.rng.below(4)).unwrap().saturating_sub(1),
            false => 0,
        };
        let version = versions.get(versions.len().checked_sub(1 + back)?)?;
        version.image.topics.partition(TOPIC, 0).cloned()
    }

    fn produce(&mut self, at: usize) {
        self.timeline.after(5 + self.rng.below(40), Event::Producer(at));
        let (now, may_begin) = (self.timeline.now(), self.is_troubled());
        if let Some(partition) = self.some_metadata() {
            self.producers[at].learn_leader(partition.leader, partition.leader_epoch);
        }
        let messages = self.producers[at].act(now, may_begin, &mut self.rng, &mut self.next_id);
        messages.into_iter().for_each(|message| self.send(message));
    }

    fn produced(&mut self, at: usize, body: Body) {
        let Body::Produced {
            attempt,
            sequence,
            outcome,
        } = body
        else {
            return;
        };
        let now = self.timeline.now();
        let learned = self.producers[at].answered(now, attempt, sequence, outcome, &mut self.rng);
        let (id, acks) = (self.producers[at].id, self.producers[at].acks);
        match learned {
            Learned::Acknowledged { sequence, at } if acks == RequiredAcks::All => {
                self.checks.acknowledged(id, sequence, at);
            }
            Learned::Gap { sequence } => {
                // A restarted broker knows only the last batch of each producer: Kafka's snapshots hold no more.
                let is_loss = self.checks.is_strict && acks == RequiredAcks::All && self.producers[at].window == 1;
                assert!(
                    !is_loss,
                    "what came before {sequence} of {id} was acknowledged, and is gone"
                );
                let fresh = self.producer_id();
                self.producers[at].begin_anew(fresh);
            }
            Learned::Acknowledged { .. } | Learned::Nothing => {}
        }
    }

    fn consume(&mut self, at: usize) {
        self.timeline.after(5 + self.rng.below(60), Event::Consumer(at));
        if let Some(partition) = self.some_metadata() {
            self.consumers[at].learn(partition.leader, partition.leader_epoch, &partition.replicas);
        }
        let message = self.consumers[at].act(self.timeline.now(), &mut self.rng, &mut self.next_id);
        message.into_iter().for_each(|message| self.send(message));
    }

    fn consumed(&mut self, at: usize, body: Body) {
        let Body::Consumed { id, epoch, outcome } = body else {
            return;
        };
        let consumer = &mut self.consumers[at];
        match consumer.answered(id, epoch, outcome) {
            Told::Nothing => {}
            Told::Records(records) => {
                let before = consumer.position;
                consumer.position = self.checks.consumed(&records, before);
                consumer.read += u64::try_from(consumer.position.since(before)).unwrap();
            }
            Told::Latest(epoch, end) => self.checks.told_latest(epoch, end),
            Told::Beyond(epoch, end) => {
                self.checks.beyond(consumer.position, epoch, end);
                consumer.position = end;
            }
        }
    }

    /// DeleteRecords at a node, if it leads.
    pub(crate) fn delete_records(&mut self, id: NodeId) {
        let mut deleted = None;
        self.at_node(id, |node, around| {
            if let Some(running) = &mut node.running {
                deleted = running.delete_records(around);
            }
        });
        if let Some(to) = deleted {
            self.checks.deleted_to = self.checks.deleted_to.max(Offset0(to));
        }
    }

    fn trouble(&mut self) -> u64 {
        let mut nemesis = std::mem::take(&mut self.nemesis);
        let pause = nemesis.act(self);
        self.nemesis = nemesis;
        self.look_at_metadata();
        pause
    }

    pub(crate) fn is_leading(&self, id: NodeId) -> bool {
        self.nodes[&id]
            .partition()
            .map(Partition::leadership)
            .is_some_and(|leads| leads.is_ok())
    }
}
