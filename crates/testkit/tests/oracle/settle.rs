//! Waiting until a change has reached the answering broker on both sides, so that what follows compares like with like.

use std::time::{Duration, Instant};

use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::describe_client_quotas_request::{ComponentData, DescribeClientQuotasRequest};
use protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::metadata_response::MetadataResponseTopic;

use super::pair::{Pair, Side};
use super::tree::Split;
use protocol::Request;

/// How long a change may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

impl Side {
    /// Polls until it holds; what came of it, for the comparison with the other side.
    pub fn until(&mut self, mut holds: impl FnMut(&mut Side) -> bool) -> &'static str {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            if Instant::now() > deadline {
                return "it does not become so";
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        "it becomes so"
    }

    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        let answer = self.wire().call(version, request);
        if answer.is_err() {
            self.hang_up();
        }
        answer.ok()
    }

    fn topic(&mut self, name: &str) -> Option<MetadataResponseTopic> {
        let topic = MetadataRequestTopic {
            name: Some(name.to_owned()),
            ..Default::default()
        };
        let request = MetadataRequest {
            topics: Some(vec![topic]),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let answer = self.ask(12, &request)?;
        answer.topics.into_iter().next().filter(|topic| topic.error_code == 0)
    }

    fn leads(&mut self, name: &str, count: usize) -> bool {
        let partition = |index: usize| ListOffsetsPartition {
            partition_index: i32::try_from(index).expect("few partitions"),
            timestamp: -1,
            ..Default::default()
        };
        let topic = ListOffsetsTopic {
            name: name.to_owned(),
            partitions: (0..count).map(partition).collect(),
        };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![topic],
            ..Default::default()
        };
        let Some(answer) = self.ask(7, &request) else {
            return false;
        };
        answer
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .all(|partition| partition.error_code == 0)
    }
}

impl Pair {
    /// Waits until it holds on both sides; a side that does not come to it is a difference.
    pub fn settled(&mut self, what: &str, mut holds: impl FnMut(&mut Side) -> bool) {
        let [left, right] = [0, 1].map(|side| self.sides[side].until(&mut holds));
        assert_eq!(left, "it becomes so", "the left broker, which is right: {what}");
        if left != right {
            let split = Split {
                path: what.to_owned(),
                left: left.to_owned(),
                right: right.to_owned(),
            };
            self.note("(wait)", 0, what, vec![split]);
        }
    }

    /// Creates a topic that other cases use, and waits for it.
    pub fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let configs = configs.iter().map(|(key, value)| CreatableTopicConfig {
            name: (*key).to_owned(),
            value: Some((*value).to_owned()),
        });
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            ..Default::default()
        };
        self.once(7, &format!("create {name}"), |_| request.clone());
        self.settle(name, usize::try_from(partitions).expect("a count"));
    }

    /// Waits until both brokers lead all partitions of the topic, and learns its id.
    pub fn settle(&mut self, name: &str, partitions: usize) {
        self.settled(&format!("{name} has {partitions} partitions"), |side| {
            let Some(topic) = side.topic(name) else { return false };
            side.ids.insert(name.to_owned(), topic.topic_id);
            topic.partitions.len() == partitions && side.leads(name, partitions)
        });
    }

    /// Waits until neither broker knows the topic.
    pub fn settle_gone(&mut self, name: &str) {
        self.settled(&format!("{name} is gone"), |side| side.topic(name).is_none());
    }

    /// Waits until both brokers describe a config with this value.
    pub fn settle_config(&mut self, resource_type: i8, resource_name: &str, key: &str, value: &str) {
        let resource = DescribeConfigsResource {
            resource_type,
            resource_name: resource_name.to_owned(),
            configuration_keys: Some(vec![key.to_owned()]),
        };
        let request = DescribeConfigsRequest {
            resources: vec![resource],
            ..Default::default()
        };
        self.settled(&format!("{key} of {resource_name} is {value}"), |side| {
            let answer = side.ask(4, &request);
            let mut configs = answer
                .iter()
                .flat_map(|answer| &answer.results)
                .flat_map(|result| &result.configs);
            configs.any(|config| config.value.as_deref() == Some(value))
        });
    }

    /// Takes one producer id from both brokers.
    pub fn settle_producer_ids(&mut self) {
        let request = InitProducerIdRequest {
            transactional_id: None,
            ..Default::default()
        };
        self.settled("a producer id", |side| {
            side.ask(4, &request).is_some_and(|answer| answer.error_code == 0)
        });
    }

    /// Waits until both brokers find a coordinator of this kind.
    pub fn settle_coordinator(&mut self, kind: i8) {
        let request = FindCoordinatorRequest {
            key: "g".to_owned(),
            key_type: kind,
            ..Default::default()
        };
        self.settled(&format!("a coordinator of kind {kind}"), |side| {
            side.ask(3, &request).is_some_and(|answer| answer.error_code == 0)
        });
    }

    /// Waits until both brokers have read what there is of these groups.
    pub fn settle_groups(&mut self, groups: &[&str]) {
        for group in groups {
            let request = HeartbeatRequest {
                group_id: (*group).to_owned(),
                ..Default::default()
            };
            // Read: the member is not known.
            self.settled(&format!("group `{group}` is read"), |side| {
                side.ask(4, &request)
                    .is_some_and(|answer| [24, 25].contains(&answer.error_code))
            });
        }
    }

    /// Waits until both brokers describe this quota of a client.
    pub fn settle_quota(&mut self, client: &str, key: &str, value: f64) {
        let component = ComponentData {
            entity_type: "client-id".to_owned(),
            match_type: 0,
            r#match: Some(client.to_owned()),
        };
        let request = DescribeClientQuotasRequest {
            components: vec![component],
            strict: false,
        };
        self.settled(&format!("{key} of {client}"), |side| {
            let entries = side
                .ask(1, &request)
                .and_then(|answer| answer.entries)
                .unwrap_or_default();
            let mut values = entries.iter().flat_map(|entry| &entry.values);
            values.any(|found| found.key == key && (found.value - value).abs() < 1e-9)
        });
    }
}
