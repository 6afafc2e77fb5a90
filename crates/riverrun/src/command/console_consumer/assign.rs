//! From topics to partitions, again and again: topics appear and grow.

use super::check::{Plan, PlannedTopics};
use crate::command::topic_filter::is_internal;
use base::TopicPartition;
use client::consume::{Consumer, OffsetReset, StartAt};
use client::{Cluster, TopicMetadata, Topics};
use protocol::ErrorCode;
use regex_lite::Regex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How soon a topic is looked for again that is not there.
const SOON: Duration = Duration::from_secs(1);

/// The partitions that are wanted.
pub struct Wanted {
    cluster: Cluster,
    topics: WantedTopics,
    partition: Option<(i32, StartAt)>,
    start: StartAt,
    look_again: Instant,
}

enum WantedTopics {
    Named(String),
    Matching(Regex),
}

impl Wanted {
    /// What the plan wants; `reset` says where to begin if it does not.
    pub fn new(cluster: Cluster, plan: &Plan, reset: OffsetReset) -> anyhow::Result<Self> {
        let topics = match &plan.topics {
            PlannedTopics::Named(name) => WantedTopics::Named(name.clone()),
            PlannedTopics::Matching(pattern) => WantedTopics::Matching(Regex::new(&format!("^(?:{pattern})$"))?),
        };
        let start = match reset {
            OffsetReset::Earliest => StartAt::Earliest,
            OffsetReset::Latest => StartAt::Latest,
            OffsetReset::None => anyhow::bail!(
                "auto.offset.reset=none leaves nowhere to begin: this consumer belongs to no group that remembers"
            ),
        };
        Ok(Self {
            cluster,
            topics,
            partition: plan.partition,
            start,
            look_again: Instant::now(),
        })
    }

    /// When to look again.
    pub fn look_again(&self) -> Instant {
        self.look_again
    }

    /// Adds the partitions that there are to the consumer.
    pub async fn assign(&mut self, consumer: &mut Consumer) -> anyhow::Result<()> {
        let found = match &self.topics {
            // Kafka's consumer lets the broker create a topic that is missing.
            WantedTopics::Named(name) => {
                self.cluster
                    .metadata(Topics::NamedOrCreated(std::slice::from_ref(name)))
                    .await?
            }
            WantedTopics::Matching(pattern) => {
                let mut all = self.cluster.metadata(Topics::All).await?;
                all.retain(|topic| pattern.is_match(&topic.name) && !is_internal(&topic.name));
                all
            }
        };
        let mut assigned = false;
        for topic in found {
            assigned |= self.add(consumer, &topic)?;
        }
        let pause = if assigned {
            self.cluster.settings().metadata_max_age
        } else {
            SOON
        };
        self.look_again = Instant::now() + pause;
        Ok(())
    }

    fn add(&self, consumer: &mut Consumer, topic: &Arc<TopicMetadata>) -> anyhow::Result<bool> {
        match topic.error {
            ErrorCode::None => {}
            code if code.is_retriable() => return Ok(false),
            code => anyhow::bail!("{}: {}", topic.name, code.message()),
        }
        let name: Arc<str> = topic.name.as_str().into();
        if let Some((partition, start)) = self.partition {
            let there = topic.partitions.iter().any(|found| found.index == partition);
            if there {
                consumer.add(TopicPartition::new(name, partition), start);
            }
            return Ok(there);
        }
        for partition in &topic.partitions {
            consumer.add(TopicPartition::new(Arc::clone(&name), partition.index), self.start);
        }
        Ok(!topic.partitions.is_empty())
    }
}
