//! A consumer of KIP-848's protocol, as the Java client does it: one heartbeat at a time, what is taken from it is given up
//! first and then reported, and after any doubt it says everything again.

use crate::member::{Credentials, PATIENCE, Partitions, REBALANCE};
use crate::message::{Flight, Outbox, Request};
use base::{Rng, Uuid};
use group_coordinator::Answer;
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request::{ConsumerGroupHeartbeatRequest, TopicPartitions};
use protocol::messages::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Out,
    In,
    /// With this epoch.
    Leaving(i32),
}

/// What it subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    Names(Vec<String>),
    Regex(String),
}

pub struct ConsumerClient {
    pub group: Arc<str>,
    pub instance: Option<String>,
    pub wants: Wants,
    /// It never gives anything back.
    pub stuck: bool,
    pub asleep: u64,
    /// When the last request that was answered was sent.
    pub heard: u64,
    pub lost: Vec<(Credentials, (Uuid, i32))>,
    name: String,
    incarnation: u32,
    phase: Phase,
    epoch: i32,
    owned: Partitions,
    /// What it was told to own, and when it will be done with that.
    target: Option<(Partitions, u64)>,
    flight: Option<Flight>,
    next_beat: u64,
    /// The next heartbeat says everything.
    says_all: bool,
    /// The next heartbeat says what it owns.
    says_owned: bool,
}

impl ConsumerClient {
    pub fn new(name: String, group: &str, instance: Option<String>, wants: Wants) -> Self {
        Self {
            group: group.into(),
            instance,
            wants,
            stuck: false,
            asleep: 0,
            heard: 0,
            lost: Vec::new(),
            name,
            incarnation: 0,
            phase: Phase::Out,
            epoch: 0,
            owned: Partitions::new(),
            target: None,
            flight: None,
            next_beat: 0,
            says_all: true,
            says_owned: true,
        }
    }

    fn id(&self) -> String {
        format!("{}-{}", self.name, self.incarnation)
    }

    pub fn is_out(&self) -> bool {
        self.phase == Phase::Out
    }

    pub fn start(&mut self, now: u64) {
        self.incarnation += 1;
        self.phase = Phase::In;
        self.heard = 0;
        self.stuck = false;
        self.join(now);
    }

    pub fn die(&mut self) {
        self.abandon();
        self.phase = Phase::Out;
        self.flight = None;
    }

    pub fn leave(&mut self, rng: &mut Rng) {
        if self.phase == Phase::In && self.epoch > 0 {
            self.abandon();
            self.flight = None;
            let rests = self.instance.is_some() && rng.below(2) == 0;
            self.phase = Phase::Leaving(if rests { -2 } else { -1 });
        } else {
            self.die();
        }
    }

    pub fn subscribe(&mut self, wants: Wants) {
        self.wants = wants;
        self.says_all = true;
    }

    /// What it may work on. One that is stuck does wrong: it will lose all it has, and nobody tells it.
    pub fn owns(&self) -> Partitions {
        if self.stuck {
            Partitions::new()
        } else {
            self.owned.clone()
        }
    }

    pub fn is_asked_to_give_back(&self) -> bool {
        self.target
            .as_ref()
            .is_some_and(|(target, _)| !self.owned.is_subset(target))
    }

    pub fn credentials(&self) -> Option<Credentials> {
        (self.phase == Phase::In && self.epoch > 0).then(|| Credentials {
            member: self.id(),
            instance: self.instance.clone(),
            epoch: self.epoch,
        })
    }

    fn lose(&mut self, partition: (Uuid, i32)) {
        if let Some(credentials) = self.credentials() {
            self.lost.push((credentials, partition));
        }
        self.owned.remove(&partition);
    }

    fn abandon(&mut self) {
        for partition in self.owned.clone() {
            self.lose(partition);
        }
        self.target = None;
    }

    fn join(&mut self, now: u64) {
        self.abandon();
        self.epoch = 0;
        self.says_all = true;
        self.next_beat = now;
    }

    pub fn wake(&mut self, now: u64, rng: &mut Rng, outbox: &mut Outbox) {
        if now < self.asleep || self.phase == Phase::Out {
            return;
        }
        if self.flight.is_some_and(|flight| now >= flight.until) {
            self.flight = None;
            self.says_all = true;
            self.next_beat = now + rng.below(300);
            if let Phase::Leaving(_) = self.phase {
                self.phase = Phase::Out;
                return;
            }
        }
        if self.flight.is_some() {
            return;
        }
        if let Phase::Leaving(epoch) = self.phase {
            let request = ConsumerGroupHeartbeatRequest {
                group_id: self.group.to_string(),
                member_id: self.id(),
                member_epoch: epoch,
                instance_id: self.instance.clone(),
                rebalance_timeout_ms: -1,
                ..Default::default()
            };
            self.send(now, request, outbox);
            return;
        }
        if !self.stuck && self.target.as_ref().is_some_and(|(_, at)| now >= *at) {
            self.reconcile(now);
        }
        if now >= self.next_beat {
            let request = self.request();
            self.send(now, request, outbox);
        }
    }

    fn reconcile(&mut self, now: u64) {
        let Some((target, _)) = self.target.take() else { return };
        for partition in self.owned.clone() {
            if !target.contains(&partition) {
                self.lose(partition);
            }
        }
        self.owned = target;
        self.says_owned = true;
        self.next_beat = now;
    }

    fn send(&mut self, now: u64, request: ConsumerGroupHeartbeatRequest, outbox: &mut Outbox) {
        let call = outbox.send(Request::ConsumerHeartbeat(request));
        self.flight = Some(Flight {
            call,
            sent: now,
            until: now + PATIENCE,
        });
    }

    fn request(&self) -> ConsumerGroupHeartbeatRequest {
        let all = self.says_all || self.epoch == 0;
        let (names, regex) = match &self.wants {
            Wants::Names(names) => (names.clone(), String::new()),
            Wants::Regex(regex) => (Vec::new(), regex.clone()),
        };
        let mut owned: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in &self.owned {
            owned.entry(*topic).or_default().push(*partition);
        }
        let owned = owned
            .into_iter()
            .map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions });
        ConsumerGroupHeartbeatRequest {
            group_id: self.group.to_string(),
            member_id: self.id(),
            member_epoch: self.epoch,
            instance_id: self.instance.clone(),
            rebalance_timeout_ms: if all { i32::try_from(REBALANCE).unwrap() } else { -1 },
            subscribed_topic_names: all.then_some(names),
            subscribed_topic_regex: all.then_some(regex),
            topic_partitions: (all || self.says_owned).then(|| owned.collect()),
            ..Default::default()
        }
    }

    pub fn answer(&mut self, now: u64, rng: &mut Rng, call: u64, answer: Answer) {
        let Some(flight) = self.flight.filter(|flight| flight.call == call) else {
            return;
        };
        self.flight = None;
        if let Phase::Leaving(_) = self.phase {
            self.phase = Phase::Out;
            return;
        }
        let response = match answer {
            Answer::ConsumerGroupHeartbeat(response) => response,
            Answer::Refused(_) => {
                self.says_all = true;
                self.next_beat = now + 100 + rng.below(400);
                return;
            }
            other => panic!("a heartbeat got {other:?}"),
        };
        match ErrorCode::from(response.error_code) {
            ErrorCode::None => self.taken(now, rng, flight.sent, &response),
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId | ErrorCode::GroupIdNotFound => {
                self.stuck = false;
                self.join(now + rng.below(500));
            }
            ErrorCode::UnreleasedInstanceId => self.join(now + 1_000),
            ErrorCode::FencedInstanceId => self.die(),
            other => panic!("{} got {other:?}: {:?}", self.id(), response.error_message),
        }
    }

    fn taken(&mut self, now: u64, rng: &mut Rng, sent: u64, response: &ConsumerGroupHeartbeatResponse) {
        let epoch = response.member_epoch;
        assert!(
            epoch >= self.epoch,
            "{} goes back from {} to {epoch}",
            self.id(),
            self.epoch
        );
        self.epoch = epoch;
        self.heard = sent;
        self.says_all = false;
        self.says_owned = false;
        self.next_beat = now + 500 + rng.below(2_000);
        let Some(assignment) = &response.assignment else { return };
        let topics = assignment.topic_partitions.iter();
        let of = |topic: &protocol::messages::consumer_group_heartbeat_response::TopicPartitions| {
            let id = topic.topic_id;
            topic
                .partitions
                .clone()
                .into_iter()
                .map(move |partition| (id, partition))
        };
        let target: Partitions = topics.flat_map(of).collect();
        if target != self.owned || self.target.is_some() {
            let gives_back = !self.owned.is_subset(&target);
            let takes = if gives_back { rng.below(2_500) } else { rng.below(200) };
            self.target = Some((target, now + takes));
        }
    }
}
