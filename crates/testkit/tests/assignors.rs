//! The server-side assignors against Kafka's own: the same groups, member by member the same partitions.

#![allow(clippy::unwrap_used)]

use base::{Rng, Uuid};
use group_coordinator::assignor::{
    GroupAssignment, GroupSpec, MemberSpec, PartitionAssignor, SubscribedTopics, SubscriptionType,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use testkit::java;

/// How many groups live, each for several rebalances.
const GROUPS: u64 = 120;
const REBALANCES: usize = 6;

/// A group that changes from rebalance to rebalance, and everything that Kafka is to be told of it.
struct Story {
    rng: Rng,
    assignor: PartitionAssignor,
    /// By name.
    topics: BTreeMap<String, (Uuid, i32)>,
    /// By member id.
    members: BTreeMap<Arc<str>, Member>,
}

#[derive(Clone, Default)]
struct Member {
    instance_id: Option<Arc<str>>,
    topics: BTreeSet<String>,
    target: Arc<BTreeMap<Uuid, BTreeSet<i32>>>,
}

impl Story {
    fn begin(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let assignor = if seed.is_multiple_of(3) {
            PartitionAssignor::Range
        } else {
            PartitionAssignor::Uniform
        };
        let mut story = Self {
            assignor,
            topics: BTreeMap::new(),
            members: BTreeMap::new(),
            rng: Rng::from_seed(rng.next_u64()),
        };
        for _ in 0..=rng.below(12) {
            story.new_topic();
        }
        let members = 1 + if seed.is_multiple_of(10) {
            rng.below(80)
        } else {
            rng.below(12)
        };
        for _ in 0..members {
            story.join();
        }
        story
    }

    fn below(&mut self, bound: u64) -> usize {
        usize::try_from(self.rng.below(bound)).unwrap()
    }

    fn new_topic(&mut self) {
        let partitions = 1 + i32::try_from(self.rng.below(40)).unwrap();
        let name = format!("topic-{}", self.rng.below(1_000_000));
        self.topics.insert(name, (Uuid::random(&mut self.rng), partitions));
    }

    fn subscription(&mut self) -> BTreeSet<String> {
        let all: Vec<String> = self.topics.keys().cloned().collect();
        all.into_iter().filter(|_| self.rng.below(3) > 0).collect()
    }

    fn join(&mut self) {
        let id = Uuid::random(&mut self.rng).to_string();
        let name: Arc<str> = format!("static-{}", self.rng.below(1_000_000)).into();
        let member = Member {
            instance_id: (self.rng.below(4) == 0).then_some(name),
            topics: self.subscription(),
            ..Member::default()
        };
        self.members.insert(id.into(), member);
    }

    /// What happens between two rebalances: someone comes, someone goes, someone changes its mind, topics come and grow.
    fn change(&mut self) {
        for _ in 0..=self.rng.below(3) {
            match self.rng.below(6) {
                0 | 1 => self.join(),
                2 if self.members.len() > 1 => {
                    let at = self.below(self.members.len() as u64);
                    let id = Arc::clone(self.members.keys().nth(at).unwrap());
                    self.members.remove(&id);
                }
                3 => {
                    let (at, topics) = (self.below(self.members.len() as u64), self.subscription());
                    self.members.values_mut().nth(at).unwrap().topics = topics;
                }
                4 => self.new_topic(),
                _ => {
                    let at = self.below(self.topics.len() as u64);
                    self.topics.values_mut().nth(at).unwrap().1 += 3;
                }
            }
        }
    }

    fn spec(&self, subscription_type: SubscriptionType) -> GroupSpec {
        let id_of = |name: &str| self.topics.get(name).map(|(id, _)| *id);
        let spec = |member: &Member| MemberSpec {
            instance_id: member.instance_id.clone(),
            subscribed: Arc::new(SubscribedTopics::resolve(
                member.topics.iter().map(String::as_str),
                id_of,
            )),
            target: Arc::clone(&member.target),
        };
        GroupSpec {
            members: self
                .members
                .iter()
                .map(|(id, member)| (Arc::clone(id), spec(member)))
                .collect(),
            subscription_type,
        }
    }

    /// Rebalances, and writes down the group as it was and what came of it.
    fn rebalance(&mut self, input: &mut String, output: &mut Vec<String>) {
        // Half of the groups are homogeneous; then everyone has the first member's subscription.
        let homogeneous = self.rng.below(2) == 0;
        let subscription_type = if homogeneous {
            SubscriptionType::Homogeneous
        } else {
            SubscriptionType::Heterogeneous
        };
        if homogeneous {
            let topics = self.members.values().next().unwrap().topics.clone();
            self.members
                .values_mut()
                .for_each(|member| member.topics.clone_from(&topics));
        }
        self.tell(subscription_type, input);
        let counts: BTreeMap<Uuid, i32> = self.topics.values().copied().collect();
        let assignment = self
            .assignor
            .assign(&self.spec(subscription_type), &|id| counts.get(&id).copied());
        let assignment = assignment.unwrap();
        for (id, member) in &mut self.members {
            member.target = assignment.members.get(id).cloned().unwrap_or_default();
        }
        output.push(shown(&assignment));
    }

    fn tell(&self, subscription_type: SubscriptionType, input: &mut String) {
        let kind = format!("{subscription_type:?}").to_uppercase();
        writeln!(input, "group {} {kind}", self.assignor.name()).unwrap();
        for (name, (id, partitions)) in &self.topics {
            writeln!(input, "topic {id} {name} {partitions}").unwrap();
        }
        for (id, member) in &self.members {
            let topics = member.topics.iter().cloned().collect::<Vec<_>>().join(",");
            let topics = if topics.is_empty() { "-" } else { &topics };
            writeln!(
                input,
                "member {id} {} {topics}",
                member.instance_id.as_deref().unwrap_or("-")
            )
            .unwrap();
            for (topic, partitions) in member.target.iter() {
                let partitions: Vec<String> = partitions.iter().map(i32::to_string).collect();
                writeln!(input, "target {id} {topic} {}", partitions.join(",")).unwrap();
            }
        }
        writeln!(input, "assign").unwrap();
    }
}

fn shown(assignment: &GroupAssignment) -> String {
    let mut text = String::new();
    for (id, target) in &assignment.members {
        let mut topics: Vec<String> = target
            .iter()
            .map(|(topic, partitions)| {
                let partitions: Vec<String> = partitions.iter().map(i32::to_string).collect();
                format!("{topic}=[{}]", partitions.join(", "))
            })
            .collect();
        topics.sort();
        writeln!(text, "{id} {{{}}}", topics.join(", ")).unwrap();
    }
    text
}

fn kafkas(input: &str) -> Vec<String> {
    let text = java::answers("Assignors.java", input).unwrap();
    text.split_terminator("end\n").map(str::to_owned).collect()
}

#[test]
fn every_member_gets_the_partitions_that_kafka_gives_it() {
    let (mut input, mut ours, mut names) = (String::new(), Vec::new(), Vec::new());
    for seed in 0..GROUPS {
        let mut story = Story::begin(seed);
        for step in 0..REBALANCES {
            let before = input.len();
            story.rebalance(&mut input, &mut ours);
            names.push((seed, step, before..input.len()));
            story.change();
        }
    }
    let theirs = kafkas(&input);
    assert_eq!(theirs.len(), ours.len());
    let mut different = Vec::new();
    for ((theirs, ours), (seed, step, told)) in theirs.iter().zip(&ours).zip(names) {
        if theirs != ours {
            different.push(format!(
                "seed {seed}, rebalance {step}:\n{}\nkafka:\n{theirs}\nours:\n{ours}",
                &input[told]
            ));
        }
    }
    assert!(
        different.is_empty(),
        "{} of {} differ; the first: {}",
        different.len(),
        ours.len(),
        different[0]
    );
}
