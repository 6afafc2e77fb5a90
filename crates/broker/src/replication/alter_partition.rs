//! Asking the controller to change who is in sync: all partitions' wishes together, one request at a time (KIP-497).

use super::session::PartitionId;
use crate::Broker;
use crate::channel::{self, ControllerError};
use crate::partitions::Hosted;
use base::{LeaderEpoch, NodeId, PartitionEpoch};
use metadata::MetadataVersion;
use partition::{CommittedIsr, IsrProposal, IsrRefusal, Wakes};
use protocol::ErrorCode;
use protocol::messages::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
use protocol::messages::alter_partition_response::{self as answered, AlterPartitionResponse};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tracing::{debug, info, warn};

/// How long to wait before what was not answered is sent again, as in Kafka.
const RETRY: Duration = Duration::from_millis(50);
/// The most partitions of one request: the rest comes with the next.
const MOST: usize = 10_000;
/// A leader that was elected uncleanly has recovered once it asks for anything.
const RECOVERED: i8 = 0;

/// The partitions that have something to ask for.
#[derive(Debug, Default)]
pub struct Alterations {
    waiting: Mutex<BTreeMap<PartitionId, Arc<Hosted>>>,
    changed: Notify,
}

/// A proposal on its way.
struct Asked {
    hosted: Arc<Hosted>,
    proposal: IsrProposal,
}

impl Alterations {
    /// A partition proposes something, or did before and was not answered.
    pub fn ask(&self, id: PartitionId, hosted: &Arc<Hosted>) {
        self.waiting().insert(id, Arc::clone(hosted));
        self.changed.notify_one();
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<PartitionId, Arc<Hosted>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is still wanted of what waits.
    fn take(&self) -> BTreeMap<PartitionId, Asked> {
        let mut waiting = self.waiting();
        let rest = match waiting.keys().nth(MOST).copied() {
            Some(first) => waiting.split_off(&first),
            None => BTreeMap::new(),
        };
        let taken = std::mem::replace(&mut *waiting, rest);
        drop(waiting);
        let wanted = taken.into_iter().filter_map(|(id, hosted)| {
            let proposal = hosted.lock().pending_isr().cloned()?;
            Some((id, Asked { hosted, proposal }))
        });
        wanted.collect()
    }
}

/// Sends what partitions propose until the broker stops.
pub(super) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping.clone();
    let sending = async {
        loop {
            let asked = broker.alterations.take();
            if asked.is_empty() {
                broker.alterations.changed.notified().await;
                continue;
            }
            if send(&broker, asked).await == Sent::Again {
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    tokio::select! {
        () = sending => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

/// How sending went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// Everything was answered.
    Answered,
    /// Something is to be sent again.
    Again,
}

async fn send(broker: &Arc<Broker>, asked: BTreeMap<PartitionId, Asked>) -> Sent {
    let version = version(broker.image.borrow().image.features.metadata_version_or_minimum());
    let request = request(broker, &asked, version);
    let answer = channel::call(broker.controller.as_ref(), version, &request).await;
    let response = match answer {
        Ok(response) if response.error_code == ErrorCode::None.code() => response,
        Ok(response) => {
            let error = ErrorCode::from(response.error_code);
            debug!(%error, "the controller does not change who is in sync; it is asked again");
            return again(broker, asked);
        }
        Err(error @ ControllerError::Unavailable) => {
            debug!(%error, "who is in sync cannot be changed now; it is tried again");
            return again(broker, asked);
        }
        Err(error) => {
            warn!(%error, "who is in sync cannot be changed; it is tried again");
            return again(broker, asked);
        }
    };
    take(broker, asked, response)
}

fn again(broker: &Broker, asked: BTreeMap<PartitionId, Asked>) -> Sent {
    let mut waiting = broker.alterations.waiting();
    for (id, asked) in asked {
        waiting.entry(id).or_insert(asked.hosted);
    }
    Sent::Again
}

/// From 3.5-IV1 on the members are named with their registrations (KIP-903).
fn version(level: MetadataVersion) -> i16 {
    if level.0 >= 10 { 3 } else { 2 }
}

fn request(broker: &Broker, asked: &BTreeMap<PartitionId, Asked>, version: i16) -> AlterPartitionRequest {
    let mut topics: Vec<TopicData> = Vec::new();
    let own_epoch = broker.epoch.load(Ordering::Acquire);
    for (id, Asked { proposal, .. }) in asked {
        let mut partition = PartitionData {
            partition_index: id.index,
            leader_epoch: proposal.leader_epoch.0,
            leader_recovery_state: RECOVERED,
            partition_epoch: proposal.partition_epoch.0,
            ..PartitionData::default()
        };
        if version >= 3 {
            let state = |member: &partition::IsrMember| BrokerState {
                broker_id: member.node.0,
                broker_epoch: if member.node == broker.node {
                    own_epoch
                } else {
                    member.epoch.0
                },
            };
            partition.new_isr_with_epochs = proposal.isr.iter().map(state).collect();
        } else {
            partition.new_isr = proposal.isr.iter().map(|member| member.node.0).collect();
        }
        match topics.last_mut().filter(|topic| topic.topic_id == id.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(TopicData {
                topic_id: id.topic,
                partitions: vec![partition],
            }),
        }
    }
    AlterPartitionRequest {
        broker_id: broker.node.0,
        broker_epoch: own_epoch,
        topics,
    }
}

fn take(broker: &Broker, mut asked: BTreeMap<PartitionId, Asked>, response: AlterPartitionResponse) -> Sent {
    let mut wakes = Wakes::none();
    for topic in response.topics {
        for answer in topic.partitions {
            let id = PartitionId {
                topic: topic.topic_id,
                index: answer.partition_index,
            };
            let Some(of) = asked.remove(&id) else { continue };
            let result = read(&answer);
            if result == Err(IsrRefusal::SendAgain) {
                asked.insert(id, of);
                continue;
            }
            report(broker, &of.proposal, &answer, result.is_ok());
            wakes.merge(of.hosted.lock().isr_answered(&of.proposal, result));
        }
    }
    wakes.fire();
    if asked.is_empty() {
        Sent::Answered
    } else {
        again(broker, asked)
    }
}

fn read(answer: &answered::PartitionData) -> Result<CommittedIsr, IsrRefusal> {
    match ErrorCode::from(answer.error_code) {
        ErrorCode::None => Ok(CommittedIsr {
            leader_epoch: LeaderEpoch(answer.leader_epoch),
            partition_epoch: PartitionEpoch(answer.partition_epoch),
            isr: answer.isr.iter().copied().map(NodeId).collect(),
        }),
        ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted => Err(IsrRefusal::NotApplied),
        ErrorCode::FencedLeaderEpoch
        | ErrorCode::InvalidUpdateVersion
        | ErrorCode::InvalidRequest
        | ErrorCode::NewLeaderElected
        | ErrorCode::UnknownTopicId
        | ErrorCode::UnknownTopicOrPartition => Err(IsrRefusal::MetadataWillTell),
        _ => Err(IsrRefusal::SendAgain),
    }
}

fn report(broker: &Broker, proposal: &IsrProposal, answer: &answered::PartitionData, is_taken: bool) {
    let partition = &proposal.partition;
    if is_taken {
        debug!(%partition, isr = ?answer.isr, "who is in sync has changed");
    } else {
        broker.measures.replication.failed_isr_updates.add(1);
        let error = ErrorCode::from(answer.error_code);
        info!(%partition, %error, "the controller does not change who is in sync");
    }
}
