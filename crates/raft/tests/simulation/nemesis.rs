//! What goes wrong, and the end of it.

use crate::node::{FETCH_TIMEOUT, endpoint, key};
use crate::world::{Event, World};
use std::collections::BTreeSet;

/// A leader that hears of nobody for so long must have stepped down. A fetch that waits for news counts until it is answered.
const STALE: u64 = FETCH_TIMEOUT * 3 / 2 + 700;

/// A leader that is silent is followed by another one within this time.
const MISSED: u64 = FETCH_TIMEOUT - 100;

/// What is going wrong.
#[derive(Debug, Default)]
pub struct Nemesis {
    /// The trouble is over.
    pub is_over: bool,
    /// Nobody writes any more.
    pub is_quiet: bool,
    /// One voter is of a release before pre-votes.
    pub has_old_voter: bool,
    /// Nodes that are down.
    pub down: BTreeSet<usize>,
}

impl Nemesis {
    pub fn may_crash(&self) -> bool {
        !self.is_over && self.down.len() < 2
    }
}

impl World {
    /// Something goes wrong, or is mended.
    pub fn trouble(&mut self) {
        if self.nemesis.is_over {
            return;
        }
        let nodes = self.nodes.len();
        match self.rng.below(100) {
            0..18 => self.crash_someone(),
            18..40 => self.revive(),
            40..48 => self.isolate_leader(),
            48..56 => {
                let (from, to) = (self.any(nodes), self.any(nodes));
                self.network.cut(from, to);
            }
            56..62 => {
                let at = self.any(nodes);
                self.network.isolate(at, nodes);
            }
            62..76 => self.heal(),
            76..84 => {
                self.network.loss = [0, 2, 20][self.any(3)];
                self.network.doubling = [0, 5][self.any(2)];
                self.network.delay = [2, 5, 30, 300][self.any(4)];
            }
            84..96 => {
                if let Some(leader) = self.leader() {
                    self.operate(leader);
                }
            }
            96..98 => self.replace_a_disk(),
            _ => self.resign_someone(),
        }
        if self.rng.below(4) == 0 {
            let at = self.any(nodes);
            self.mislead(at);
        }
        let pause = 50 + self.rng.below(900);
        self.timeline.after(pause, Event::Trouble);
    }

    fn crash_someone(&mut self) {
        let at = self.any(self.nodes.len());
        if self.nemesis.may_crash() {
            self.crash(at);
        }
    }

    /// A node is killed, or loses power.
    pub fn crash(&mut self, at: usize) {
        if self.nodes[at].raft.is_none() {
            return;
        }
        self.nodes[at].die();
        self.nemesis.down.insert(at);
        if self.rng.below(2) == 0 {
            self.nodes[at].disk.lose_power();
            self.done.power_failures += 1;
            self.note(format_args!("{at} loses power"));
        } else {
            self.done.kills += 1;
            self.note(format_args!("{at} is killed"));
        }
    }

    fn revive(&mut self) {
        let down: Vec<usize> = self.nemesis.down.iter().copied().collect();
        if down.is_empty() {
            return;
        }
        let at = down[self.any(down.len())];
        self.nemesis.down.remove(&at);
        // Who cannot be found cannot be asked for its vote, so one moves at a time, and none of a pair.
        let is_dynamic = self.nodes[at].static_voters.is_empty();
        if is_dynamic && self.rng.below(4) == 0 && self.all_are_found(3) {
            self.nodes[at].moves += 1;
        }
        self.start(at);
    }

    /// Whether all logs that name voters name the same, so many at least, and where they are.
    pub fn all_are_found(&self, voters: usize) -> bool {
        let mut agreed = None;
        self.nodes.iter().all(|node| {
            let mut disk = node.disk.clone();
            let history = disk.load(node.static_voters.clone()).1;
            let known = node
                .raft
                .as_ref()
                .map_or(history.voters(), |raft| raft.history().voters());
            let mut all = known.iter();
            known.is_empty()
                || agreed.get_or_insert_with(|| known.clone()) == known
                    && known.len() >= voters
                    && all.all(|voter| {
                        let at = usize::try_from(voter.key.id.0).unwrap();
                        voter.endpoints == [endpoint(at, self.nodes[at].moves)]
                    })
        })
    }

    /// A node is told that its leader is silent, whether it is or not.
    fn mislead(&mut self, at: usize) {
        let epoch = self.nodes[at].raft.as_ref().map(|raft| raft.epoch());
        if let Some(epoch) = epoch {
            self.say_silent(at, epoch, 0);
        }
    }

    fn heal(&mut self) {
        self.network.heal();
    }

    fn isolate_leader(&mut self) {
        let Some(at) = self.leader() else { return };
        self.note(format_args!("{at} is cut off"));
        self.network.isolate(at, self.nodes.len());
    }

    /// Who leads the newest epoch.
    pub fn leader(&self) -> Option<usize> {
        let leaders = self.nodes.iter().enumerate().filter_map(|(at, node)| {
            let epoch = node.raft.as_ref()?.leading()?;
            Some((epoch, at))
        });
        leaders.max().map(|(_, at)| at)
    }

    fn resign_someone(&mut self) {
        let Some(at) = self.leader() else { return };
        let millis = self.timeline.now();
        self.nodes[at].tell(|raft, out| raft.resign(crate::node::now(millis), out));
        self.work(at);
        // It is given a moment to tell the others, and then it is gone.
        let life = self.nodes[at].life;
        self.timeline.after(50, Event::Stop { at, life });
    }

    /// A node comes back with an empty disk: another replica, of the same id. That is only done to one that no voter set in
    /// anyone's log has: what a voter promised must not be forgotten.
    fn replace_a_disk(&mut self) {
        let down: Vec<usize> = self.nemesis.down.iter().copied().collect();
        for at in down {
            let is_promised = self.nodes.iter().any(|node| {
                let mut disk = node.disk.clone();
                let cached = disk.load(node.static_voters.clone()).1;
                disk.lose_power();
                let durable = disk.load(node.static_voters.clone()).1;
                let running = node
                    .raft
                    .as_ref()
                    .map(|raft| raft.history().voters().contains(&self.nodes[at].key));
                [cached, durable]
                    .iter()
                    .any(|history| history.voters().contains(&self.nodes[at].key))
                    || running == Some(true)
            });
            if !is_promised && self.nodes[at].is_controller() {
                let directory = self.nodes[at].key.directory.unwrap().0[1];
                self.nodes[at].key = key(at, directory + 1);
                self.nodes[at].disk = crate::disk::Disk::formatted(None);
                self.done.lost_disks += 1;
                self.note(format_args!("{at} gets a new disk"));
                return;
            }
        }
    }

    /// The trouble is over: the quorum finds a leader, commits what it is given, and everybody has it. After that it is
    /// left in peace by a voter that comes back from where it heard of nobody.
    pub fn recover(&mut self) {
        self.nemesis.is_over = true;
        self.network = crate::network::Network::calm();
        self.nemesis.has_old_voter = false;
        self.sloth = 1;
        for at in 0..self.nodes.len() {
            if self.nodes[at].raft.is_none() {
                self.start(at);
            }
        }
        let before = self.checks.committed_end();
        let end = self.timeline.now() + 12_000;
        self.run_until(end);
        let leader = self.leader().expect("there is a leader once the trouble is over");
        assert!(
            self.checks.committed_end() > before,
            "something is committed once the trouble is over"
        );
        self.check_agreement(leader);
        self.check_peace();
        self.check_solitude();
    }

    fn check_agreement(&self, leader: usize) {
        let epoch = self.nodes[leader].raft.as_ref().unwrap().epoch();
        for (at, node) in self.nodes.iter().enumerate() {
            let raft = node.raft.as_ref().unwrap();
            assert_eq!(raft.epoch(), epoch, "{at} knows the epoch");
            let behind = self.checks.committed_end().0 - node.high_watermark.0;
            assert!(behind < 20, "{at} is {behind} records behind");
        }
    }

    /// KIP-996: a voter that was cut off does not depose the leader when it is back, nor does one that alone believes that the
    /// leader is silent.
    fn check_peace(&mut self) {
        let leader = self.leader().unwrap();
        let raft = self.nodes[leader].raft.as_ref().unwrap();
        let epoch = raft.epoch();
        let voters = raft.history().voters().clone();
        let mut others = voters
            .ids()
            .map(|id| usize::try_from(id.0).unwrap())
            .filter(|at| *at != leader);
        let lonely = others.next();
        if let Some(lonely) = lonely.filter(|_| voters.len() > 2) {
            // Else its log would tell against it.
            self.nemesis.is_quiet = true;
            let end = self.timeline.now() + 1_000;
            self.run_until(end);
            self.mislead(lonely);
            let end = self.timeline.now() + 1_000;
            self.run_until(end);
            self.network.isolate(lonely, self.nodes.len());
            let end = self.timeline.now() + 6_000;
            self.run_until(end);
            self.network.heal();
            let end = self.timeline.now() + 3_000;
            self.run_until(end);
            let raft = self.nodes[leader].raft.as_ref().unwrap();
            assert_eq!(
                raft.leading(),
                Some(epoch),
                "{lonely} deposed the leader, which others hear"
            );
        }
    }

    /// The others miss a leader that is cut off long before the fetch timeout. It hears of nobody, and does not go on believing
    /// that it leads for longer than one and a half fetch timeouts.
    fn check_solitude(&mut self) {
        let leader = self.leader().unwrap();
        let raft = self.nodes[leader].raft.as_ref().unwrap();
        let epoch = raft.epoch();
        if raft.history().voters().len() > 1 {
            let voters = raft.history().voters().len();
            self.network.isolate(leader, self.nodes.len());
            let began = self.timeline.now();
            self.run_until(began + MISSED);
            if voters > 2 {
                assert_ne!(
                    self.leader(),
                    Some(leader),
                    "{leader} is silent, and nobody takes its place"
                );
            }
            self.run_until(began + STALE);
            let raft = self.nodes[leader].raft.as_ref().unwrap();
            assert_ne!(raft.leading(), Some(epoch), "{leader} still leads, heard of by nobody");
        }
    }
}
