//! What every kind of member needs: its coordinator, and the way to the consumer.

use super::membership::{Event, Shared};
use super::settings::GroupSettings;
use super::subscription::Subscription;
use crate::channel::Channel;
use crate::cluster::Cluster;
use crate::coordinator::{CoordinatorType, find_coordinator};
use crate::error::ClientError;
use base::TopicPartition;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What every kind of member needs.
pub(super) struct Member {
    pub cluster: Cluster,
    pub settings: Arc<GroupSettings>,
    pub subscription: Subscription,
    pub shared: Arc<Shared>,
    pub events: mpsc::Sender<Event>,
    /// The connection to the coordinator, until it proves wrong.
    pub coordinator: Option<Channel>,
}

impl Member {
    /// A connection to the group's coordinator.
    pub async fn coordinator(&mut self) -> Result<Channel, ClientError> {
        if let Some(channel) = self.coordinator.as_ref().filter(|channel| channel.is_open()) {
            return Ok(channel.clone());
        }
        let node = find_coordinator(&self.cluster, CoordinatorType::Group, &self.settings.group_id).await?;
        let channel = self.cluster.at(&node.address).await?;
        self.coordinator = Some(channel.clone());
        Ok(channel)
    }

    /// The first pause after something went wrong.
    pub fn backoff(&self) -> Duration {
        self.cluster.settings().retry_backoff
    }

    /// Whether the caller has not asked for records for too long.
    pub fn is_stalled(&self) -> bool {
        self.shared.unpolled() > self.settings.max_poll_interval
    }

    /// Tells the consumer what to read; it answers when it does.
    pub async fn offer(&self, partitions: Vec<TopicPartition>) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        // A consumer that is gone ends this task, too.
        drop(self.events.send(Event::Assign { partitions, done }).await);
        answer
    }
}
