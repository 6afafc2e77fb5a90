//! Where records come from: partitions that the tool names itself, or those that its group gives it.

use super::assign::Wanted;
use base::{Offset, TopicPartition};
use client::consume::group::GroupConsumer;
use client::consume::{Chunk, Consumer};
use std::time::Duration;
use tokio::time::Instant;

/// Where records come from.
pub enum Source {
    /// Partitions that the tool names itself.
    Partitions { consumer: Consumer, wanted: Wanted },
    /// Those that the group gives.
    Group(GroupConsumer),
}

impl Source {
    /// The next records, or none when `patience` is over.
    pub async fn poll(&mut self, patience: Duration) -> anyhow::Result<Vec<Chunk>> {
        Ok(match self {
            Self::Partitions { consumer, wanted } => {
                if Instant::now() >= wanted.look_again() {
                    wanted.assign(consumer).await?;
                }
                consumer.poll(patience).await?
            }
            Self::Group(consumer) => consumer.poll(patience).await?,
        })
    }

    /// Records from `offset` on were not printed after all: the group is to read them again.
    pub fn not_printed(&mut self, partition: &TopicPartition, offset: Offset) {
        if let Self::Group(consumer) = self {
            consumer.seek(partition, offset);
        }
    }

    /// Commits and leaves the group, if there is one.
    pub async fn close(self) {
        if let Self::Group(consumer) = self {
            consumer.close().await;
        }
    }
}
