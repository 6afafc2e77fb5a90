//! A member of a classic group: join, share out the partitions if it is the leader, heartbeat, join again.

use super::member::Member;
use super::membership::Identity;
use super::range::{Subscriber, assign};
use crate::cluster::Topics;
use crate::error::ClientError;
use base::TopicPartition;
use protocol::internal::consumer_protocol_assignment::{ConsumerProtocolAssignment, TopicPartition as Assigned};
use protocol::internal::consumer_protocol_subscription::ConsumerProtocolSubscription;
use protocol::messages::heartbeat_request::HeartbeatRequest;
use protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use protocol::messages::join_group_response::JoinGroupResponse;
use protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use protocol::messages::sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment};
use protocol::{ErrorCode, Message, versioned};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What members of a group of consumers are called.
const CONSUMER: &str = "consumer";
/// The one assignor.
const RANGE: &str = "range";
/// How much longer than the rebalance an answer to JoinGroup may take.
const SLACK: Duration = Duration::from_secs(5);
/// How soon a topic is looked for again that is not there.
const SOON: Duration = Duration::from_secs(1);

/// What the topics were when the group was last shared out.
struct Picture {
    own: BTreeMap<String, i32>,
    /// The topics of all members, if this one shared them out.
    shared_out: Option<BTreeMap<String, i32>>,
}

/// A member of a classic group.
pub(super) struct Classic {
    member: Member,
    holds_partitions: bool,
}

impl Classic {
    pub fn new(member: Member) -> Self {
        Self {
            member,
            holds_partitions: false,
        }
    }

    /// Stays in the group until that is not possible any more.
    pub async fn live(&mut self) -> ClientError {
        let mut pause = self.member.backoff();
        loop {
            let Err(error) = self.round().await;
            tracing::debug!(%error, "the group is joined again");
            let code = error.code();
            let identity = self.member.shared.identity();
            match code {
                Some(ErrorCode::RebalanceInProgress) => pause = self.member.backoff(),
                Some(ErrorCode::UnknownMemberId) => self.member.shared.become_member(Identity::none()),
                Some(ErrorCode::IllegalGeneration) => {
                    self.member.shared.become_member(Identity { epoch: -1, ..identity });
                }
                _ if error.is_retriable() || matches!(error, ClientError::TimedOut { .. }) => {
                    self.member.coordinator = None;
                    sleep(pause).await;
                    pause = (pause * 2).min(self.member.cluster.settings().retry_backoff_max);
                }
                _ => return error,
            }
            if std::mem::take(&mut self.holds_partitions) {
                self.hand_over(Vec::new()).await;
            }
        }
    }

    /// One generation: joins, hands over what it gets, and stays until something ends it.
    async fn round(&mut self) -> Result<std::convert::Infallible, ClientError> {
        let topics = self.member.subscription.topics(&self.member.cluster).await?;
        let joined = self.join(&topics).await?;
        let (partitions, shared_out) = self.sync(joined).await?;
        self.holds_partitions = true;
        self.hand_over(partitions).await;
        let picture = Picture {
            own: topics,
            shared_out,
        };
        self.beat(&picture).await
    }

    async fn join(&mut self, topics: &BTreeMap<String, i32>) -> Result<JoinGroupResponse, ClientError> {
        let settings = Arc::clone(&self.member.settings);
        let subscription = ConsumerProtocolSubscription {
            topics: topics.keys().cloned().collect(),
            generation_id: -1,
            ..Default::default()
        };
        let metadata = versioned::encode(&subscription, ConsumerProtocolSubscription::VERSIONS.max);
        let metadata = metadata.expect("names of topics are short");
        loop {
            let request = JoinGroupRequest {
                group_id: settings.group_id.clone(),
                session_timeout_ms: millis(settings.session_timeout),
                rebalance_timeout_ms: millis(settings.max_poll_interval),
                member_id: self.member.shared.identity().member_id,
                group_instance_id: settings.instance_id.clone(),
                protocol_type: CONSUMER.to_owned(),
                protocols: vec![JoinGroupRequestProtocol {
                    name: RANGE.to_owned(),
                    metadata: metadata.clone(),
                }],
                reason: None,
            };
            let channel = self.member.coordinator().await?;
            let version = channel.version::<JoinGroupRequest>()?;
            let patience = settings.max_poll_interval + SLACK;
            let answer = channel.send_within(&request, version, patience).await?;
            if ErrorCode::from(answer.error_code) == ErrorCode::MemberIdRequired {
                self.member.shared.become_member(Identity {
                    member_id: answer.member_id,
                    epoch: -1,
                });
                continue;
            }
            ClientError::check(answer.error_code, None)?;
            return Ok(answer);
        }
    }

    /// Gets the member's partitions; the leader shares them out first, and gives the topics that it did that for.
    async fn sync(
        &mut self,
        joined: JoinGroupResponse,
    ) -> Result<(Vec<TopicPartition>, Option<BTreeMap<String, i32>>), ClientError> {
        let mut shared_out = None;
        let mut assignments = Vec::new();
        if joined.leader == joined.member_id && !joined.skip_assignment {
            let (assigned, counts) = self.share_out(&joined).await?;
            assignments = assigned;
            shared_out = Some(counts);
        }
        let identity = Identity {
            member_id: joined.member_id,
            epoch: joined.generation_id,
        };
        self.member.shared.become_member(identity.clone());
        let request = SyncGroupRequest {
            group_id: self.member.settings.group_id.clone(),
            generation_id: identity.epoch,
            member_id: identity.member_id,
            group_instance_id: self.member.settings.instance_id.clone(),
            protocol_type: Some(CONSUMER.to_owned()),
            protocol_name: Some(RANGE.to_owned()),
            assignments,
        };
        let channel = self.member.coordinator().await?;
        let version = channel.version::<SyncGroupRequest>()?;
        let patience = self.member.settings.max_poll_interval + SLACK;
        let answer = channel.send_within(&request, version, patience).await?;
        ClientError::check(answer.error_code, None)?;
        if answer.assignment.is_empty() {
            return Ok((Vec::new(), shared_out));
        }
        let decoded = versioned::decode_newest_known::<ConsumerProtocolAssignment>(&answer.assignment);
        let (assignment, _) = decoded.map_err(|error| inconsistent(&error.to_string()))?;
        let partitions = assignment.assigned_partitions.into_iter().flat_map(|topic| {
            let name: Arc<str> = topic.topic.into();
            topic
                .partitions
                .into_iter()
                .map(move |partition| TopicPartition::new(Arc::clone(&name), partition))
        });
        Ok((partitions.collect(), shared_out))
    }

    async fn share_out(
        &self,
        joined: &JoinGroupResponse,
    ) -> Result<(Vec<SyncGroupRequestAssignment>, BTreeMap<String, i32>), ClientError> {
        let mut subscribers = Vec::new();
        for member in &joined.members {
            let decoded = versioned::decode_newest_known::<ConsumerProtocolSubscription>(&member.metadata);
            let (subscription, _) = decoded.map_err(|error| inconsistent(&error.to_string()))?;
            subscribers.push(Subscriber {
                member_id: member.member_id.clone(),
                instance_id: member.group_instance_id.clone(),
                topics: subscription.topics,
            });
        }
        let mut names: Vec<String> = subscribers.iter().flat_map(|member| member.topics.clone()).collect();
        names.sort();
        names.dedup();
        let counts = self.counts(&names).await?;
        let assignments = assign(&subscribers, &counts)
            .into_iter()
            .map(|(member_id, partitions)| SyncGroupRequestAssignment {
                member_id,
                assignment: encoded(partitions),
            });
        Ok((assignments.collect(), counts))
    }

    /// How many partitions topics have.
    async fn counts(&self, names: &[String]) -> Result<BTreeMap<String, i32>, ClientError> {
        let topics = self.member.cluster.metadata(Topics::Named(names)).await?;
        let count = |topic: &Arc<crate::TopicMetadata>| {
            let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            (topic.name.clone(), count)
        };
        Ok(topics.iter().map(count).collect())
    }

    /// Has the consumer read exactly `partitions`; the coordinator hears of the member meanwhile.
    async fn hand_over(&mut self, partitions: Vec<TopicPartition>) {
        let mut done = self.member.offer(partitions).await;
        loop {
            tokio::select! {
                _ = &mut done => return,
                () = sleep(self.member.settings.heartbeat_interval) => {
                    // What is wrong comes up again once the partitions are handed over.
                    if self.member.is_stalled() {
                        self.leave().await;
                    } else if self.member.shared.identity().epoch >= 0 {
                        drop(self.heartbeat().await);
                    }
                }
            }
        }
    }

    /// Heartbeats until the group has to be joined again.
    async fn beat(&mut self, picture: &Picture) -> Result<std::convert::Infallible, ClientError> {
        let mut look = Instant::now() + self.look_after(picture);
        loop {
            sleep(
                self.member
                    .settings
                    .heartbeat_interval
                    .min(SOON.max(look - Instant::now())),
            )
            .await;
            if self.member.is_stalled() {
                tracing::warn!("leaving the group: max.poll.interval.ms went by without a poll");
                self.leave().await;
                return Err(refused(ErrorCode::UnknownMemberId));
            }
            match self.heartbeat().await {
                Ok(()) => {}
                Err(error) if is_passing(&error) => self.member.coordinator = None,
                Err(error) => return Err(error),
            }
            if Instant::now() >= look {
                if self.has_changed(picture).await? {
                    return Err(refused(ErrorCode::RebalanceInProgress));
                }
                look = Instant::now() + self.look_after(picture);
            }
        }
    }

    fn look_after(&self, picture: &Picture) -> Duration {
        let counts = picture.shared_out.as_ref().unwrap_or(&picture.own);
        if counts.is_empty() || counts.values().any(|count| *count == 0) {
            return SOON;
        }
        self.member.cluster.settings().metadata_max_age
    }

    async fn has_changed(&self, picture: &Picture) -> Result<bool, ClientError> {
        let own = self.member.subscription.topics(&self.member.cluster).await?;
        if !own.keys().eq(picture.own.keys()) {
            return Ok(true);
        }
        let Some(counts) = &picture.shared_out else {
            return Ok(false);
        };
        let names: Vec<String> = counts.keys().cloned().collect();
        Ok(self.counts(&names).await? != *counts)
    }

    async fn heartbeat(&mut self) -> Result<(), ClientError> {
        let identity = self.member.shared.identity();
        let request = HeartbeatRequest {
            group_id: self.member.settings.group_id.clone(),
            generation_id: identity.epoch,
            member_id: identity.member_id,
            group_instance_id: self.member.settings.instance_id.clone(),
        };
        let answer = self.member.coordinator().await?.send(&request).await?;
        ClientError::check(answer.error_code, None)
    }

    /// Leaves the group, unless it is to find a static member again.
    pub async fn leave(&mut self) {
        let identity = self.member.shared.identity();
        self.member.shared.become_member(Identity::none());
        if identity.member_id.is_empty() || self.member.settings.instance_id.is_some() {
            return;
        }
        let request = LeaveGroupRequest {
            group_id: self.member.settings.group_id.clone(),
            members: vec![MemberIdentity {
                member_id: identity.member_id,
                group_instance_id: None,
                reason: Some(String::from("the consumer is being closed")),
            }],
            ..Default::default()
        };
        if let Ok(channel) = self.member.coordinator().await {
            // If the coordinator does not hear of it, the session ends by itself.
            drop(channel.send(&request).await);
        }
    }
}

/// Whether the coordinator may only be elsewhere for the moment: the session goes on meanwhile.
fn is_passing(error: &ClientError) -> bool {
    error.is_retriable() && error.code() != Some(ErrorCode::RebalanceInProgress)
}

fn refused(code: ErrorCode) -> ClientError {
    ClientError::Refused {
        code,
        message: code.message().to_owned(),
    }
}

fn inconsistent(reason: &str) -> ClientError {
    ClientError::Refused {
        code: ErrorCode::InconsistentGroupProtocol,
        message: format!("a member of the group says what cannot be read: {reason}"),
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn encoded(partitions: Vec<TopicPartition>) -> bytes::Bytes {
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics
            .entry(partition.topic.to_string())
            .or_default()
            .push(partition.partition);
    }
    let topics = topics
        .into_iter()
        .map(|(topic, partitions)| Assigned { topic, partitions });
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: topics.collect(),
        user_data: None,
    };
    let encoded = versioned::encode(&assignment, ConsumerProtocolAssignment::VERSIONS.max);
    encoded.expect("names of topics are short")
}
