//! Two replicas of a partition and the wire between them.

use base::fs::RealFs;
use base::{BrokerEpoch, Instant, LeaderEpoch, NodeId, Offset, PartitionEpoch, Timestamp, TopicPartition, Uuid};
use bytes::Bytes;
use partition::{
    BrokerStanding, BrokerState, Brokers, Following, IsrProposal, LeaderAnswer, Leadership, NextFetch, Partition,
    ReplicaFetch, RequiredAcks,
};
use records::{BatchBuilder, ReplicatedBatches, VerifiedBatch};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use storage::{Durability, Log, LogConfig, LogOptions, MinOne, Origin, ReadRequest};
use tempfile::TempDir;

pub const NOW: Timestamp = Timestamp(1_700_000_000_000);
/// Who leads in a [`Pair`].
pub const L: NodeId = NodeId(1);
/// Who follows.
pub const F: NodeId = NodeId(2);

pub fn at(millis: u64) -> Instant {
    Instant::from_zero(Duration::from_millis(millis))
}

pub fn batch(records: usize) -> VerifiedBatch {
    let mut builder = BatchBuilder::new();
    for _ in 0..records {
        builder.append(NOW, Some(b"key"), Some(b"value"), &[]);
    }
    builder.build()
}

pub fn led_by(node: NodeId, epoch: i32, partition_epoch: i32, isr: &[NodeId]) -> Leadership {
    Leadership {
        node,
        epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(partition_epoch),
        replicas: vec![L, F],
        isr: isr.to_vec(),
    }
}

pub fn following(leader: NodeId, epoch: i32) -> Following {
    Following {
        leader,
        epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(epoch),
    }
}

/// What a log holds from its start to its end.
pub fn bytes(partition: &Partition) -> Bytes {
    read(partition, partition.log().log_start_offset())
}

fn read(partition: &Partition, from: Offset) -> Bytes {
    let view = partition.log().view();
    let request = ReadRequest {
        from,
        max_bytes: 1 << 20,
        bound: view.log_end_offset(),
        min_one: MinOne::Whole,
    };
    let region = view.read(request).unwrap().region;
    region.map_or(Bytes::new(), |region| region.read().unwrap().into())
}

pub struct Pair {
    pub leader: Partition,
    pub follower: Partition,
    /// The registration that the follower fetches with.
    pub broker_epoch: BrokerEpoch,
    brokers: Arc<Brokers>,
    standings: BTreeMap<NodeId, BrokerStanding>,
    _root: TempDir,
}

impl Pair {
    pub fn new(durability: Durability) -> Self {
        let root = tempfile::tempdir().unwrap();
        let brokers = Arc::new(Brokers::new(Duration::from_secs(30)));
        let open = |name: &str| {
            let dir = root.path().join(name).join("t-0");
            let mut options = LogOptions::new(Arc::new(RealFs), dir, TopicPartition::new("t", 0), NOW);
            options.config = Arc::new(LogConfig {
                durability,
                ..LogConfig::default()
            });
            let log = Log::open(options).unwrap();
            Partition::new(Uuid::ONE, log, Offset::ZERO, 1, Arc::clone(&brokers))
        };
        let mut pair = Self {
            leader: open("one"),
            follower: open("other"),
            broker_epoch: BrokerEpoch(20),
            brokers: Arc::clone(&brokers),
            standings: BTreeMap::new(),
            _root: root,
        };
        pair.registered(L, 10, BrokerState::Active);
        pair.registered(F, 20, BrokerState::Active);
        pair
    }

    pub fn registered(&mut self, node: NodeId, epoch: i64, state: BrokerState) {
        let epoch = BrokerEpoch(epoch);
        self.standings.insert(node, BrokerStanding { epoch, state });
        self.brokers.replace(self.standings.clone());
    }

    pub fn min_insync(&mut self, min: usize) {
        for partition in [&mut self.leader, &mut self.follower] {
            let config = Arc::clone(partition.log().config());
            partition.update_config(config, min).fire();
        }
    }

    /// Both hear who leads; the partition's epoch is the leader's.
    pub fn lead_from(&mut self, epoch: i32, isr: &[NodeId]) {
        self.leader.lead(led_by(L, epoch, epoch, isr), at(0)).unwrap().fire();
        self.follower.follow(following(L, epoch)).fire();
    }

    /// Leader and follower change their parts, and their names.
    pub fn swap(&mut self) {
        std::mem::swap(&mut self.leader, &mut self.follower);
    }

    pub fn append(&mut self, batch: VerifiedBatch) {
        let appended = self.leader.append(&[batch], RequiredAcks::Leader, Origin::Client, NOW);
        appended.unwrap().1.fire();
    }

    pub fn append_one_acknowledged_by_the_leader(&mut self) {
        self.append(batch(1));
    }

    pub fn flush_leader(&mut self) {
        let flush = self.leader.log_mut().prepare_flush().unwrap().unwrap();
        let result = flush.run();
        self.leader.finish_flush(flush, result, at(0)).fire();
    }

    /// What the follower asks now.
    pub fn fetch(&self) -> ReplicaFetch {
        let NextFetch::At(position) = self.follower.next_fetch() else {
            panic!("{:?}", self.follower.next_fetch());
        };
        ReplicaFetch {
            replica: F,
            broker_epoch: self.broker_epoch,
            current_leader_epoch: position.current_leader_epoch,
            offset: position.offset,
            last_fetched_epoch: position.last_fetched_epoch,
            log_start_offset: position.log_start_offset,
        }
    }

    /// What the leader answers now.
    pub fn answer(&mut self) -> LeaderAnswer {
        self.ask().0
    }

    fn ask(&mut self) -> (LeaderAnswer, Option<IsrProposal>) {
        let fetch = self.fetch();
        let (found, acknowledged) = self.leader.replica_fetch(&fetch, at(0)).unwrap();
        acknowledged.wakes.fire();
        let records = match found.diverging {
            Some(_) => Bytes::new(),
            None => read(&self.leader, fetch.offset),
        };
        let answer = LeaderAnswer {
            high_watermark: found.view.high_watermark,
            log_start_offset: found.view.log_start_offset,
            diverging: found.diverging,
            records: ReplicatedBatches::verify(records).unwrap(),
        };
        (answer, acknowledged.proposal)
    }

    /// One fetch, there and back; answers what the leader makes of it.
    pub fn round(&mut self) -> Option<IsrProposal> {
        let NextFetch::At(asked) = self.follower.next_fetch() else {
            panic!("{:?}", self.follower.next_fetch());
        };
        let (answer, proposal) = self.ask();
        let (_, wakes) = self.follower.replicate(&asked, &answer, NOW).unwrap();
        wakes.fire();
        proposal
    }

    pub fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.round();
        }
    }
}
