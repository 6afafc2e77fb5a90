//! A member of a group of the new protocol (KIP-848): heartbeats say what the member has and hear what it is to have.

use super::member::Member;
use super::membership::Identity;
use crate::cluster::Topics;
use crate::error::ClientError;
use base::{Rng, TopicPartition, Uuid};
use protocol::ErrorCode;
use protocol::messages::consumer_group_heartbeat_request::{ConsumerGroupHeartbeatRequest, TopicPartitions};
use protocol::messages::consumer_group_heartbeat_response::{Assignment, ConsumerGroupHeartbeatResponse};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The epoch of a member that joins, of one that leaves, and of a static one that will be back.
const JOINS: i32 = 0;
const LEAVES: i32 = -1;
const WILL_BE_BACK: i32 = -2;
/// How soon a topic is looked for again that is not there, or not known yet by its id.
const SOON: Duration = Duration::from_secs(1);

/// A member of a group of the new protocol.
pub(super) struct Modern {
    member: Member,
    member_id: String,
    held: Vec<TopicPartition>,
    ids: BTreeMap<Uuid, Arc<str>>,
    /// How often the coordinator wants to hear of the member.
    interval: Duration,
}

impl Modern {
    pub fn new(member: Member) -> Self {
        let interval = member.settings.heartbeat_interval;
        Self {
            member,
            member_id: Uuid::random(&mut Rng::from_os()).to_string(),
            held: Vec::new(),
            ids: BTreeMap::new(),
            interval,
        }
    }

    /// Stays in the group until that is not possible any more.
    pub async fn live(&mut self) -> ClientError {
        loop {
            let Err(error) = self.membership().await;
            tracing::debug!(%error, "the group is joined again");
            if !matches!(
                error.code(),
                Some(ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch)
            ) {
                return error;
            }
            // What it had is somebody else's now.
            self.member.shared.become_member(Identity::none());
            self.hand_over(Vec::new()).await;
        }
    }

    /// From joining to being thrown out.
    async fn membership(&mut self) -> Result<Infallible, ClientError> {
        let mut topics = self.look().await?;
        let mut looked = Instant::now();
        let mut answer = self.say_all(&topics, JOINS).await?;
        loop {
            let mut complete = true;
            if let Some(assignment) = answer.assignment.take() {
                let target = self.resolve(assignment, &mut complete).await?;
                if target != self.held {
                    self.hand_over(target).await;
                    let epoch = self.epoch()?;
                    answer = self.say_all(&topics, epoch).await?;
                    continue;
                }
            }
            sleep(if complete {
                self.interval
            } else {
                self.interval.min(SOON)
            })
            .await;
            if self.member.is_stalled() {
                tracing::warn!("leaving the group: max.poll.interval.ms went by without a poll");
                self.leave().await;
            }
            let epoch = self.epoch()?;
            let age = self.member.cluster.settings().metadata_max_age;
            let patience = if topics.values().any(|count| *count == 0) || topics.is_empty() {
                SOON
            } else {
                age
            };
            let mut changed = !complete;
            if looked.elapsed() >= patience {
                let now = self.look().await?;
                changed |= !now.keys().eq(topics.keys());
                topics = now;
                looked = Instant::now();
            }
            answer = if changed {
                self.say_all(&topics, epoch).await?
            } else {
                self.say_little(&topics, epoch).await?
            };
        }
    }

    /// The topics that are wanted. A topic that is not there yet, or a cluster that does not answer, is waited for.
    async fn look(&mut self) -> Result<BTreeMap<String, i32>, ClientError> {
        loop {
            match self.member.subscription.topics(&self.member.cluster).await {
                Ok(topics) => return Ok(topics),
                Err(error) if error.is_retriable() || matches!(error, ClientError::TimedOut { .. }) => {
                    sleep(self.member.backoff()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The member's epoch, if it is one.
    fn epoch(&self) -> Result<i32, ClientError> {
        match self.member.shared.identity().epoch {
            epoch @ 1.. => Ok(epoch),
            _ => Err(ClientError::Refused {
                code: ErrorCode::UnknownMemberId,
                message: ErrorCode::UnknownMemberId.message().to_owned(),
            }),
        }
    }

    /// A heartbeat with all that there is to say; its answer has the assignment.
    async fn say_all(
        &mut self,
        topics: &BTreeMap<String, i32>,
        epoch: i32,
    ) -> Result<ConsumerGroupHeartbeatResponse, ClientError> {
        let mut owned: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        for partition in &self.held {
            let id = self
                .ids
                .iter()
                .find(|(_, name)| **name == partition.topic)
                .map(|(id, _)| *id);
            owned
                .entry(id.unwrap_or(Uuid::ZERO))
                .or_default()
                .push(partition.partition);
        }
        let owned = owned
            .into_iter()
            .map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions });
        let request = ConsumerGroupHeartbeatRequest {
            rebalance_timeout_ms: i32::try_from(self.member.settings.max_poll_interval.as_millis()).unwrap_or(i32::MAX),
            subscribed_topic_names: Some(topics.keys().cloned().collect()),
            server_assignor: self.member.settings.remote_assignor.clone(),
            topic_partitions: Some(if epoch == JOINS { Vec::new() } else { owned.collect() }),
            ..self.request(epoch)
        };
        self.send(request).await
    }

    /// A heartbeat that says only that the member is there. If it is not answered, all is said: the answer that was lost may have
    /// brought partitions, which the coordinator tells once, and again only to who says all.
    async fn say_little(
        &mut self,
        topics: &BTreeMap<String, i32>,
        epoch: i32,
    ) -> Result<ConsumerGroupHeartbeatResponse, ClientError> {
        let request = self.request(epoch);
        match self.try_to_send(&request).await {
            Err(error) if error.is_retriable() => {
                self.member.coordinator = None;
                sleep(self.member.backoff()).await;
                self.say_all(topics, epoch).await
            }
            answered => answered,
        }
    }

    fn request(&self, epoch: i32) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest {
            group_id: self.member.settings.group_id.clone(),
            member_id: self.member_id.clone(),
            member_epoch: epoch,
            instance_id: self.member.settings.instance_id.clone(),
            rebalance_timeout_ms: -1,
            ..Default::default()
        }
    }

    /// Sends a heartbeat until the coordinator answers it, and takes the epoch from the answer.
    async fn send(
        &mut self,
        request: ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, ClientError> {
        let mut pause = self.member.backoff();
        loop {
            match self.try_to_send(&request).await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_retriable() => {
                    self.member.coordinator = None;
                    sleep(pause).await;
                    pause = (pause * 2).min(self.member.cluster.settings().retry_backoff_max);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn try_to_send(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, ClientError> {
        let answer = self.member.coordinator().await?.send(request).await?;
        ClientError::check(answer.error_code, answer.error_message.clone())?;
        self.member.shared.become_member(Identity {
            member_id: self.member_id.clone(),
            epoch: answer.member_epoch,
        });
        if let Ok(millis @ 1..) = u64::try_from(answer.heartbeat_interval_ms) {
            self.interval = Duration::from_millis(millis);
        }
        Ok(answer)
    }

    /// The partitions of an assignment by the names of their topics; `complete` says whether all names are known.
    async fn resolve(
        &mut self,
        assignment: Assignment,
        complete: &mut bool,
    ) -> Result<Vec<TopicPartition>, ClientError> {
        if assignment
            .topic_partitions
            .iter()
            .any(|topic| !self.ids.contains_key(&topic.topic_id))
        {
            let names: Vec<String> = self.look().await?.into_keys().collect();
            let found = self.member.cluster.metadata(Topics::Named(&names)).await?;
            let known = found.iter().filter(|topic| topic.error == ErrorCode::None);
            self.ids
                .extend(known.map(|topic| (topic.id, topic.name.as_str().into())));
        }
        let mut partitions = Vec::new();
        for topic in assignment.topic_partitions {
            let Some(name) = self.ids.get(&topic.topic_id) else {
                *complete = false;
                continue;
            };
            let indexes = topic.partitions.into_iter();
            partitions.extend(indexes.map(|index| TopicPartition::new(Arc::clone(name), index)));
        }
        partitions.sort();
        Ok(partitions)
    }

    /// Has the consumer read exactly `partitions`; the coordinator hears of the member meanwhile.
    async fn hand_over(&mut self, partitions: Vec<TopicPartition>) {
        if partitions == self.held {
            return;
        }
        let mut done = self.member.offer(partitions.clone()).await;
        loop {
            tokio::select! {
                _ = &mut done => break,
                () = sleep(self.interval) => {
                    if self.member.is_stalled() {
                        self.leave().await;
                    } else if let Ok(epoch) = self.epoch() {
                        // What is wrong comes up again once the partitions are handed over.
                        let request = self.request(epoch);
                        if let Ok(channel) = self.member.coordinator().await
                            && let Ok(answer) = channel.send(&request).await
                            && answer.error_code == 0
                        {
                            let member_id = self.member_id.clone();
                            self.member.shared.become_member(Identity { member_id, epoch: answer.member_epoch });
                        }
                    }
                }
            }
        }
        self.held = partitions;
    }

    /// Leaves the group; a static member says that it will be back.
    pub async fn leave(&mut self) {
        if self.member.shared.identity().epoch < 1 {
            return;
        }
        self.member.shared.become_member(Identity::none());
        let epoch = if self.member.settings.instance_id.is_some() {
            WILL_BE_BACK
        } else {
            LEAVES
        };
        let request = self.request(epoch);
        if let Ok(channel) = self.member.coordinator().await {
            // If the coordinator does not hear of it, the session ends by itself.
            drop(channel.send(&request).await);
        }
    }
}
