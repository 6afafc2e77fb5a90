//! What travels.

use base::{BrokerEpoch, LeaderEpoch, NodeId, Offset, Uuid};
use bytes::Bytes;
use partition::{FetchPosition, LeaderExtent, RequiredAcks};
use protocol::messages::alter_partition_request::AlterPartitionRequest;
use protocol::messages::alter_partition_response::AlterPartitionResponse;
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use protocol::messages::broker_registration_request::BrokerRegistrationRequest;
use protocol::messages::broker_registration_response::BrokerRegistrationResponse;
use records::VerifiedBatch;
use storage::EpochEndOffset;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Controller,
    Node(NodeId),
    Producer(usize),
    Consumer(usize),
}

#[derive(Clone, Debug)]
pub struct Message {
    pub from: Place,
    pub to: Place,
    pub body: Body,
}

#[derive(Clone, Debug)]
pub enum Body {
    Register(BrokerRegistrationRequest),
    Registered {
        incarnation: Uuid,
        answer: BrokerRegistrationResponse,
    },
    Heartbeat(BrokerHeartbeatRequest),
    Heard {
        broker_epoch: i64,
        answer: BrokerHeartbeatResponse,
    },
    AlterPartition {
        id: u64,
        request: AlterPartitionRequest,
    },
    Altered {
        id: u64,
        answer: AlterPartitionResponse,
    },
    Fetch {
        id: u64,
        asked: FetchPosition,
        broker_epoch: BrokerEpoch,
    },
    Fetched {
        id: u64,
        asked: FetchPosition,
        answer: Result<Answer, FetchError>,
    },
    ListOffsets {
        id: u64,
        asked: FetchPosition,
    },
    Extent {
        id: u64,
        asked: FetchPosition,
        extent: Option<LeaderExtent>,
    },
    Produce(Produce),
    Produced {
        attempt: u64,
        sequence: i32,
        outcome: Result<Offset, ProduceError>,
    },
    Consume {
        id: u64,
        at: Offset,
        epoch: LeaderEpoch,
        read: Read,
    },
    Consumed {
        id: u64,
        epoch: LeaderEpoch,
        outcome: Result<Consumed, ConsumeError>,
    },
}

/// A leader's answer to a follower.
#[derive(Clone, Debug)]
pub struct Answer {
    pub high_watermark: Offset,
    pub log_start_offset: Offset,
    pub diverging: Option<EpochEndOffset>,
    pub records: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    OutOfRange,
    /// Fenced, unknown, not leader: to be asked again.
    Refused,
}

#[derive(Clone, Debug)]
pub struct Produce {
    pub attempt: u64,
    pub sequence: i32,
    pub acks: RequiredAcks,
    pub batch: VerifiedBatch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProduceError {
    NotLeader,
    NotEnoughReplicas,
    TimedOut,
    OutOfOrderSequence,
    InvalidEpoch,
    Storage,
}

/// What a consumer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    FromLeader,
    FromAnyReplica,
    /// Where the partition ends.
    Latest,
}

#[derive(Clone, Debug)]
pub struct Consumed {
    pub high_watermark: Offset,
    pub log_start_offset: Offset,
    pub records: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumeError {
    Refused,
    OutOfRange { end: Offset },
    NotAvailable,
}
