//! A network that loses, delays, repeats and reorders, and whose links can be cut in one direction.

use crate::message::{Message, Place};
use base::Rng;
use std::collections::BTreeMap;

#[derive(Debug)]
pub struct Network {
    rng: Rng,
    /// Links that carry nothing until then.
    cuts: BTreeMap<(Place, Place), u64>,
    /// One in so many is lost; 0 loses none.
    losing: u64,
    slowest: u64,
}

impl Network {
    pub fn new(mut rng: Rng) -> Self {
        let losing = [0, 100, 30, 10][usize::try_from(rng.below(4)).unwrap()];
        let slowest = 1 + rng.below(12);
        Self {
            rng,
            cuts: BTreeMap::new(),
            losing,
            slowest,
        }
    }

    pub fn cut(&mut self, from: Place, to: Place, until: u64) {
        self.cuts.insert((from, to), until);
    }

    /// From now on everything arrives, soon and once.
    pub fn heal(&mut self) {
        self.cuts.clear();
        self.losing = 0;
    }

    pub fn is_cut(&self, from: Place, to: Place, now: u64) -> bool {
        self.cuts.get(&(from, to)).is_some_and(|until| *until > now)
    }

    /// After how long the message arrives: never, once or more often.
    pub fn send(&mut self, message: &Message, now: u64) -> Vec<u64> {
        if self.is_cut(message.from, message.to, now) || (self.losing > 0 && self.rng.below(self.losing) == 0) {
            return Vec::new();
        }
        let mut delays = vec![1 + self.rng.below(self.slowest)];
        if self.losing > 0 && self.rng.below(40) == 0 {
            delays[0] += self.rng.below(400);
        }
        if self.losing > 0 && self.rng.below(40) == 0 {
            delays.push(1 + self.rng.below(600));
        }
        delays
    }
}
