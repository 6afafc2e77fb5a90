//! The leader's side: followers, producers, consumers, and who is in sync.

use super::{Flight, Running, Surroundings, Timer};

use crate::message::{Answer, Body, ConsumeError, Consumed, FetchError, Place, Produce, ProduceError, Read};
use base::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch};
use bytes::Bytes;
use partition::{
    AppendRefused, CommittedIsr, EpochError, FetchPosition, FetchView, IsrProposal, IsrRefusal, LeaderExtent, Parked,
    Partition, ReplicaFetch, ReplicaFetchRefused, ReplicaView, Replication, Signal,
};
use protocol::ErrorCode;
use protocol::messages::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
use protocol::messages::alter_partition_response::AlterPartitionResponse;
use std::sync::Arc;
use std::task::{Context, Waker};
use storage::producer_state::ProducerError;
use storage::{AppendError, MinOne, Origin, ReadRequest};

/// How long a follower's fetch waits for records.
const FETCH_WAIT: u64 = 80;
/// How long a producer's append waits for the other replicas.
const PRODUCE_WAIT: u64 = 400;
/// After how long an AlterPartition is sent again.
const ALTER_PATIENCE: u64 = 120;

pub(super) struct ParkedFetch {
    signal: Arc<Signal>,
    to: Place,
    id: u64,
    asked: FetchPosition,
    fetch: ReplicaFetch,
    until: u64,
}

pub(super) struct WaitingProduce {
    to: Place,
    attempt: u64,
    sequence: i32,
    at: Offset,
    epoch: LeaderEpoch,
    flush_until: Option<Offset>,
    commit_until: Option<Offset>,
    until: u64,
}

fn is_raised(signal: &Signal) -> bool {
    signal.poll_raised(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn bytes(view: &FetchView, from: Offset, bound: Offset, max_bytes: u32) -> Bytes {
    let request = ReadRequest {
        from,
        max_bytes,
        bound,
        min_one: MinOne::Whole,
    };
    let region = view.log.read(request).expect("the range was checked").region;
    region.map_or(Bytes::new(), |region| region.read().unwrap().into())
}

fn answer_from(found: &ReplicaView, asked: &FetchPosition, around: &mut Surroundings<'_>) -> Answer {
    let max_bytes = 150 + u32::try_from(around.rng.below(1_000)).unwrap();
    Answer {
        high_watermark: found.view.high_watermark,
        log_start_offset: found.view.log_start_offset,
        diverging: found.diverging,
        records: match found.diverging {
            Some(_) => Bytes::new(),
            None => bytes(&found.view, asked.offset, found.view.log_end_offset, max_bytes),
        },
    }
}

impl Running {
    pub(super) fn serve_fetch(
        &mut self,
        to: Place,
        id: u64,
        asked: FetchPosition,
        broker_epoch: BrokerEpoch,
        around: &mut Surroundings<'_>,
    ) {
        let Place::Node(replica) = to else { return };
        let fetch = ReplicaFetch {
            replica,
            broker_epoch,
            current_leader_epoch: asked.current_leader_epoch,
            offset: asked.offset,
            last_fetched_epoch: asked.last_fetched_epoch,
            log_start_offset: asked.log_start_offset,
        };
        let now = around.instant();
        let Some(partition) = &mut self.partition else {
            self.send(to, refused(id, asked, FetchError::Refused), around);
            return;
        };
        let found = match partition.replica_fetch(&fetch, now) {
            Ok((found, acknowledged)) => {
                acknowledged.wakes.fire();
                found
            }
            Err(error) => {
                self.send(to, refused(id, asked, kind(&error)), around);
                return;
            }
        };
        let answer = answer_from(&found, &asked, around);
        let signal = Arc::new(Signal::default());
        if answer.records.is_empty()
            && answer.diverging.is_none()
            && partition.park_replica_fetch(&signal, asked.offset) == Parked::Waiting
        {
            let until = around.now + FETCH_WAIT;
            around.timers.push((FETCH_WAIT, Timer::Look));
            self.parked.push(ParkedFetch {
                signal,
                to,
                id,
                asked,
                fetch,
                until,
            });
            return;
        }
        self.send(
            to,
            Body::Fetched {
                id,
                asked,
                answer: Ok(answer),
            },
            around,
        );
    }

    pub(super) fn answer_fetches(&mut self, around: &mut Surroundings<'_>) {
        let Some(partition) = &mut self.partition else {
            self.parked.clear();
            return;
        };
        let is_due = |parked: &ParkedFetch| parked.until <= around.now || is_raised(&parked.signal);
        let (due, waiting) = std::mem::take(&mut self.parked).into_iter().partition(is_due);
        self.parked = waiting;
        let due: Vec<ParkedFetch> = due;
        let mut answers = Vec::new();
        for ParkedFetch {
            signal,
            to,
            id,
            asked,
            fetch,
            ..
        } in due
        {
            partition.leave(&signal);
            answers.push(match partition.replica_read(&fetch) {
                Ok(found) => (
                    to,
                    Body::Fetched {
                        id,
                        asked,
                        answer: Ok(answer_from(&found, &asked, around)),
                    },
                ),
                Err(error) => (to, refused(id, asked, kind(&error))),
            });
        }
        for (to, body) in answers {
            self.send(to, body, around);
        }
    }

    pub(super) fn serve_list_offsets(
        &mut self,
        to: Place,
        id: u64,
        asked: FetchPosition,
        around: &mut Surroundings<'_>,
    ) {
        let view = self
            .partition
            .as_ref()
            .and_then(|partition| partition.fetch_view(asked.current_leader_epoch).ok());
        let extent = view.map(|view| LeaderExtent {
            start: view.log_start_offset,
            end: view.log_end_offset,
        });
        self.send(to, Body::Extent { id, asked, extent }, around);
    }

    pub(super) fn produce(&mut self, to: Place, produce: Produce, around: &mut Surroundings<'_>) {
        let Produce {
            attempt,
            sequence,
            acks,
            batch,
        } = produce;
        let wall = around.wall();
        let Some(partition) = &mut self.partition else {
            self.answer_produce(to, (attempt, sequence), Err(ProduceError::NotLeader), around);
            return;
        };
        match partition.append(&[batch], acks, Origin::Client, wall) {
            Ok((appended, wakes)) => {
                wakes.fire();
                around.timers.push((PRODUCE_WAIT, Timer::Look));
                self.produces.push(WaitingProduce {
                    to,
                    attempt,
                    sequence,
                    at: appended.info.first_offset,
                    epoch: appended.epoch,
                    flush_until: appended.flush_until,
                    commit_until: appended.wait_until,
                    until: around.now + PRODUCE_WAIT,
                });
            }
            Err(error) => self.answer_produce(to, (attempt, sequence), Err(why(&error)), around),
        }
    }

    pub(super) fn answer_produces(&mut self, around: &mut Surroundings<'_>) {
        for waiting in std::mem::take(&mut self.produces) {
            let outcome = match &self.partition {
                None => Some(Err(ProduceError::NotLeader)),
                Some(partition) => outcome(partition, &waiting, around.now),
            };
            match outcome {
                None => self.produces.push(waiting),
                Some(outcome) => {
                    let outcome = outcome.map(|()| waiting.at);
                    self.answer_produce(waiting.to, (waiting.attempt, waiting.sequence), outcome, around);
                }
            }
        }
    }

    fn answer_produce(
        &self,
        to: Place,
        (attempt, sequence): (u64, i32),
        outcome: Result<Offset, ProduceError>,
        around: &mut Surroundings<'_>,
    ) {
        self.send(
            to,
            Body::Produced {
                attempt,
                sequence,
                outcome,
            },
            around,
        );
    }

    pub(super) fn consume(
        &mut self,
        to: Place,
        (id, at, epoch): (u64, Offset, LeaderEpoch),
        read: Read,
        around: &mut Surroundings<'_>,
    ) {
        let outcome = match &self.partition {
            None => Err(ConsumeError::Refused),
            Some(partition) => consumed(partition, at, epoch, read),
        };
        let (epoch, outcome) = match outcome {
            Ok((epoch, consumed)) => (epoch, Ok(consumed)),
            Err(error) => (epoch, Err(error)),
        };
        self.send(to, Body::Consumed { id, epoch, outcome }, around);
    }

    pub(super) fn shrink_isr(&mut self, around: &mut Surroundings<'_>) {
        around.timers.push((super::LAG / 2, Timer::Shrink));
        if let Some(partition) = &mut self.partition {
            // It is pending now, and sent like any other.
            let _ = partition.shrink_isr(around.instant());
        }
    }

    /// Sends what is pending, again if there was no answer.
    pub(super) fn send_proposal(&mut self, around: &mut Surroundings<'_>) {
        let pending = self.partition.as_ref().and_then(Partition::pending_isr);
        let Some(proposal) = pending else {
            self.alter = None;
            return;
        };
        let is_under_way = |flight: &Flight<IsrProposal>| flight.what == *proposal && flight.until > around.now;
        if self.alter.as_ref().is_some_and(is_under_way) {
            return;
        }
        let (id, what) = (around.id(), proposal.clone());
        let request = self.alter_request(&what);
        around.timers.push((ALTER_PATIENCE, Timer::Look));
        let until = around.now + ALTER_PATIENCE;
        self.alter = Some(Flight { id, what, until });
        self.send(Place::Controller, Body::AlterPartition { id, request }, around);
    }

    fn alter_request(&self, proposal: &IsrProposal) -> AlterPartitionRequest {
        let own_epoch = self.epoch.map_or(-1, |epoch| epoch.0);
        let member = |member: &partition::IsrMember| BrokerState {
            broker_id: member.node.0,
            broker_epoch: match member.node == self.node {
                true => own_epoch,
                false => member.epoch.0,
            },
        };
        AlterPartitionRequest {
            broker_id: self.node.0,
            broker_epoch: own_epoch,
            topics: vec![TopicData {
                topic_id: proposal.topic_id,
                partitions: vec![PartitionData {
                    partition_index: 0,
                    leader_epoch: proposal.leader_epoch.0,
                    new_isr: Vec::new(),
                    new_isr_with_epochs: proposal.isr.iter().map(member).collect(),
                    leader_recovery_state: 0,
                    partition_epoch: proposal.partition_epoch.0,
                }],
            }],
        }
    }

    pub(super) fn altered(&mut self, id: u64, answer: &AlterPartitionResponse) {
        let Some(flight) = self.alter.as_mut().filter(|flight| flight.id == id) else {
            return;
        };
        let Some(partition) = &mut self.partition else { return };
        let answer = match answer.topics.first().and_then(|topic| topic.partitions.first()) {
            None => Err(IsrRefusal::SendAgain),
            Some(data) => match ErrorCode::from_code(data.error_code).unwrap_or(ErrorCode::UnknownServerError) {
                ErrorCode::None => Ok(CommittedIsr {
                    leader_epoch: LeaderEpoch(data.leader_epoch),
                    partition_epoch: PartitionEpoch(data.partition_epoch),
                    isr: data.isr.iter().copied().map(NodeId).collect(),
                }),
                ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted => Err(IsrRefusal::NotApplied),
                ErrorCode::FencedLeaderEpoch
                | ErrorCode::InvalidUpdateVersion
                | ErrorCode::InvalidRequest
                | ErrorCode::NewLeaderElected
                | ErrorCode::UnknownTopicId
                | ErrorCode::UnknownTopicOrPartition => Err(IsrRefusal::MetadataWillTell),
                _ => Err(IsrRefusal::SendAgain),
            },
        };
        if answer == Err(IsrRefusal::MetadataWillTell) {
            flight.until = u64::MAX;
        }
        let proposal = flight.what.clone();
        partition.isr_answered(&proposal, answer).fire();
    }

    /// DeleteRecords of some of what is committed.
    pub fn delete_records(&mut self, around: &mut Surroundings<'_>) -> Option<Offset> {
        let partition = self.partition.as_mut()?;
        partition.leadership().ok()?;
        let (start, end) = (partition.log().log_start_offset(), partition.high_watermark());
        let count = u64::try_from(end.since(start)).unwrap_or(0);
        let to = start.plus(i64::try_from(around.rng.below(count + 1)).unwrap());
        partition.delete_records(to).unwrap()
    }
}

fn refused(id: u64, asked: FetchPosition, error: FetchError) -> Body {
    Body::Fetched {
        id,
        asked,
        answer: Err(error),
    }
}

fn kind(error: &ReplicaFetchRefused) -> FetchError {
    match error {
        ReplicaFetchRefused::OutOfRange(_) => FetchError::OutOfRange,
        ReplicaFetchRefused::Epoch(_)
        | ReplicaFetchRefused::UnknownReplica(_)
        | ReplicaFetchRefused::StaleBrokerEpoch(_) => FetchError::Refused,
    }
}

fn why(error: &AppendRefused) -> ProduceError {
    match error {
        AppendRefused::NotLeader(_) => ProduceError::NotLeader,
        AppendRefused::NotEnoughReplicas { .. } => ProduceError::NotEnoughReplicas,
        AppendRefused::Log(AppendError::Producer(ProducerError::OutOfOrderSequence { .. })) => {
            ProduceError::OutOfOrderSequence
        }
        AppendRefused::Log(AppendError::Producer(_)) => ProduceError::InvalidEpoch,
        AppendRefused::Log(AppendError::Storage(_)) => ProduceError::Storage,
        AppendRefused::Log(other) => panic!("{other}"),
    }
}

fn outcome(partition: &Partition, waiting: &WaitingProduce, now: u64) -> Option<Result<(), ProduceError>> {
    let late = (waiting.until <= now).then_some(Err(ProduceError::TimedOut));
    if waiting.flush_until.is_some_and(|until| !partition.is_flushed(until)) {
        return match partition.log().is_offline() {
            true => Some(Err(ProduceError::Storage)),
            false => late,
        };
    }
    let Some(until) = waiting.commit_until else {
        return Some(Ok(()));
    };
    match partition.replication(waiting.epoch, until) {
        Replication::Committed => Some(Ok(())),
        Replication::NotEnoughReplicas => Some(Err(ProduceError::NotEnoughReplicas)),
        Replication::NotLeader => Some(Err(ProduceError::NotLeader)),
        Replication::Waiting => late,
    }
}

fn consumed(
    partition: &Partition,
    at: Offset,
    epoch: LeaderEpoch,
    read: Read,
) -> Result<(LeaderEpoch, Consumed), ConsumeError> {
    let refused = |_: EpochError| ConsumeError::Refused;
    let view = match read {
        Read::FromLeader | Read::Latest => partition.fetch_view(epoch).map_err(refused)?,
        Read::FromAnyReplica => partition.replica_view(epoch).map_err(refused)?,
    };
    let answer = |records: Bytes| Consumed {
        high_watermark: view.high_watermark,
        log_start_offset: view.log_start_offset,
        records,
    };
    if read == Read::Latest {
        return match partition.is_end_unknown() {
            true => Err(ConsumeError::NotAvailable),
            false => Ok((view.leader_epoch, answer(Bytes::new()))),
        };
    }
    if at < view.log_start_offset || at > view.log_end_offset {
        return Err(ConsumeError::OutOfRange {
            end: view.log_end_offset,
        });
    }
    let records = bytes(&view, at, view.high_watermark, 600);
    Ok((view.leader_epoch, answer(records)))
}
