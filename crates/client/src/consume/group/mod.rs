//! Consuming as a member of a group: a task keeps the membership, the consumer in front of it reads and commits.

mod classic;
mod member;
mod membership;
mod modern;
mod offsets;
mod range;
mod settings;
mod subscription;

pub use settings::{AutoCommit, GroupProtocol, GroupSettings};
pub use subscription::Subscription;

use super::{Chunk, Consumer, ConsumerSettings, OffsetReset, StartAt};
use crate::cluster::Cluster;
use crate::error::ClientError;
use base::{Offset, TopicPartition};
use classic::Classic;
use member::Member;
use membership::{Event, Shared};
use modern::Modern;
use offsets::{Position, commit, committed};
use protocol::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How long leaving the group may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// A member of a group. It has to be polled: partitions are taken and given up while that is done.
#[derive(Debug)]
pub struct GroupConsumer {
    /// Connections for the coordinator alone.
    coordination: Cluster,
    settings: Arc<GroupSettings>,
    consuming: ConsumerSettings,
    reader: Consumer,
    shared: Arc<Shared>,
    events: mpsc::Receiver<Event>,
    leave: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    commit_due: Instant,
    /// What was committed last, to commit only what has changed.
    committed: BTreeMap<TopicPartition, Offset>,
}

impl Drop for GroupConsumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl GroupConsumer {
    /// Joins a group, in a task of its own.
    pub fn new(
        cluster: Cluster,
        settings: GroupSettings,
        consuming: ConsumerSettings,
        subscription: Subscription,
    ) -> Self {
        let settings = Arc::new(settings);
        let shared = Arc::new(Shared::new());
        let (outgoing, events) = mpsc::channel(1);
        let (leave, leaving) = oneshot::channel();
        // A broker answers the requests of a connection one after the other: a JoinGroup that waits for other members must
        // not hold up anybody's Fetch, least of all that of another member of the same process.
        let coordination = Cluster::new(cluster.settings().clone());
        let member = Member {
            cluster: coordination.clone(),
            settings: Arc::clone(&settings),
            subscription,
            shared: Arc::clone(&shared),
            events: outgoing,
            coordinator: None,
        };
        Self {
            reader: Consumer::new(cluster, consuming.clone()),
            coordination,
            commit_due: next_commit(&settings),
            settings,
            consuming,
            shared,
            events,
            leave: Some(leave),
            task: tokio::spawn(keep(member, leaving)),
            committed: BTreeMap::new(),
        }
    }

    /// The next records: at least one chunk, or none when `patience` is over.
    pub async fn poll(&mut self, patience: Duration) -> Result<Vec<Chunk>, ClientError> {
        let deadline = Instant::now() + patience;
        self.shared.polled();
        if Instant::now() >= self.commit_due {
            self.auto_commit().await;
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = tokio::select! {
                biased;
                event = self.events.recv() => event,
                chunks = self.reader.poll(left) => return chunks,
            };
            match event {
                Some(Event::Assign { partitions, done }) => {
                    self.reconcile(&partitions).await?;
                    // The member's task is there, or all is over anyway.
                    let _ = done.send(());
                }
                Some(Event::Failed(error)) => return Err(error),
                None => {
                    return Err(ClientError::Refused {
                        code: ErrorCode::UnknownMemberId,
                        message: String::from("the consumer has left its group"),
                    });
                }
            }
        }
    }

    /// Goes on at another offset of a partition that is being read.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset) {
        self.reader.seek(partition, offset);
    }

    /// The partitions being read, and where.
    pub fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Option<Offset>)> {
        self.reader.positions()
    }

    /// Commits the positions, if that is done automatically, and leaves the group.
    pub async fn close(mut self) {
        self.auto_commit().await;
        if let Some(leave) = self.leave.take() {
            // A task that has ended already has nothing to leave.
            let _ = leave.send(());
            drop(timeout(FAREWELL, &mut self.task).await);
        }
    }

    /// Reads exactly `partitions` from now on.
    async fn reconcile(&mut self, partitions: &[TopicPartition]) -> Result<(), ClientError> {
        let held: Vec<TopicPartition> = self
            .reader
            .positions()
            .map(|(partition, _)| partition.clone())
            .collect();
        let revoked: Vec<_> = held
            .iter()
            .filter(|partition| !partitions.contains(partition))
            .collect();
        if !revoked.is_empty() {
            self.auto_commit().await;
        }
        for partition in revoked {
            self.reader.remove(partition);
            self.committed.remove(partition);
        }
        let added: Vec<TopicPartition> = partitions.iter().filter(|one| !held.contains(one)).cloned().collect();
        if added.is_empty() {
            return Ok(());
        }
        let Some(found) = self.committed_of(&added).await? else {
            return Ok(());
        };
        for partition in added {
            let start = match (found.get(&partition), self.consuming.reset) {
                (Some(offset), _) => StartAt::Offset(*offset),
                (None, OffsetReset::Earliest) => StartAt::Earliest,
                (None, OffsetReset::Latest) => StartAt::Latest,
                (None, OffsetReset::None) => {
                    return Err(ClientError::Refused {
                        code: ErrorCode::OffsetOutOfRange,
                        message: format!("Undefined offset with no reset policy for partitions: [{partition}]"),
                    });
                }
            };
            self.reader.add(partition, start);
        }
        Ok(())
    }

    /// What is committed of `partitions`; none if they are not this member's any more.
    async fn committed_of(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Option<BTreeMap<TopicPartition, Offset>>, ClientError> {
        loop {
            let identity = self.shared.identity();
            let isolation = self.consuming.isolation;
            match committed(&self.coordination, &self.settings, &identity, isolation, partitions).await {
                Ok(found) => return Ok(Some(found)),
                Err(error) => match error.code() {
                    // The member's task has heard of a newer epoch, or is about to.
                    Some(ErrorCode::StaleMemberEpoch) => sleep(self.coordination.settings().retry_backoff).await,
                    Some(ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch) => return Ok(None),
                    _ => return Err(error),
                },
            }
        }
    }

    /// Commits what has changed, unless that is the caller's business. What fails is tried again the next time.
    async fn auto_commit(&mut self) {
        if self.settings.auto_commit == AutoCommit::Off {
            return;
        }
        self.commit_due = next_commit(&self.settings);
        let identity = self.shared.identity();
        let position = |partition: &TopicPartition| {
            let (offset, epoch) = self.reader.position(partition)?;
            let changed = self.committed.get(partition) != Some(&offset);
            changed.then(|| (partition.clone(), offset, epoch))
        };
        let held = self.reader.positions();
        let positions: Vec<Position> = held.filter_map(|(partition, _)| position(partition)).collect();
        // Who is no member any more has lost its partitions, and with them the right to commit.
        if positions.is_empty() || identity.epoch < 0 {
            return;
        }
        match commit(&self.coordination, &self.settings, &identity, &positions).await {
            Ok(()) => self
                .committed
                .extend(positions.into_iter().map(|(partition, offset, _)| (partition, offset))),
            Err(error) => tracing::warn!(%error, "offsets could not be committed"),
        }
    }
}

fn next_commit(settings: &GroupSettings) -> Instant {
    match settings.auto_commit {
        AutoCommit::Every(interval) => Instant::now() + interval,
        AutoCommit::Off => Instant::now() + Duration::from_secs(86_400),
    }
}

/// The member's task: it ends when the consumer leaves, or when the group does not want it.
async fn keep(member: Member, leaving: oneshot::Receiver<()>) {
    let events = member.events.clone();
    match member.settings.protocol {
        GroupProtocol::Classic => {
            let mut classic = Classic::new(member);
            tokio::select! {
                error = classic.live() => drop(events.send(Event::Failed(error)).await),
                _ = leaving => {}
            }
            classic.leave().await;
        }
        GroupProtocol::Consumer => {
            let mut modern = Modern::new(member);
            tokio::select! {
                error = modern.live() => drop(events.send(Event::Failed(error)).await),
                _ = leaving => {}
            }
            modern.leave().await;
        }
    }
}
