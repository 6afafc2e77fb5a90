//! What befalls the nodes, by chance.

use crate::history::History;
use base::Rng;
use simulated_cluster::{Cluster, Life, Pace};

/// What one fault is, until it is over.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The process is gone, and comes back.
    Down(usize),
    /// The disk is broken, which ends the process, and is replaced.
    Broken(usize),
    /// The process does not run, and knows nothing of it.
    Frozen(usize),
    /// The network or a disk is not well; all of that ends together.
    Trouble,
    /// Every disk is slow, until the power goes everywhere.
    Doom,
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
        self.under_way.retain(|(_, fault)| !matches!(fault, Fault::Doom));
        for (_, fault) in std::mem::take(&mut self.under_way) {
            self.ends(cluster, history, fault);
        }
        cluster.heal();
    }

    fn ends(&mut self, cluster: &mut Cluster, history: &History, fault: Fault) {
        history.note(format_args!("over: {fault:?}"));
        match fault {
            Fault::Down(node) => cluster.start(node),
            Fault::Broken(node) => {
                self.takes_down(cluster, node);
                cluster.start(node);
            }
            Fault::Frozen(node) => cluster.thaw(node),
            Fault::Trouble => cluster.heal(),
            Fault::Doom => self.all_go_down(cluster, history),
        }
    }

    /// Whether a node ends by itself for something that befell it.
    pub fn explains_end_of(&self, node: usize) -> bool {
        self.under_way
            .iter()
            .any(|(_, fault)| matches!(fault, Fault::Broken(broken) if *broken == node))
    }

    fn down(&self) -> Vec<usize> {
        let down = |(_, fault): &(u64, Fault)| match fault {
            Fault::Down(node) | Fault::Broken(node) => Some(*node),
            Fault::Frozen(_) | Fault::Trouble | Fault::Doom => None,
        };
        self.under_way.iter().filter_map(down).collect()
    }

    /// As badly as may be: what was acknowledged has to be there.
    fn takes_down(&self, cluster: &mut Cluster, node: usize) {
        match self.power {
            Power::MayFail => cluster.cut_power(node),
            Power::Lasts => cluster.kill(node),
        }
    }

    fn begins(&mut self, cluster: &mut Cluster, history: &History) {
        let node = self.draw(cluster.nodes());
        let other = (node + 1 + self.draw(cluster.nodes() - 1)) % cluster.nodes();
        let until = cluster.now() + 300 + self.rng.below(6000);
        self.faults += 1;
        match self.rng.below(24) {
            kind @ 0..=5 => self.one_goes_down(cluster, history, (node, kind % 2 == 0), until),
            kind @ 6..=13 => {
                self.troubles(cluster, history, kind, (node, other));
                self.under_way.push((until, Fault::Trouble));
            }
            14 => {
                let jump = i64::try_from(self.rng.below(240_000)).unwrap() - 120_000;
                history.note(format_args!("{node}'s date jumps by {jump}"));
                cluster.jump(node, jump);
            }
            15 | 16 => {
                history.note(format_args!("{node} is frozen"));
                cluster.freeze(node);
                self.under_way.push((until, Fault::Frozen(node)));
            }
            17 => self.all_go_down(cluster, history),
            18 | 19 => self.fills_disks(cluster, history, node, until),
            20 => self.breaks_disk(cluster, history, node, until),
            21 => self.slows_and_goes_down(cluster, history),
            22 => self.restart(cluster, history, node, until),
            _ => {
                // Nobody hears that it stops.
                self.troubles(cluster, history, 8, (node, other));
                self.under_way.push((until, Fault::Trouble));
                self.restart(cluster, history, node, until);
            }
        }
    }

    fn one_goes_down(
        &mut self,
        cluster: &mut Cluster,
        history: &History,
        (node, may_be_power): (usize, bool),
        until: u64,
    ) {
        // Without flushes a node that comes back without its log must find others that have theirs.
        let down = self.down();
        if down.contains(&node) || (down.len() == 1 && self.rng.below(3) > 0) || down.len() > 1 {
            return;
        }
        let is_power = self.power == Power::MayFail && may_be_power;
        history.note(format_args!("node {node} goes down, power {is_power}"));
        if is_power {
            cluster.cut_power(node);
        } else {
            cluster.kill(node);
        }
        self.under_way.push((until, Fault::Down(node)));
    }

    /// The network, or a disk, is not as it should be.
    fn troubles(&self, cluster: &mut Cluster, history: &History, kind: u64, (node, other): (usize, usize)) {
        match kind {
            6 | 7 => {
                history.note(format_args!("{node} is not heard by {other}"));
                cluster.cut(node, other);
            }
            8 | 9 => {
                history.note(format_args!("{node} is cut off"));
                for other in (0..cluster.nodes()).filter(|other| *other != node) {
                    cluster.cut(node, other);
                    cluster.cut(other, node);
                }
            }
            10 => {
                history.note(format_args!("{node} is cut off from clients"));
                cluster.cut_from_clients(node);
            }
            11 => {
                history.note(format_args!("{node}'s disk is slow"));
                cluster.slow_disk(node, Pace { least: 20, most: 400 });
            }
            12 => {
                history.note(format_args!("{node} is late for {other}"));
                cluster.slow_down(node, other, Pace { least: 50, most: 700 });
            }
            _ => {
                history.note(format_args!("connections of {node} and {other} break"));
                cluster.reset(node, other);
                cluster.reset_clients(node);
            }
        }
    }

    /// Much is on its way to the disks when the power goes.
    fn slows_and_goes_down(&mut self, cluster: &mut Cluster, history: &History) {
        history.note(format_args!("every disk is slow"));
        for node in 0..cluster.nodes() {
            cluster.slow_disk(node, Pace { least: 20, most: 300 });
        }
        let until = cluster.now() + 50 + self.rng.below(800);
        self.under_way.push((until, Fault::Doom));
    }

    /// All at once; each comes back when it likes.
    fn all_go_down(&mut self, cluster: &mut Cluster, history: &History) {
        history.note(format_args!("all go down, power {:?}", self.power));
        let down = self.down();
        for node in (0..cluster.nodes()).filter(|node| !down.contains(node)) {
            self.takes_down(cluster, node);
            let until = cluster.now() + 100 + self.rng.below(3000);
            self.under_way.push((until, Fault::Down(node)));
        }
        // The disks are not slow for ever.
        self.under_way.push((cluster.now() + 100, Fault::Trouble));
    }

    fn fills_disks(&mut self, cluster: &mut Cluster, history: &History, node: usize, until: u64) {
        let is_all = self.rng.below(2) == 0;
        history.note(format_args!("{node}'s disk is full, all {is_all}"));
        for node in (0..cluster.nodes()).filter(|other| is_all || *other == node) {
            cluster.fill_disk(node);
        }
        self.under_way.push((until, Fault::Trouble));
    }

    fn breaks_disk(&mut self, cluster: &mut Cluster, history: &History, node: usize, until: u64) {
        let down = self.down();
        if down.contains(&node) || down.len() > 1 {
            return;
        }
        // In the midst of what is being changed, half of the time.
        let changes = if self.rng.below(2) == 0 { 0 } else { self.rng.below(300) };
        history.note(format_args!("{node}'s disk breaks, after {changes} changes"));
        if changes == 0 {
            cluster.fail_disk(node);
        } else {
            cluster.fail_disk_after(node, changes);
        }
        self.under_way.push((until, Fault::Broken(node)));
    }

    /// Something befalls one node, or what lies between two, which the others must be able to do without.
    pub fn one_trouble(&mut self, cluster: &mut Cluster, history: &History) {
        let node = self.draw(cluster.nodes());
        let others: Vec<usize> = (0..cluster.nodes()).filter(|other| *other != node).collect();
        // The last three are one: two that do not hear each other, and a third that hears both.
        let kind = self.rng.below(11).min(8);
        history.note(format_args!("trouble {kind} with {node}"));
        let fault = match kind {
            0 => {
                self.takes_down(cluster, node);
                Fault::Down(node)
            }
            1 => {
                cluster.kill(node);
                Fault::Down(node)
            }
            2 => {
                cluster.freeze(node);
                Fault::Frozen(node)
            }
            3 => {
                cluster.fail_disk(node);
                Fault::Broken(node)
            }
            _ => {
                let others = if kind == 8 { &others[..1] } else { &others[..] };
                for other in others {
                    if kind != 5 {
                        cluster.cut(node, *other);
                    }
                    if kind != 6 {
                        cluster.cut(*other, node);
                    }
                }
                if kind == 7 {
                    cluster.cut_from_clients(node);
                }
                Fault::Trouble
            }
        };
        self.faults += 1;
        self.under_way.push((u64::MAX, fault));
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
