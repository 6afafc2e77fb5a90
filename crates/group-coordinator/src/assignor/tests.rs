//! What holds of every assignment. That it is Kafka's is tested beside Kafka: `testkit/tests/assignors.rs`.

use super::{GroupSpec, MemberSpec, PartitionAssignor, PartitionAssignorError, SubscribedTopics, SubscriptionType};
use base::{Rng, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn id(number: u8) -> Uuid {
    Uuid([number; 16])
}

fn topic_of(name: &str) -> Option<Uuid> {
    name.parse().ok().map(id)
}

fn group(members: u32, topics: impl Fn(u32) -> Vec<u8>, subscription_type: SubscriptionType) -> GroupSpec {
    let spec = |number| {
        let names: Vec<String> = topics(number).iter().map(u8::to_string).collect();
        MemberSpec {
            subscribed: Arc::new(SubscribedTopics::resolve(names.iter().map(String::as_str), topic_of)),
            ..MemberSpec::default()
        }
    };
    GroupSpec {
        members: (0..members)
            .map(|number| (format!("member-{number}").into(), spec(number)))
            .collect(),
        subscription_type,
    }
}

/// Assigns, checks that each partition of the subscribed topics has one owner that wants it, and makes the result the
/// members' target. Returns how many partitions changed hands.
fn assign(group: &mut GroupSpec, assignor: PartitionAssignor, partitions: i32) -> usize {
    let assignment = assignor.assign(group, &|_| Some(partitions)).unwrap();
    let (mut owned, mut wanted, mut moved) = (BTreeSet::new(), BTreeSet::<Uuid>::new(), 0);
    for (member_id, member) in &mut group.members {
        wanted.extend(member.subscribed.ids());
        let target = assignment.members.get(member_id).cloned().unwrap_or_default();
        for (topic, partitions) in target.iter() {
            assert!(
                !partitions.is_empty() && member.subscribed.ids().contains(topic),
                "{member_id}: {target:?}"
            );
            for partition in partitions {
                assert!(owned.insert((*topic, *partition)), "{topic}-{partition} has two owners");
                moved += usize::from(
                    !member
                        .target
                        .get(topic)
                        .is_some_and(|before| before.contains(partition)),
                );
            }
        }
        member.target = target;
    }
    assert_eq!(owned.len(), wanted.len() * usize::try_from(partitions).unwrap());
    moved
}

fn loads(group: &GroupSpec) -> Vec<usize> {
    group
        .members
        .values()
        .map(|member| member.target.values().map(BTreeSet::len).sum())
        .collect()
}

#[test]
fn uniform_is_level_and_moves_only_what_it_must() {
    for seed in 0..50 {
        let mut rng = Rng::from_seed(seed);
        let (members, partitions) = (1 + rng.below(9), 1 + rng.below(30));
        let (members, partitions) = (u32::try_from(members).unwrap(), i32::try_from(partitions).unwrap());
        let mut group = group(members, |_| vec![1, 2, 3], SubscriptionType::Homogeneous);
        assign(&mut group, PartitionAssignor::Uniform, partitions);
        let loads = loads(&group);
        assert!(
            loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1,
            "seed {seed}: {loads:?}"
        );
        let before = group.clone();
        assert_eq!(
            assign(&mut group, PartitionAssignor::Uniform, partitions),
            0,
            "seed {seed}"
        );
        for (id, member) in &group.members {
            assert!(
                Arc::ptr_eq(&member.target, &before.members[id].target),
                "seed {seed}: {id} was copied"
            );
        }
        // Someone goes: only what was its moves.
        let (_, gone) = group.members.pop_first().unwrap();
        if !group.members.is_empty() {
            let moved = assign(&mut group, PartitionAssignor::Uniform, partitions);
            assert_eq!(
                moved,
                gone.target.values().map(BTreeSet::len).sum::<usize>(),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn uniform_levels_each_topic_among_those_who_want_it() {
    let topics = |number| if number % 2 == 0 { vec![1] } else { vec![1, 2] };
    let mut group = group(6, topics, SubscriptionType::Heterogeneous);
    assign(&mut group, PartitionAssignor::Uniform, 12);
    assert_eq!(loads(&group), [4; 6]);
}

#[test]
fn range_puts_static_members_first_and_cuts_topics_alike() {
    let mut group = group(3, |_| vec![1, 2], SubscriptionType::Homogeneous);
    group.members.get_mut("member-2").unwrap().instance_id = Some("a".into());
    assign(&mut group, PartitionAssignor::Range, 4);
    let both =
        |range: std::ops::Range<i32>| BTreeMap::from([(id(1), range.clone().collect()), (id(2), range.collect())]);
    assert_eq!(*group.members["member-2"].target, both(0..2));
    assert_eq!(*group.members["member-0"].target, both(2..3));
    assert_eq!(*group.members["member-1"].target, both(3..4));
}

#[test]
fn a_topic_that_went_away_is_an_error_and_a_group_without_topics_is_not() {
    for kind in [SubscriptionType::Homogeneous, SubscriptionType::Heterogeneous] {
        let gone = PartitionAssignor::Uniform.assign(&group(2, |_| vec![1], kind), &|_| None);
        assert_eq!(gone, Err(PartitionAssignorError::NoSuchTopic(id(1))));
        let gone = PartitionAssignor::Range.assign(&group(2, |_| vec![1], kind), &|_| None);
        assert_eq!(gone, Err(PartitionAssignorError::NoSuchTopicInRange(id(1))));
        for assignor in PartitionAssignor::ALL {
            for members in [0, 2] {
                assert_eq!(assign(&mut group(members, |_| vec![], kind), assignor, 3), 0);
            }
        }
    }
}

/// 1,000 members and 10,000 partitions: quadratic work would show.
#[test]
fn a_large_group_is_assigned() {
    for (kind, assignor) in [
        (SubscriptionType::Homogeneous, PartitionAssignor::Uniform),
        (SubscriptionType::Heterogeneous, PartitionAssignor::Uniform),
        (SubscriptionType::Heterogeneous, PartitionAssignor::Range),
    ] {
        let mut group = group(1_000, |_| (0..100).collect(), kind);
        assign(&mut group, assignor, 100);
        group.members.pop_first();
        assign(&mut group, assignor, 100);
    }
}
