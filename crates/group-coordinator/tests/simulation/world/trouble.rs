//! What goes wrong: the coordinator's end, its log's moods, the network, clients that sleep, die, leave and come, and topics
//! that come, grow and go.

use super::{Event, GROUPS, World};
use crate::broker::Mood;
use crate::consumer::Wants;
use crate::member::Client;
use base::Uuid;
use group_coordinator::Picture;
use group_coordinator::op::topics_deleted::topics_deleted;
use group_coordinator::topics::Topic;
use std::collections::BTreeSet;
use std::sync::Arc;

impl World {
    pub(super) fn trouble(&mut self) {
        if !self.troubled {
            return;
        }
        let kind = self.rng.below(20);
        self.note(&("trouble", kind));
        let client = self.any();
        match kind {
            0 => self.broker.mood = Mood::Holds,
            1 => self.broker.mood = Mood::Fails,
            2..6 => self.broker.mood = Mood::Takes,
            6 => {
                self.broker.crash(&mut self.rng);
                let after = 100 + self.rng.below(3_000);
                self.schedule(after, Event::Begin);
            }
            7 => {
                self.broker.resign(self.timeline.now(), &mut self.rng);
                let after = 100 + self.rng.below(1_000);
                self.schedule(after, Event::Begin);
            }
            8 => self.loss = self.rng.below(40),
            9 => self.loss = 0,
            10 => {
                let until = self.timeline.now() + 2_000 + self.rng.below(20_000);
                self.clients[client].sleep(until);
            }
            11 => self.clients[client].die(),
            12 => self.clients[client].leave(&mut self.rng),
            13..16 => {
                if self.clients[client].is_out() {
                    self.clients[client].start(self.timeline.now());
                }
            }
            16 => self.change_topics(),
            17 => self.resubscribe(client),
            _ => self.get_stuck(client),
        }
        let after = 200 + self.rng.below(1_500);
        self.schedule(after, Event::Trouble);
    }

    fn resubscribe(&mut self, client: usize) {
        let wants = match self.rng.below(3) {
            0 => Wants::Regex("t[0-9]*".into()),
            1 => Wants::Names(vec!["t0".into(), "t1".into()]),
            _ => Wants::Names((0..6).map(|topic| format!("t{topic}")).collect()),
        };
        if let Client::Consumer(client) = &mut self.clients[client] {
            client.subscribe(wants);
        }
    }

    fn get_stuck(&mut self, client: usize) {
        if let Client::Consumer(client) = &mut self.clients[client]
            && client.is_asked_to_give_back()
        {
            client.stuck = true;
        }
    }

    pub(super) fn make_topic(&mut self) {
        let free = (0..6).map(|number| format!("t{number}"));
        let free = free
            .into_iter()
            .find(|name| self.view.topics.iter().all(|(known, ..)| known != name));
        if let Some(name) = free {
            let partitions = 1 + i32::try_from(self.rng.below(5)).unwrap();
            self.view.topics.push((name, Uuid::random(&mut self.rng), partitions));
        }
        self.show_topics();
    }

    fn change_topics(&mut self) {
        match self.rng.below(4) {
            0 | 1 => self.make_topic(),
            2 => {
                let count = self.view.topics.len() as u64;
                let topic = usize::try_from(self.rng.below(count)).unwrap();
                self.view.topics[topic].2 += 1;
                self.show_topics();
            }
            _ if self.view.topics.len() > 2 => {
                let (name, ..) = self.view.topics.pop().unwrap();
                self.show_topics();
                self.work.topic_deleted(&name, self.timeline.now());
                let gone = BTreeSet::from([Arc::from(name)]);
                self.broker
                    .run(self.timeline.now(), |_, state, _| topics_deleted(state, &gone));
            }
            _ => {}
        }
    }

    pub(super) fn show_topics(&mut self) {
        self.view.version += 1;
        let mut picture = Picture::default();
        picture.topics = self.broker.picture.topics.clone();
        picture.topics.begin(self.view.version);
        let known: Vec<Uuid> = picture
            .topics
            .names()
            .filter_map(|name| picture.topics.id(name))
            .collect();
        for id in known {
            if self.view.name(id).is_none() {
                picture.topics.remove(id);
            }
        }
        for (name, id, partitions) in &self.view.topics {
            let racks = vec![Vec::new(); usize::try_from(*partitions).unwrap()];
            picture.topics.insert(Topic::new(name.as_str().into(), *id, racks));
        }
        self.broker.see(picture);
    }

    /// Nothing goes wrong any more. Who is stuck stays so until it is thrown out; half of those who are out come back.
    pub(super) fn calm(&mut self) {
        self.troubled = false;
        self.note(&"calm");
        self.broker.mood = Mood::Takes;
        self.loss = 0;
        if !self.broker.is_up() {
            self.begin();
        }
        for client in 0..self.clients.len() {
            self.clients[client].sleep(0);
            // Static members that are away come back, as others wait for their parts.
            if self.clients[client].is_out() && (client % 2 == 1 || self.rng.below(2) == 0) {
                self.clients[client].start(self.timeline.now());
            }
        }
    }

    /// One member of each group dies, and perhaps the coordinator with them: the others get what they had.
    pub(super) fn bury(&mut self) {
        for group in GROUPS {
            let members = self
                .clients
                .iter_mut()
                .filter(|client| &**client.group() == group && !client.is_out());
            let mut members: Vec<_> = members.collect();
            let at = usize::try_from(self.rng.below(members.len().max(1) as u64)).unwrap();
            if members.len() > 1 {
                members[at].die();
            }
        }
        if self.rng.below(2) == 0 {
            self.broker.crash(&mut self.rng);
            self.schedule(1_000, Event::Begin);
        }
    }

    /// While nobody comes or goes, a topic grows, and one comes that only regular expressions match, after a search that
    /// fails.
    pub(super) fn late_topics(&mut self) {
        self.next_search_fails = true;
        self.view.topics[0].2 += 1;
        let late = Uuid::random(&mut self.rng);
        self.view.topics.push(("t9".into(), late, 3));
        self.show_topics();
    }
}
