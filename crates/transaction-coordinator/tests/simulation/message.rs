//! What is under way between producers, partitions and the coordinator.

use base::ProducerId;
use protocol::ErrorCode;
use std::sync::Arc;
use transaction_coordinator::op::add_partitions::AddPartitions;
use transaction_coordinator::op::end_txn::EndTxn;
use transaction_coordinator::op::init_producer_id::InitProducerId;
use transaction_coordinator::{Answer, MarkerResult, MarkerRun, Producer, TransactionEnd, TransactionVersion};

/// Names one transaction of one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub u64);

/// What the coordinator is asked.
#[derive(Clone, Debug)]
pub enum Request {
    Init(InitProducerId),
    Add(AddPartitions),
    /// Whether a partition takes part.
    Verify(AddPartitions),
    End(EndTxn),
}

/// Who asks the coordinator.
#[derive(Clone, Debug)]
pub enum Asker {
    Client {
        client: usize,
        call: u64,
    },
    /// A partition, on behalf of a producer, before it takes a transaction's first record.
    Partition(Held),
}

/// A record on its way into a partition.
#[derive(Clone, Debug)]
pub struct Produce {
    pub client: usize,
    pub call: u64,
    pub id: Arc<str>,
    pub producer: Producer,
    pub tag: Tag,
    pub partition: usize,
    pub version: TransactionVersion,
}

/// A record that waits for the coordinator's word.
#[derive(Clone, Debug)]
pub struct Held {
    pub produce: Produce,
    /// How many markers of the producer the partition had then.
    pub guard: u64,
}

#[derive(Clone, Debug)]
pub enum Message {
    Ask {
        from: Asker,
        request: Request,
        fresh: Option<ProducerId>,
    },
    Answer {
        to: Asker,
        answer: Answer,
    },
    Produce(Produce),
    Produced {
        client: usize,
        call: u64,
        error: ErrorCode,
    },
    Marker(Marker),
    MarkerDone {
        marker: Marker,
        result: MarkerResult,
    },
}

/// One partition's marker.
#[derive(Clone, Debug)]
pub struct Marker {
    /// Of the coordinator.
    pub epoch: i32,
    pub id: Arc<str>,
    pub run: MarkerRun,
    pub producer: Producer,
    pub end: TransactionEnd,
    pub version: TransactionVersion,
    pub partition: usize,
}

impl Message {
    /// Whether it may arrive twice, or late: what is protected by an epoch of its own. An older producer's requests are
    /// not, which is what KIP-890 is about.
    pub fn may_come_again(&self) -> bool {
        match self {
            Self::Ask {
                from: Asker::Client { .. },
                request,
                // With a producer id it does not come from the network.
                fresh: None,
            } => match request {
                Request::End(end) => end.client == TransactionVersion::V2,
                Request::Init(_) => true,
                Request::Add(_) | Request::Verify(_) => false,
            },
            Self::Marker(marker) => marker.version == TransactionVersion::V2,
            Self::MarkerDone { .. } => true,
            Self::Ask { .. } | Self::Answer { .. } | Self::Produce(_) | Self::Produced { .. } => false,
        }
    }
}
