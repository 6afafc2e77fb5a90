//! What the two kinds of consumers have in common.

use crate::classic::ClassicClient;
use crate::consumer::ConsumerClient;
use crate::message::Outbox;
use base::{Rng, Uuid};
use group_coordinator::Answer;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A member must be heard of in this time, in milliseconds.
pub const SESSION: u64 = 10_000;
/// A member must give back what it is asked for in this time.
pub const REBALANCE: u64 = 30_000;
/// A client waits so long for an answer.
pub const PATIENCE: u64 = 3_000;

/// Partitions by topic id.
pub type Partitions = BTreeSet<(Uuid, i32)>;

/// Under what name a member commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub member: String,
    pub instance: Option<String>,
    /// Or the generation.
    pub epoch: i32,
}

/// The cluster as clients see it: names, ids and how many partitions, and the version.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub version: i64,
    pub topics: Vec<(String, Uuid, i32)>,
}

impl View {
    /// All partitions.
    pub fn partitions(&self) -> Partitions {
        let of = |(_, id, count): &(String, Uuid, i32)| {
            let id = *id;
            (0..*count).map(move |partition| (id, partition))
        };
        self.topics.iter().flat_map(of).collect()
    }

    pub fn name(&self, id: Uuid) -> Option<&str> {
        let topic = self.topics.iter().find(|(_, known, _)| *known == id);
        topic.map(|(name, ..)| name.as_str())
    }
}

/// A consumer of either kind.
pub enum Client {
    Classic(ClassicClient),
    Consumer(ConsumerClient),
}

impl Client {
    pub fn group(&self) -> &Arc<str> {
        match self {
            Self::Classic(client) => &client.group,
            Self::Consumer(client) => &client.group,
        }
    }

    pub fn wake(&mut self, now: u64, rng: &mut Rng, view: &View, outbox: &mut Outbox) {
        match self {
            Self::Classic(client) => client.wake(now, view, outbox),
            Self::Consumer(client) => client.wake(now, rng, outbox),
        }
    }

    pub fn answer(&mut self, now: u64, rng: &mut Rng, view: &View, call: u64, answer: Answer) {
        match self {
            Self::Classic(client) => client.answer(now, rng, view, call, answer),
            Self::Consumer(client) => client.answer(now, rng, call, answer),
        }
    }

    /// What it believes to own.
    pub fn owns(&self) -> Partitions {
        match self {
            Self::Classic(client) => client.owned.clone(),
            Self::Consumer(client) => client.owns(),
        }
    }

    /// Until when it may believe so without having heard of the coordinator.
    pub fn lease(&self) -> u64 {
        match self {
            Self::Classic(client) => client.heard + SESSION,
            Self::Consumer(client) => client.heard + SESSION,
        }
    }

    pub fn credentials(&self) -> Option<Credentials> {
        match self {
            Self::Classic(client) => client.credentials(),
            Self::Consumer(client) => client.credentials(),
        }
    }

    /// Under what name it owned what it has lost.
    pub fn lost(&self) -> &[(Credentials, (Uuid, i32))] {
        match self {
            Self::Classic(client) => &client.lost,
            Self::Consumer(client) => &client.lost,
        }
    }

    pub fn is_out(&self) -> bool {
        match self {
            Self::Classic(client) => client.is_out(),
            Self::Consumer(client) => client.is_out(),
        }
    }

    pub fn start(&mut self, now: u64) {
        match self {
            Self::Classic(client) => client.start(),
            Self::Consumer(client) => client.start(now),
        }
    }

    /// It is gone without a word.
    pub fn die(&mut self) {
        match self {
            Self::Classic(client) => client.die(),
            Self::Consumer(client) => client.die(),
        }
    }

    pub fn leave(&mut self, rng: &mut Rng) {
        match self {
            Self::Classic(client) => client.leave(),
            Self::Consumer(client) => client.leave(rng),
        }
    }

    /// It does nothing until then, and believes what it believes.
    pub fn sleep(&mut self, until: u64) {
        match self {
            Self::Classic(client) => client.asleep = until,
            Self::Consumer(client) => client.asleep = until,
        }
    }

    pub fn is_asleep(&self, now: u64) -> bool {
        match self {
            Self::Classic(client) => now < client.asleep,
            Self::Consumer(client) => now < client.asleep,
        }
    }
}
