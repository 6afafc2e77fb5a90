//! What can go wrong, and what goes wrong in a run: all of it drawn from the seed.

use base::Rng;
use std::time::Duration;

/// Whom a fault befalls; who that is turns out when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// A node by its id.
    Node(i32),
    /// The active controller.
    Controller,
    /// Whoever leads this partition of the plain topic.
    LeaderOf(i32),
}

/// One fault. Each lasts until it is cured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL.
    Kill(Victim),
    /// SIGKILL for every node.
    KillAll,
    /// SIGSTOP.
    Freeze(Victim),
    /// A clean end.
    Stop(Victim),
    /// Every node ends cleanly and starts again, one after the other.
    Roll,
    /// No other node can be reached, nor reaches it; clients can.
    CutOff(Victim),
    /// Nobody at all can be reached.
    Unplug(Victim),
    /// Nothing arrives from other nodes.
    Deafen(Victim),
    /// Nothing arrives at other nodes.
    Mute(Victim),
    /// It and the next node do not reach each other.
    Part(Victim),
    /// So many kilobits in a second.
    SlowLink(Victim, u32),
    /// Every write and flush takes longer.
    SlowDisk(Victim, Duration),
    /// Nothing more can be written. The cure is a new start.
    FullDisk(Victim),
    /// Reads, writes and flushes fail. The cure is a new start.
    FailingDisk(Victim),
    /// The wall clock jumps by so many seconds.
    Clock(Victim, i64),
    /// Preferred leaders are elected.
    Elect,
    /// A partition of the plain topic moves to other nodes, or its replicas change their order; cured with all of three again.
    Reassign(i32),
    /// A voter leaves the quorum, and comes back.
    Revote(Victim),
    /// A node ends cleanly, and the other maker's program goes on with its directory; nothing else happens until it is in sync
    /// everywhere. Never drawn.
    Swap(i32),
}

/// How many kinds there are.
const KINDS: u64 = 18;

impl Fault {
    fn drawn(kind: u64, rng: &mut Rng, nodes: i32, partitions: i32) -> Fault {
        let victim = match rng.below(3) {
            0 => Victim::Controller,
            1 => Victim::LeaderOf(below(rng, partitions)),
            _ => Victim::Node(1 + below(rng, nodes)),
        };
        match kind {
            0 => Fault::Kill(victim),
            1 => Fault::KillAll,
            2 => Fault::Freeze(victim),
            3 => Fault::Stop(victim),
            4 => Fault::Roll,
            5 => Fault::CutOff(victim),
            6 => Fault::Unplug(victim),
            7 => Fault::Deafen(victim),
            8 => Fault::Mute(victim),
            9 => Fault::Part(victim),
            10 => Fault::SlowLink(victim, 64 << rng.below(5)),
            11 => Fault::SlowDisk(victim, Duration::from_millis(5 << rng.below(7))),
            12 => Fault::FullDisk(victim),
            13 => Fault::FailingDisk(victim),
            // Less than the hour by which a record's time may be ahead of its broker's.
            14 => Fault::Clock(victim, i64::from(below(rng, 2_400)) - 1_200),
            15 => Fault::Elect,
            16 => Fault::Reassign(below(rng, partitions)),
            _ => Fault::Revote(victim),
        }
    }

    /// Whether it may come together with others: what takes all nodes, or waits for the cluster to work, does not.
    fn comes_with_others(self) -> bool {
        !matches!(self, Fault::KillAll | Fault::Roll | Fault::Stop(_) | Fault::Swap(_))
    }
}

fn below(rng: &mut Rng, bound: i32) -> i32 {
    i32::try_from(rng.below(u64::from(bound.unsigned_abs()))).expect("below an i32")
}

/// Faults that come together, how long they last, and how long everything is well afterwards.
#[derive(Clone, Debug)]
pub struct Round {
    pub faults: Vec<Fault>,
    pub lasts: Duration,
    pub rest: Duration,
}

/// The leader of each partition in turn is kept from its followers, though not from clients, for longer than its session:
/// what it alone acknowledges then is lost.
pub fn leaders_cut_off(partitions: i32) -> impl Iterator<Item = Round> {
    (0..partitions).map(|partition| Round {
        faults: vec![Fault::CutOff(Victim::LeaderOf(partition))],
        lasts: Duration::from_secs(6),
        rest: Duration::from_secs(2),
    })
}

/// Every node in turn is handed over to the other maker, and then back.
pub fn swaps(nodes: i32) -> impl Iterator<Item = Round> {
    (1..=nodes).chain(1..=nodes).map(|id| Round {
        faults: vec![Fault::Swap(id)],
        lasts: Duration::from_secs(1),
        rest: Duration::from_secs(1),
    })
}

/// One round after the other, without end. Every kind comes once before any comes again.
pub struct Rounds {
    rng: Rng,
    nodes: i32,
    partitions: i32,
    deck: Vec<u64>,
}

impl Rounds {
    pub fn new(seed: u64, nodes: i32, partitions: i32) -> Rounds {
        Rounds {
            rng: Rng::from_seed(seed),
            nodes,
            partitions,
            deck: Vec::new(),
        }
    }

    fn fault(&mut self) -> Fault {
        if self.deck.is_empty() {
            self.deck = (0..KINDS).collect();
        }
        let at = usize::try_from(self.rng.below(self.deck.len() as u64)).expect("an index");
        Fault::drawn(self.deck.swap_remove(at), &mut self.rng, self.nodes, self.partitions)
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.rng.below(range.end - range.start))
    }
}

impl Iterator for Rounds {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        let mut faults = vec![self.fault()];
        // Of five nodes three are well whatever befalls two, so that more goes wrong at once.
        let most = if self.nodes < 5 { 2 } else { 3 };
        while faults[0].comes_with_others() && faults.len() < most && self.rng.below(3) == 0 {
            let deck = self.deck.clone();
            match self.fault() {
                fault if fault.comes_with_others() => faults.push(fault),
                // Its turn comes.
                _ => self.deck = deck,
            }
        }
        let (lasts, rest) = match self.rng.below(3) {
            0 => (self.millis(100..1_500), self.millis(0..1_500)),
            _ => (self.millis(1_500..8_000), self.millis(500..5_000)),
        };
        Some(Round { faults, lasts, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_says_everything() {
        let rounds = |seed| format!("{:?}", Rounds::new(seed, 3, 6).take(50).collect::<Vec<_>>());
        assert_eq!(rounds(7), rounds(7));
        assert_ne!(rounds(7), rounds(8));
    }

    #[test]
    fn every_kind_comes_early() {
        let faults: Vec<_> = Rounds::new(3, 3, 6)
            .take(usize::try_from(KINDS).unwrap())
            .flat_map(|round| round.faults)
            .collect();
        let kinds: std::collections::BTreeSet<_> = faults
            .iter()
            .map(|fault| format!("{:?}", std::mem::discriminant(fault)))
            .collect();
        assert_eq!(kinds.len(), usize::try_from(KINDS).unwrap(), "{faults:?}");
    }
}
