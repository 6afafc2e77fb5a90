//! Does the faults to the cluster, and cures them.

mod operator;

use anyhow::{Context, Result};
use base::Rng;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use testkit::ailments::Disk;
use testkit::network::Peer;
use testkit::{Cluster, Maker};

use super::fault::{Fault, Round, Victim};
use super::patient::Patient;

/// How long the cluster may take to be whole after a node changed hands.
const RECOVERY: Duration = Duration::from_secs(120);

/// What ends a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cure {
    Launch(i32),
    LaunchAll,
    Thaw(i32),
    Rejoin,
    Hasten(i32),
    /// The disk is well again.
    Disk(i32),
    /// The disk is well again, and the node starts anew: what it could not write is gone from its memory.
    NewDisk(i32),
    Clock(i32),
    /// The partition has three replicas again.
    Replicas(i32),
    Voter(i32),
}

impl Cure {
    fn is_a_request(&self) -> bool {
        matches!(self, Cure::Replicas(_) | Cure::Voter(_))
    }
}

/// The one who does it.
pub struct Nemesis<'a> {
    patient: &'a mut Patient,
    topic: &'static str,
    rng: Rng,
    began: Instant,
    /// Who suffers something now.
    ill: BTreeSet<i32>,
    /// What must not happen whatever is done.
    pub findings: Vec<String>,
}

impl<'a> Nemesis<'a> {
    pub fn over(patient: &'a mut Patient, topic: &'static str, seed: u64) -> Nemesis<'a> {
        Nemesis {
            patient,
            topic,
            rng: Rng::from_seed(!seed),
            began: Instant::now(),
            ill: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    fn say(&self, what: &str) {
        println!("{:7.1} s: {what}", self.began.elapsed().as_secs_f64());
    }

    /// One round after the other for so long; everything is healed at the end.
    pub fn rage(&mut self, rounds: impl Iterator<Item = Round>, time: Duration) -> Result<()> {
        for round in rounds {
            if self.began.elapsed() >= time {
                break;
            }
            let mut cures = Vec::new();
            for fault in &round.faults {
                match self.befall(*fault) {
                    Ok(done) => cures.extend(done),
                    // An operator's request may fail while the cluster suffers.
                    Err(error) => self.say(&format!("{fault:?}: not done: {error:#}")),
                }
            }
            std::thread::sleep(round.lasts);
            self.look();
            // What asks the cluster for something waits until everything else is cured.
            cures.sort_by_key(Cure::is_a_request);
            for cure in cures {
                self.cure(cure).with_context(|| format!("{cure:?}"))?;
            }
            self.ill.clear();
            std::thread::sleep(round.rest);
        }
        self.say("healed");
        Ok(())
    }

    /// A node that nobody touched must not end.
    fn look(&mut self) {
        for id in self.patient.ids() {
            let node = self.patient.nodes.node_mut(id);
            if !node.is_running() || self.ill.contains(&id) {
                continue;
            }
            if let Ok(Some(status)) = node.ended() {
                node.reap();
                let finding = format!(
                    "node {id} ended by itself with {status}; it wrote:\n{}",
                    node.log_tail()
                );
                self.say(&finding);
                self.findings.push(finding);
                if let Err(error) = self.patient.nodes.node_mut(id).launch() {
                    self.findings.push(format!("node {id} does not start: {error:#}"));
                }
            }
        }
    }

    fn well(&self) -> Vec<i32> {
        self.patient.ids().filter(|id| !self.ill.contains(id)).collect()
    }

    /// Who the victim is: the next one that is well when it suffers already.
    fn resolve(&mut self, victim: Victim) -> Result<i32> {
        let meant = match victim {
            Victim::Node(id) => Some(id),
            Victim::Controller => self
                .patient
                .quorum(self.well().into_iter())
                .ok()
                .map(|view| view.leader),
            Victim::LeaderOf(partition) => {
                let topics = self.patient.topics(self.well().into_iter(), Some(&[self.topic]));
                let mut partitions = topics.into_iter().flatten().flat_map(|topic| topic.partitions);
                let found = partitions.find(|found| found.partition_index == partition);
                found.map(|found| found.leader_id).filter(|leader| *leader > 0)
            }
        };
        let meant = meant.unwrap_or(1);
        let nodes = &self.patient.nodes;
        let count = i32::try_from(self.patient.ids().count())?;
        let ids: Vec<i32> = (meant..meant + count).map(|id| (id - 1) % count + 1).collect();
        let usable = |id: &i32| !self.ill.contains(id) && nodes.node(*id).is_running();
        let id = *ids.iter().find(|id| usable(id)).context("nobody is well")?;
        self.ill.insert(id);
        Ok(id)
    }

    fn befall(&mut self, fault: Fault) -> Result<Vec<Cure>> {
        let told = |id: i32| format!("{fault:?}: node {id}");
        match fault {
            Fault::Kill(victim) => self.on(victim, told, |patient, id| {
                patient.nodes.node_mut(id).kill9()?;
                Ok(Cure::Launch(id))
            }),
            Fault::KillAll => {
                self.say("KillAll");
                self.ill.extend(self.patient.ids());
                for node in self.patient.nodes.iter_mut().filter(|node| node.is_running()) {
                    node.kill9()?;
                }
                Ok(vec![Cure::LaunchAll])
            }
            Fault::Freeze(victim) => self.on(victim, told, |patient, id| {
                patient.nodes.node(id).freeze()?;
                Ok(Cure::Thaw(id))
            }),
            Fault::Stop(victim) => {
                let id = self.resolve(victim)?;
                self.say(&told(id));
                self.stop(id);
                Ok(vec![Cure::Launch(id)])
            }
            Fault::Roll => self.roll(),
            Fault::CutOff(victim) => self.on(victim, told, |patient, id| {
                cut(patient, id, Direction::Both, Reach::Nodes)
            }),
            Fault::Unplug(victim) => self.on(victim, told, |patient, id| {
                cut(patient, id, Direction::Both, Reach::Everybody)
            }),
            Fault::Deafen(victim) => self.on(victim, told, |patient, id| {
                cut(patient, id, Direction::To, Reach::Nodes)
            }),
            Fault::Mute(victim) => self.on(victim, told, |patient, id| {
                cut(patient, id, Direction::From, Reach::Nodes)
            }),
            Fault::Part(victim) => self.on(victim, told, |patient, id| {
                let other = id % i32::try_from(patient.ids().count())? + 1;
                patient.network.cut(Peer::Node(id), Peer::Node(other))?;
                patient.network.cut(Peer::Node(other), Peer::Node(id))?;
                Ok(Cure::Rejoin)
            }),
            Fault::SlowLink(victim, kilobits) => self.on(victim, told, |patient, id| {
                patient.network.slow(id, kilobits)?;
                Ok(Cure::Hasten(id))
            }),
            Fault::SlowDisk(victim, delay) => self.on(victim, told, |patient, id| {
                patient.ailments[&id].disk(Disk::Slow(delay))?;
                Ok(Cure::Disk(id))
            }),
            Fault::FullDisk(victim) => self.on(victim, told, |patient, id| {
                patient.ailments[&id].disk(Disk::Full)?;
                Ok(Cure::NewDisk(id))
            }),
            Fault::FailingDisk(victim) => self.on(victim, told, |patient, id| {
                patient.ailments[&id].disk(Disk::Failing)?;
                Ok(Cure::NewDisk(id))
            }),
            Fault::Clock(victim, seconds) => self.on(victim, told, |patient, id| {
                patient.ailments[&id].clock(seconds)?;
                Ok(Cure::Clock(id))
            }),
            Fault::Elect => self.elect(),
            Fault::Reassign(partition) => self.reassign(partition),
            Fault::Revote(victim) => self.remove_voter(victim),
            Fault::Swap(id) => self.swap(id),
        }
    }

    fn on(
        &mut self,
        victim: Victim,
        told: impl Fn(i32) -> String,
        harm: impl FnOnce(&mut Patient, i32) -> Result<Cure>,
    ) -> Result<Vec<Cure>> {
        let id = self.resolve(victim)?;
        self.say(&told(id));
        Ok(vec![harm(self.patient, id)?])
    }

    /// A clean end. A node of Kafka's that cannot reach a controller waits for one for ever; ours must end in time.
    fn stop(&mut self, id: i32) {
        let node = self.patient.nodes.node_mut(id);
        if let Err(error) = node.stop_cleanly() {
            let finding = format!("node {id} does not stop: {error:#}");
            if node.maker() == Maker::Riverrun {
                self.findings.push(finding.clone());
            }
            self.say(&finding);
        }
    }

    fn roll(&mut self) -> Result<Vec<Cure>> {
        for id in self.patient.ids() {
            self.say(&format!("Roll: node {id}"));
            self.ill.insert(id);
            if self.patient.nodes.node(id).is_running() {
                self.stop(id);
            }
            self.patient.nodes.node_mut(id).launch()?;
            self.patient.nodes.node_mut(id).wait_until_ready()?;
            self.ill.remove(&id);
        }
        Ok(Vec::new())
    }

    fn swap(&mut self, id: i32) -> Result<Vec<Cure>> {
        let other = match self.patient.nodes.node(id).maker() {
            Maker::Kafka => Maker::Riverrun,
            Maker::Riverrun => Maker::Kafka,
        };
        self.say(&format!("Swap: node {id} to {}", other.name()));
        self.stop(id);
        let node = self.patient.nodes.node_mut(id);
        node.hand_over_to(other);
        node.launch()?;
        if let Err(error) = self.patient.recover(RECOVERY) {
            let finding = format!("node {id}, handed over to {}: {error:#}", other.name());
            self.findings.push(finding);
        }
        Ok(Vec::new())
    }

    fn cure(&mut self, cure: Cure) -> Result<()> {
        self.say(&format!("  {cure:?}"));
        let patient = &mut *self.patient;
        match cure {
            Cure::Launch(id) => patient.nodes.node_mut(id).launch(),
            Cure::LaunchAll => patient.nodes.launch_all(),
            Cure::Thaw(id) => patient.nodes.node(id).thaw(),
            Cure::Rejoin => patient.network.heal(),
            Cure::Hasten(id) => patient.network.hasten(id),
            Cure::Disk(id) => patient.ailments[&id].disk(Disk::Well),
            Cure::NewDisk(id) => {
                patient.ailments[&id].disk(Disk::Well)?;
                let node = patient.nodes.node_mut(id);
                match node.ended()? {
                    Some(_) => node.reap(),
                    None => node.kill9()?,
                }
                node.launch()
            }
            Cure::Clock(id) => patient.ailments[&id].clock(0),
            Cure::Replicas(partition) => self.restore(partition),
            Cure::Voter(id) => self.add_voter(id),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    To,
    From,
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Nodes,
    Everybody,
}

fn cut(patient: &Patient, id: i32, direction: Direction, reach: Reach) -> Result<Cure> {
    let victim = Peer::Node(id);
    let others = patient.network.peers().filter(|other| *other != victim);
    for other in others.filter(|other| reach == Reach::Everybody || *other != Peer::Clients) {
        if direction != Direction::From {
            patient.network.cut(other, victim)?;
        }
        if direction != Direction::To {
            patient.network.cut(victim, other)?;
        }
    }
    Ok(Cure::Rejoin)
}
