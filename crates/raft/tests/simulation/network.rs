//! The network: what it does to messages.

use base::Rng;
use std::collections::BTreeSet;

/// Its present mood.
#[derive(Debug)]
pub struct Network {
    /// In a hundred messages, so many are lost.
    pub loss: u64,
    /// In a hundred messages, so many come twice.
    pub doubling: u64,
    /// The longest delay.
    pub delay: u64,
    /// From whom to whom nothing gets through.
    cuts: BTreeSet<(usize, usize)>,
}

impl Network {
    pub fn calm() -> Self {
        Self {
            loss: 0,
            doubling: 0,
            delay: 5,
            cuts: BTreeSet::new(),
        }
    }

    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cuts.contains(&(from, to))
    }

    /// Nothing gets from `from` to `to`.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.cuts.insert((from, to));
    }

    /// Nothing gets to `node` or from it.
    pub fn isolate(&mut self, node: usize, nodes: usize) {
        for other in (0..nodes).filter(|other| *other != node) {
            self.cut(node, other);
            self.cut(other, node);
        }
    }

    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    /// After which delays a message arrives: usually one, none if it is lost.
    pub fn carry(&self, rng: &mut Rng, from: usize, to: usize) -> Vec<u64> {
        if self.is_cut(from, to) || rng.below(100) < self.loss {
            return Vec::new();
        }
        let mut delay = || 1 + rng.below(self.delay);
        let first = delay();
        let second = delay();
        let mut arrivals = vec![first];
        if rng.below(100) < self.doubling {
            arrivals.push(second * 20);
        }
        arrivals
    }
}
