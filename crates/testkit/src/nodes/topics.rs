//! The topics of a running cluster, as each of its brokers knows them, and what is done with them.

use anyhow::{Context, Result, ensure};
use base::Uuid;
use protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use protocol::messages::elect_leaders_request::{ElectLeadersRequest, TopicPartitions};
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use std::collections::BTreeMap;
use std::time::Duration;

use super::{Node, Nodes};
use crate::Talk;
use crate::batch::{Batch, values};
use crate::talk::{eventually, records, until};

/// How long a broker may take to answer; a frozen one does not.
const QUESTION: Duration = Duration::from_secs(5);

/// A partition as a broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// Who leads it; -1 if nobody does.
    pub leader: i32,
    /// The leader's epoch.
    pub epoch: i32,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those in sync, in the order of their ids.
    pub isr: Vec<i32>,
}

/// Every topic with its id and partitions.
pub type TopicsView = BTreeMap<String, (Uuid, Vec<PartitionView>)>;

impl Node {
    /// A connection to its client listener that does not wait for ever.
    pub fn talk(&self) -> Result<Talk> {
        let mut talk = Talk::at(self.client_address())?;
        talk.wire().set_timeout(QUESTION)?;
        Ok(talk)
    }

    /// The topics that this broker knows: all of them, or those named.
    pub fn topics(&self, names: Option<&[&str]>) -> Result<TopicsView> {
        let topic = |name: &&str| MetadataRequestTopic {
            name: Some((*name).to_owned()),
            ..Default::default()
        };
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(topic).collect()),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let answer = self.talk()?.ask(&request, 12)?;
        let mut topics = TopicsView::new();
        for topic in answer.topics.into_iter().filter(|topic| topic.error_code == 0) {
            let mut partitions = topic.partitions;
            partitions.sort_by_key(|partition| partition.partition_index);
            let partitions = partitions.into_iter().map(|mut partition| {
                partition.isr_nodes.sort_unstable();
                PartitionView {
                    leader: partition.leader_id,
                    epoch: partition.leader_epoch,
                    replicas: partition.replica_nodes,
                    isr: partition.isr_nodes,
                }
            });
            let name = topic.name.context("a topic asked for by name has one")?;
            topics.insert(name, (topic.topic_id, partitions.collect()));
        }
        Ok(topics)
    }

    /// A partition as this broker knows it; none while it does not.
    pub fn partition(&self, topic: &str, index: usize) -> Result<Option<PartitionView>> {
        let mut topics = self.topics(Some(&[topic]))?;
        Ok(topics
            .remove(topic)
            .and_then(|(_, partitions)| partitions.into_iter().nth(index)))
    }
}

impl Nodes {
    /// The brokers that run.
    pub fn brokers(&self) -> impl Iterator<Item = &Node> {
        self.iter().filter(|node| node.is_running() && node.is_broker())
    }

    /// Creates a topic through one broker, its replicas placed by `assignments`, the preferred leader of each partition
    /// first; waits until all of them are in sync and every broker knows so.
    pub fn create_topic(
        &self,
        through: i32,
        name: &str,
        assignments: &[&[i32]],
        configs: &[(&str, &str)],
    ) -> Result<()> {
        let assignment = |(index, replicas): (i32, &&[i32])| CreatableReplicaAssignment {
            partition_index: index,
            broker_ids: replicas.to_vec(),
        };
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        };
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: (0..).zip(assignments).map(assignment).collect(),
            configs: configs.iter().map(config).collect(),
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: 30_000,
            validate_only: false,
        };
        let mut talk = Talk::at(self.node(through).client_address())?;
        let answer = talk.ask(&request, 7)?.topics.pop().context("an answer for the topic")?;
        ensure!(
            answer.error_code == 0,
            "{name}: {} {:?}",
            answer.error_code,
            answer.error_message
        );
        for (index, replicas) in assignments.iter().enumerate() {
            self.until_in_sync(name, index, replicas)?;
        }
        Ok(())
    }

    /// Waits until every running broker knows exactly these replicas of the partition as in sync.
    pub fn until_in_sync(&self, topic: &str, index: usize, replicas: &[i32]) -> Result<()> {
        let mut wanted = replicas.to_vec();
        wanted.sort_unstable();
        for node in self.brokers() {
            let mut seen = None;
            until("the replicas in sync", || {
                seen = node.partition(topic, index).ok().flatten();
                Ok(seen.as_ref().is_some_and(|seen| seen.isr == wanted && seen.leader >= 0))
            })
            .with_context(|| {
                format!(
                    "{topic}-{index} at node {}: wanted {wanted:?}, seen {seen:?}",
                    node.id()
                )
            })
            .with_context(|| self.log_tails())?;
        }
        Ok(())
    }

    /// Waits until these brokers, for others may hang, see the partition as wanted; answers who leads it.
    pub fn seen_by(
        &self,
        brokers: &[i32],
        topic: &str,
        index: usize,
        wanted: impl Fn(&PartitionView) -> bool,
    ) -> Result<i32> {
        let mut leader = -1;
        for broker in brokers {
            let mut seen = None;
            until("the partition as wanted", || {
                seen = self.node(*broker).partition(topic, index).ok().flatten();
                Ok(seen.as_ref().is_some_and(|seen| seen.leader >= 0 && wanted(seen)))
            })
            .with_context(|| format!("{topic}-{index} at node {broker}: seen {seen:?}"))?;
            leader = seen.map_or(-1, |seen| seen.leader);
        }
        Ok(leader)
    }

    /// Waits until every running broker knows this leader of the partition.
    pub fn until_led_by(&self, topic: &str, index: usize, leader: i32) -> Result<()> {
        for node in self.brokers() {
            let mut seen = None;
            until("the leader", || {
                seen = node.partition(topic, index).ok().flatten();
                Ok(seen.as_ref().is_some_and(|seen| seen.leader == leader))
            })
            .with_context(|| format!("{topic}-{index} at node {}: wanted {leader}, seen {seen:?}", node.id()))
            .with_context(|| self.log_tails())?;
        }
        Ok(())
    }

    /// Who leads the partition, once anybody does.
    pub fn leader_of(&self, topic: &str, index: usize) -> Result<i32> {
        let found = eventually("a leader", || {
            let mut views = self
                .brokers()
                .filter_map(|node| node.partition(topic, index).ok().flatten());
            Ok(views.find(|view| view.leader >= 0).map(|view| view.leader))
        });
        found.with_context(|| self.log_tails())
    }

    /// Has the preferred leader of a partition elected; it must be in sync.
    pub fn elect_preferred(&self, topic: &str, index: i32) -> Result<()> {
        let request = ElectLeadersRequest {
            election_type: 0,
            topic_partitions: Some(vec![TopicPartitions {
                topic: topic.to_owned(),
                partitions: vec![index],
            }]),
            timeout_ms: 30_000,
        };
        let node = self.brokers().next().context("a running broker")?;
        let answer = node.talk()?.ask(&request, 2)?;
        ensure!(answer.error_code == 0, "ElectLeaders: error {}", answer.error_code);
        for result in answer
            .replica_election_results
            .iter()
            .flat_map(|topic| &topic.partition_result)
        {
            // ELECTION_NOT_NEEDED: it leads already.
            ensure!(
                matches!(result.error_code, 0 | 84),
                "ElectLeaders: error {} {:?}",
                result.error_code,
                result.error_message
            );
        }
        Ok(())
    }

    /// Appends a batch with acks=all at whoever leads, trying again while nobody does or the answer says that another does;
    /// answers the offset. What is tried again may be there twice: give it to an idempotent batch where that matters.
    pub fn append(&self, topic: &str, index: i32, batch: &Batch) -> Result<i64> {
        let bytes = batch.encode();
        let mut last = None;
        let offset = eventually("an acknowledged append", || {
            let leader = self.leader_of(topic, usize::try_from(index)?)?;
            let asked = self.node(leader).talk();
            match asked.and_then(|mut talk| talk.produce(topic, index, -1, bytes.clone())) {
                Ok(answer) if answer.error_code == 0 => return Ok(Some(answer.base_offset)),
                Ok(answer) => last = Some(format!("error {} {:?}", answer.error_code, answer.error_message)),
                Err(error) => last = Some(format!("{error:#}")),
            }
            Ok(None)
        });
        offset
            .with_context(|| format!("{topic}-{index}: {last:?}"))
            .with_context(|| self.log_tails())
    }

    /// Every committed record of a partition, by its offset, as its leader serves it to consumers.
    pub fn read(&self, topic: &str, index: i32) -> Result<Vec<(i64, Option<Vec<u8>>)>> {
        let leader = self.leader_of(topic, usize::try_from(index)?)?;
        let mut talk = self.node(leader).talk()?;
        let mut found = Vec::new();
        loop {
            let next = found.last().map_or(0, |(offset, _): &(i64, _)| offset + 1);
            let answer = talk.fetch(topic, index, next)?;
            ensure!(answer.error_code == 0, "Fetch: error {}", answer.error_code);
            let more = values(records(&answer));
            let before = found.len();
            found.extend(more.into_iter().filter(|(offset, _)| *offset >= next));
            if found.len() == before {
                return Ok(found);
            }
        }
    }
}
