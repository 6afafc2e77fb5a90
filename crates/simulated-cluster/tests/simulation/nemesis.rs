//! What befalls the nodes, by chance.

use crate::history::History;
use base::Rng;
use simulated_cluster::{Cluster, Life, Pace};

/// What one fault is, until it is over.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The process is gone, and comes back.
    Down(usize),
    /// The network or a disk is not well; all of that ends together.
    Trouble,
}

/// See the module.
#[derive(Debug)]
pub struct Nemesis {
    rng: Rng,
    /// Whether the power may fail: only where what is acknowledged is on stable storage.
    power: Power,
    under_way: Vec<(u64, Fault)>,
    next: u64,
    pub faults: u64,
}

/// Whether the power may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    MayFail,
    Lasts,
}

impl Nemesis {
    pub fn new(rng: Rng, power: Power, begins: u64) -> Self {
        Self {
            rng,
            power,
            under_way: Vec::new(),
            next: begins,
            faults: 0,
        }
    }

    /// When it begins.
    pub fn begin_at(&mut self, now: u64) {
        self.next = now;
    }

    fn draw(&mut self, count: usize) -> usize {
        usize::try_from(self.rng.below(count as u64)).unwrap()
    }

    /// Does what is due.
    pub fn act(&mut self, cluster: &mut Cluster, history: &History) {
        let now = cluster.now();
        while let Some(at) = self.under_way.iter().position(|(until, _)| *until <= now) {
            let (_, fault) = self.under_way.swap_remove(at);
            self.ends(cluster, history, fault);
        }
        if now >= self.next {
            self.next = now + 200 + self.rng.below(3500);
            self.begins(cluster, history);
        }
    }

    /// Nothing is broken any more.
    pub fn rest(&mut self, cluster: &mut Cluster, history: &History) {
        for (_, fault) in std::mem::take(&mut self.under_way) {
            self.ends(cluster, history, fault);
        }
        cluster.heal();
    }

    fn ends(&mut self, cluster: &mut Cluster, history: &History, fault: Fault) {
        history.note(format_args!("over: {fault:?}"));
        match fault {
            Fault::Down(node) => cluster.start(node),
            Fault::Trouble => cluster.heal(),
        }
    }

    fn down(&self) -> Vec<usize> {
        let down = |(_, fault): &(u64, Fault)| match fault {
            Fault::Down(node) => Some(*node),
            Fault::Trouble => None,
        };
        self.under_way.iter().filter_map(down).collect()
    }

    fn begins(&mut self, cluster: &mut Cluster, history: &History) {
        let node = self.draw(cluster.nodes());
        let other = (node + 1 + self.draw(cluster.nodes() - 1)) % cluster.nodes();
        let until = cluster.now() + 300 + self.rng.below(6000);
        self.faults += 1;
        match self.rng.below(16) {
            kind @ 0..=5 => {
                // Without flushes a node that comes back without its log must find others that have theirs.
                let down = self.down();
                if down.contains(&node) || (down.len() == 1 && self.rng.below(3) > 0) || down.len() > 1 {
                    return;
                }
                let is_power = self.power == Power::MayFail && kind % 2 == 0;
                history.note(format_args!("node {node} goes down, power {is_power}"));
                if is_power {
                    cluster.cut_power(node);
                } else {
                    cluster.kill(node);
                }
                self.under_way.push((until, Fault::Down(node)));
            }
            6 | 7 => {
                history.note(format_args!("{node} is not heard by {other}"));
                cluster.cut(node, other);
                self.under_way.push((until, Fault::Trouble));
            }
            8 | 9 => {
                history.note(format_args!("{node} is cut off"));
                for other in (0..cluster.nodes()).filter(|other| *other != node) {
                    cluster.cut(node, other);
                    cluster.cut(other, node);
                }
                self.under_way.push((until, Fault::Trouble));
            }
            10 => {
                history.note(format_args!("{node} is cut off from clients"));
                cluster.cut_from_clients(node);
                self.under_way.push((until, Fault::Trouble));
            }
            11 => {
                history.note(format_args!("{node}'s disk is slow"));
                cluster.slow_disk(node, Pace { least: 20, most: 400 });
                self.under_way.push((until, Fault::Trouble));
            }
            12 => {
                history.note(format_args!("{node} is late for {other}"));
                cluster.slow_down(node, other, Pace { least: 50, most: 700 });
                self.under_way.push((until, Fault::Trouble));
            }
            13 => {
                history.note(format_args!("connections of {node} and {other} break"));
                cluster.reset(node, other);
                cluster.reset_clients(node);
            }
            14 => {
                let jump = i64::try_from(self.rng.below(240_000)).unwrap() - 120_000;
                history.note(format_args!("{node}'s date jumps by {jump}"));
                cluster.jump(node, jump);
            }
            _ => self.restart(cluster, history, node, until),
        }
    }

    /// A clean stop, and a start a little later.
    fn restart(&mut self, cluster: &mut Cluster, history: &History, node: usize, until: u64) {
        if cluster.life(node) == Life::Serving {
            history.note(format_args!("{node} is asked to stop"));
            cluster.stop(node);
            self.under_way.push((until, Fault::Down(node)));
        }
    }
}
