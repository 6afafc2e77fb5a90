//! Clients of the consumer protocol (KIP-848), and what they look at.

use super::{Host, settings};
use base::Uuid;
use group_coordinator::consumer::heartbeat::Heartbeat;
use group_coordinator::op::consumer_group_describe::consumer_group_describe;
use group_coordinator::op::consumer_group_heartbeat::consumer_group_heartbeat;
use group_coordinator::op::list_groups::list_groups;
use group_coordinator::topics::Topic;
use group_coordinator::{Answer, GroupCounts, GroupRecord, GroupSettings, Picture};
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request::{ConsumerGroupHeartbeatRequest, TopicPartitions};
use protocol::messages::consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse;
use std::fmt::Write;
use std::time::Duration;

pub const HEARTBEAT: Duration = Duration::from_secs(5);

pub fn id(letter: u8) -> Uuid {
    Uuid([letter; 16])
}

pub fn topic(name: &str, partitions: usize) -> Topic {
    Topic::new(name.into(), id(name.as_bytes()[0]), vec![Vec::new(); partitions])
}

/// A cluster with topic `t` of four partitions and `u` of two.
pub fn picture() -> Picture {
    let mut picture = Picture::default();
    picture.topics.begin(10);
    picture.topics.insert(topic("t", 4));
    picture.topics.insert(topic("u", 2));
    picture
}

/// A coordinator whose targets are computed at once.
pub fn started() -> Host {
    let mut host = Host::new(eager());
    host.see(picture());
    host
}

pub fn eager() -> GroupSettings {
    let mut settings = settings();
    settings.consumer.assignment_interval = Duration::ZERO;
    settings
}

/// One client: it says in full what it wants and has when it joins, and what it has once that changes.
pub struct Client {
    pub id: String,
    pub instance: Option<String>,
    pub epoch: i32,
    pub topics: Vec<String>,
    pub owned: Vec<(Uuid, Vec<i32>)>,
    pub told: bool,
}

impl Client {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            instance: None,
            epoch: 0,
            topics: vec!["t".into()],
            owned: Vec::new(),
            told: true,
        }
    }

    pub fn named(id: &str, instance: &str) -> Self {
        Self {
            instance: Some(instance.into()),
            ..Self::new(id)
        }
    }

    pub fn request(&self) -> ConsumerGroupHeartbeatRequest {
        let joins = self.epoch == 0;
        let owned = self.owned.iter().map(|(topic_id, partitions)| TopicPartitions {
            topic_id: *topic_id,
            partitions: partitions.clone(),
        });
        ConsumerGroupHeartbeatRequest {
            group_id: "g".into(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            instance_id: self.instance.clone(),
            rebalance_timeout_ms: if joins { 60_000 } else { -1 },
            subscribed_topic_names: joins.then(|| self.topics.clone()),
            topic_partitions: if joins {
                Some(Vec::new())
            } else {
                self.told.then(|| owned.collect())
            },
            ..Default::default()
        }
    }

    /// Sends a heartbeat, and does what the answer says.
    pub fn beat(&mut self, host: &mut Host) -> ErrorCode {
        let response = host.consumer_heartbeat(self.request());
        self.told = false;
        let error = ErrorCode::from(response.error_code);
        if error != ErrorCode::None {
            return error;
        }
        self.epoch = response.member_epoch;
        if let Some(assignment) = response.assignment {
            let topics = assignment.topic_partitions.into_iter();
            self.owned = topics.map(|topic| (topic.topic_id, topic.partitions)).collect();
            self.told = true;
        }
        ErrorCode::None
    }

    pub fn partitions(&self) -> Vec<i32> {
        self.owned
            .iter()
            .flat_map(|(_, partitions)| partitions.clone())
            .collect()
    }

    pub fn leave(&mut self, host: &mut Host, epoch: i32) -> ConsumerGroupHeartbeatResponse {
        self.epoch = epoch;
        let mut request = self.request();
        request.topic_partitions = None;
        host.consumer_heartbeat(request)
    }
}

pub trait ConsumerHost {
    fn see(&mut self, picture: Picture);
    fn consumer_heartbeat(&mut self, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse;
    fn described(&self) -> String;
    fn state(&self) -> String;
    fn last_records(&self, count: usize) -> String;
}

impl ConsumerHost for Host {
    fn see(&mut self, picture: Picture) {
        self.coordinator.see(self.runtime.latest(), picture);
    }

    fn consumer_heartbeat(&mut self, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
        let heartbeat = Heartbeat {
            request,
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
        };
        let token = self.run(|coordinator, state, moment, token| {
            consumer_group_heartbeat(coordinator, state, moment, &heartbeat, token)
        });
        match self.answer(token) {
            Some(Answer::ConsumerGroupHeartbeat(response)) => response,
            Some(Answer::Refused(error)) => ConsumerGroupHeartbeatResponse {
                error_code: error.code(),
                ..Default::default()
            },
            other => panic!("a heartbeat got {other:?}"),
        }
    }

    fn described(&self) -> String {
        let group = consumer_group_describe(&self.coordinator, self.runtime.committed(), "g").unwrap();
        let mut text = format!(
            "{} epoch {} target {} {}\n",
            group.group_state, group.group_epoch, group.assignment_epoch, group.assignor_name
        );
        for member in group.members {
            let show = |assignment: protocol::messages::consumer_group_describe_response::Assignment| {
                let topics = assignment.topic_partitions.into_iter();
                let topics = topics.map(|topic| format!("{}{:?}", topic.topic_name, topic.partitions));
                topics.collect::<Vec<_>>().join(" ")
            };
            let (has, target) = (show(member.assignment), show(member.target_assignment));
            writeln!(
                text,
                "{} epoch {} has {has} target {target}",
                member.member_id, member.member_epoch
            )
            .unwrap();
        }
        text
    }

    fn state(&self) -> String {
        let listed = list_groups(&self.coordinator, self.runtime.committed(), &Default::default());
        let (mut counts, mut expected) = (GroupCounts::default(), GroupCounts::default());
        counts.add(&self.coordinator, self.runtime.committed());
        expected.offsets = counts.offsets;
        for group in &listed {
            let of_protocol = match group.group_type.as_str() {
                "consumer" => &mut expected.consumer,
                _ => &mut expected.classic,
            };
            let state = of_protocol.iter_mut().find(|(state, _)| **state == group.group_state);
            *state.unwrap().1 += 1;
        }
        assert_eq!(counts, expected, "as many are counted as are listed");
        let listed = listed
            .iter()
            .map(|group| format!("{} {} {}", group.group_type, group.protocol_type, group.group_state));
        listed.collect::<Vec<_>>().join(", ")
    }

    fn last_records(&self, count: usize) -> String {
        let mut text = String::new();
        for (key, value) in &self.log[self.log.len() - count..] {
            let record = GroupRecord::decode(key, value.as_ref(), base::ProducerId::NONE)
                .unwrap()
                .unwrap();
            let record = format!("{record:?}");
            let name = record.split("record: ").nth(1).unwrap_or(&record);
            let end = name.find(['(', ' ']).unwrap_or(name.len());
            let kind = if value.is_some() { "" } else { " ends" };
            writeln!(text, "{}{kind}", &name[..end]).unwrap();
        }
        text
    }
}

/// Beats until nobody is told anything new.
pub fn settle(host: &mut Host, clients: &mut [&mut Client]) {
    for _ in 0..6 {
        for client in clients.iter_mut() {
            assert_eq!(client.beat(host), ErrorCode::None, "{}", client.id);
        }
    }
}
