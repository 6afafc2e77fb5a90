//! Replication: who is in sync, how far followers lag, what goes from broker to broker.

use super::count;
use crate::Broker;
use base::metric::{Counter, Descriptor, Registry};
use partition::Leadership;
use std::sync::Arc;

const fn replicas(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "ReplicaManager", name, help)
}

const fn fetchers(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "ReplicaFetcherManager", name, help)
}

const fn topics(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "BrokerTopicMetrics", name, help)
}

/// Counters of replication.
#[derive(Debug)]
pub struct Replication {
    /// Bytes fetched from leaders.
    pub bytes_in: Arc<Counter>,
    /// Bytes answered to followers.
    pub bytes_out: Arc<Counter>,
    /// Replicas put out of sync.
    pub isr_shrinks: Arc<Counter>,
    /// Replicas that came into sync.
    pub isr_expands: Arc<Counter>,
    /// Changes of who is in sync that the controller did not make.
    pub failed_isr_updates: Arc<Counter>,
}

impl Replication {
    pub(super) fn new(registry: &Registry) -> Self {
        let counter = |descriptor: &Descriptor| registry.counter(descriptor, &[]);
        Self {
            bytes_in: counter(&topics("ReplicationBytesInPerSec", "Bytes fetched from leaders.")),
            bytes_out: counter(&topics("ReplicationBytesOutPerSec", "Bytes answered to followers.")),
            isr_shrinks: counter(&replicas(
                "IsrShrinksPerSec",
                "Leaders' wishes to put replicas out of sync.",
            )),
            isr_expands: counter(&replicas(
                "IsrExpandsPerSec",
                "Leaders' wishes to let replicas into sync.",
            )),
            failed_isr_updates: counter(&replicas(
                "FailedIsrUpdatesPerSec",
                "Changes of who is in sync that the controller did not make.",
            )),
        }
    }
}

const UNDER_REPLICATED: Descriptor = replicas(
    "UnderReplicatedPartitions",
    "Partitions led here that not all of their replicas are in sync with.",
);
const UNDER_MIN_ISR: Descriptor = replicas(
    "UnderMinIsrPartitionCount",
    "Partitions led here with fewer replicas in sync than min.insync.replicas.",
);
const AT_MIN_ISR: Descriptor = replicas(
    "AtMinIsrPartitionCount",
    "Partitions led here with just as many replicas in sync as min.insync.replicas.",
);
const REASSIGNING: Descriptor = replicas("ReassigningPartitions", "Partitions led here that are being moved.");
const OFFLINE: Descriptor = replicas(
    "OfflineReplicaCount",
    "Replicas hosted here whose log directory failed.",
);
const MAX_LAG: Descriptor = fetchers(
    "MaxLag",
    "The most records that a follower here lacks of what its leader has committed.",
);
const FAILED: Descriptor = fetchers(
    "FailedPartitionsCount",
    "Partitions that are not fetched until assigned anew.",
);
const LEADER_RATE: Descriptor = Descriptor::new(
    "kafka.server",
    "LeaderReplication",
    "byte-rate",
    "Bytes a second sent to throttled followers of late.",
);
const FOLLOWER_RATE: Descriptor = Descriptor::new(
    "kafka.server",
    "FollowerReplication",
    "byte-rate",
    "Bytes a second fetched by throttled followers of late.",
);
const LOG_DIRS_RATE: Descriptor = Descriptor::new(
    "kafka.server",
    "AlterLogDirsReplication",
    "byte-rate",
    "Bytes a second copied between log directories of late, if that is throttled.",
);

/// Shows what is asked for when the page is read.
pub(super) fn show(asked: impl Fn(&Descriptor, fn(&Broker) -> usize)) {
    asked(&UNDER_REPLICATED, |broker| {
        led(broker, |led, _| led.isr.len() < led.replicas.len())
    });
    asked(&UNDER_MIN_ISR, |broker| {
        led(broker, |led, min| led.isr.len() < led.effective_min_isr(min))
    });
    asked(&AT_MIN_ISR, |broker| {
        led(broker, |led, min| led.isr.len() == led.effective_min_isr(min))
    });
    asked(&REASSIGNING, |broker| {
        let image = &broker.image.borrow().image;
        let partitions = image.topics.iter().flat_map(|topic| topic.partitions());
        let moving = partitions.filter(|(_, partition)| partition.leader == broker.node && partition.is_reassigning());
        moving.count()
    });
    asked(&OFFLINE, |broker| {
        let all = broker.partitions.all();
        all.iter().filter(|hosted| hosted.dir().is_offline()).count()
    });
    asked(&MAX_LAG, |broker| {
        usize::try_from(broker.fetchers.max_lag()).unwrap_or(0)
    });
    asked(&FAILED, |broker| broker.fetchers.failed());
    asked(&LEADER_RATE, |broker| {
        broker.throttles.leader.rate(broker.clock.now()) as usize
    });
    asked(&FOLLOWER_RATE, |broker| {
        broker.throttles.follower.rate(broker.clock.now()) as usize
    });
    asked(&LOG_DIRS_RATE, |broker| {
        broker.throttles.log_dirs.rate(broker.clock.now()) as usize
    });
}

fn led(broker: &Broker, wanted: fn(&Leadership, usize) -> bool) -> usize {
    let is_wanted = |partition: &partition::Partition| {
        let led = partition.leadership();
        led.is_ok_and(|led| wanted(led, partition.min_insync_replicas()))
    };
    count(broker, is_wanted)
}
