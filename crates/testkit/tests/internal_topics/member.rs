//! A member of a KIP-848 group by hand: it joins, takes what it is given, and is silent while the broker is replaced.

use anyhow::{Result, ensure};
use protocol::messages::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use protocol::messages::consumer_group_heartbeat_request::{ConsumerGroupHeartbeatRequest, TopicPartitions};
use testkit::Talk;
use testkit::talk::eventually;

use super::transaction::{GROUP, find, patiently};

/// The only member of its group.
#[derive(Debug)]
pub struct Member {
    group: String,
    epoch: i32,
    owned: Vec<TopicPartitions>,
}

impl Member {
    /// Joins, and waits until all of the topic is its own.
    pub fn join(talk: &mut Talk, group: &str, topic: &str) -> Result<Member> {
        let mut member = Member {
            group: group.to_owned(),
            epoch: 0,
            owned: Vec::new(),
        };
        find(talk, GROUP, group)?;
        let join = ConsumerGroupHeartbeatRequest {
            rebalance_timeout_ms: 60_000,
            subscribed_topic_names: Some(vec![topic.to_owned()]),
            server_assignor: Some("uniform".to_owned()),
            ..member.heartbeat()
        };
        let mut request = join;
        eventually("the member is given the topic", || {
            let answer = patiently(talk, &request, 1, |answer| answer.error_code)?;
            member.epoch = answer.member_epoch;
            let given = answer
                .assignment
                .map(|given| given.topic_partitions)
                .unwrap_or_default();
            member.owned.extend(given.into_iter().map(|given| TopicPartitions {
                topic_id: given.topic_id,
                partitions: given.partitions,
            }));
            request = member.heartbeat();
            Ok((!member.owned.is_empty()).then_some(()))
        })?;
        patiently(talk, &request, 1, |answer| answer.error_code)?;
        Ok(member)
    }

    /// Goes on where it was, at a broker that has never heard of it, and leaves.
    pub fn go_on(&mut self, talk: &mut Talk) -> Result<()> {
        find(talk, GROUP, &self.group)?;
        let describe = ConsumerGroupDescribeRequest {
            group_ids: vec![self.group.clone()],
            ..Default::default()
        };
        let described = patiently(talk, &describe, 0, |answer| answer.groups[0].error_code)?;
        let group = &described.groups[0];
        ensure!(
            group.members.len() == 1 && group.group_state == "Stable",
            "{self:?}: {group:?}"
        );
        ensure!(group.members[0].member_epoch == self.epoch, "{self:?}: {group:?}");
        let assigned = group.members[0].assignment.topic_partitions.iter();
        let assigned: Vec<_> = assigned
            .map(|topic| (topic.topic_id, topic.partitions.clone()))
            .collect();
        let owned: Vec<_> = self
            .owned
            .iter()
            .map(|topic| (topic.topic_id, topic.partitions.clone()))
            .collect();
        ensure!(assigned == owned, "{self:?}: {group:?}");
        let answer = patiently(talk, &self.heartbeat(), 1, |answer| answer.error_code)?;
        ensure!(answer.member_epoch == self.epoch, "{self:?}: {answer:?}");
        self.epoch = -1;
        patiently(talk, &self.heartbeat(), 1, |answer| answer.error_code).map(drop)
    }

    fn heartbeat(&self) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest {
            group_id: self.group.clone(),
            member_id: format!("member-of-{}", self.group),
            member_epoch: self.epoch,
            rebalance_timeout_ms: -1,
            topic_partitions: (self.epoch >= 0).then(|| self.owned.clone()),
            ..Default::default()
        }
    }
}
