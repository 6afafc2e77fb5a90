//! What the broker measures, under the names of Kafka's MBeans (`docs/metrics.md`).
//!
//! Handles are looked up once and kept here: on the path of a request they are additions to atomics.

mod groups;
mod logs;
mod replication;
mod requests;
mod traffic;

pub use replication::Replication;
pub use requests::Requests;
pub use traffic::Traffic;

use crate::{Broker, quota};
use base::metric::{Descriptor, Registry};
use network::tick;
use std::sync::Arc;
use std::time::Duration;

/// How long a turn of the histograms lasts: quantiles are of the last turn or two.
const TURN: Duration = Duration::from_secs(60);

/// The broker's figures.
#[derive(Debug)]
pub struct Measures {
    /// Of each API.
    pub requests: Requests,
    /// Of records that come and go.
    pub traffic: Traffic,
    /// Of replication.
    pub replication: Replication,
}

impl Measures {
    /// All zero.
    pub fn new(registry: &Arc<Registry>) -> Self {
        Self {
            requests: Requests::new(registry),
            traffic: Traffic::new(registry),
            replication: Replication::new(registry),
        }
    }
}

const PARTITIONS: Descriptor = Descriptor::new(
    "kafka.server",
    "ReplicaManager",
    "PartitionCount",
    "Replicas hosted here.",
);
const LEADERS: Descriptor = Descriptor::new("kafka.server", "ReplicaManager", "LeaderCount", "Partitions led here.");
const OFFLINE_DIRS: Descriptor = Descriptor::new(
    "kafka.log",
    "LogManager",
    "OfflineLogDirectoryCount",
    "Log directories that failed.",
);
const OFFLINE_DIR: Descriptor = Descriptor::new(
    "kafka.log",
    "LogManager",
    "LogDirectoryOffline",
    "1 if the log directory failed.",
);
const CORDONED_DIRS: Descriptor = Descriptor::new(
    "kafka.log",
    "LogManager",
    "CordonedLogDirectoryCount",
    "Log directories that take no new partitions (KIP-1066).",
);
const CORDONED_DIR: Descriptor = Descriptor::new(
    "kafka.log",
    "LogManager",
    "LogDirectoryCordoned",
    "1 if the log directory takes no new partitions (KIP-1066).",
);
const REMAINING: Descriptor = Descriptor::new(
    "kafka.log",
    "LogManager",
    "remainingLogsToRecover",
    "Logs of the directory that are still to be opened, and checked where the broker did not end well (KIP-831).",
);
const SESSIONS: Descriptor = Descriptor::new(
    "kafka.server",
    "FetchSessionCache",
    "NumIncrementalFetchSessions",
    "Fetch sessions open.",
);

/// Shows what is asked for when the page is read, and begins the histograms' turns.
pub fn show(broker: &Arc<Broker>) {
    let asked = |descriptor: &Descriptor, read: fn(&Broker) -> usize| {
        let weak = Arc::downgrade(broker);
        let read = move || weak.upgrade().map_or(0, |broker| read(&broker)) as f64;
        broker.metrics.asked_gauge(descriptor, &[], read);
    };
    asked(&PARTITIONS, |broker| broker.partitions.all().len());
    asked(&LEADERS, |broker| {
        count(broker, |partition| partition.leadership().is_ok())
    });
    replication::show(asked);
    logs::show(broker);
    groups::show(broker);
    quota::show(broker);
    asked(&OFFLINE_DIRS, |broker| {
        broker.log_dirs.dirs.iter().filter(|dir| dir.is_offline()).count()
    });
    asked(&CORDONED_DIRS, |broker| {
        let dirs = &broker.log_dirs;
        dirs.dirs.iter().filter(|dir| dirs.is_cordoned(dir)).count()
    });
    asked(&SESSIONS, |broker| broker.fetch_sessions.len());
    for dir in &broker.log_dirs.dirs {
        let label = dir.path.display().to_string();
        let (weak, lies_in) = (Arc::downgrade(broker), Arc::clone(dir));
        broker.metrics.asked_gauge(&REMAINING, &[("dir", &label)], move || {
            let remaining = weak
                .upgrade()
                .map_or(0, |broker| broker.log_dirs.still_to_take(&lies_in));
            remaining as f64
        });
        let (weak, asked) = (Arc::downgrade(broker), Arc::clone(dir));
        broker
            .metrics
            .asked_gauge(&CORDONED_DIR, &[("logDirectory", &label)], move || {
                let is_cordoned = weak.upgrade().is_some_and(|broker| broker.log_dirs.is_cordoned(&asked));
                f64::from(u8::from(is_cordoned))
            });
        let dir = Arc::clone(dir);
        let read = move || f64::from(u8::from(dir.is_offline()));
        broker
            .metrics
            .asked_gauge(&OFFLINE_DIR, &[("logDirectory", &label)], read);
    }
    tokio::spawn(turn(Arc::clone(broker)));
}

fn count(broker: &Broker, wanted: impl Fn(&partition::Partition) -> bool) -> usize {
    let all = broker.partitions.all();
    all.iter().filter(|hosted| wanted(&hosted.lock())).count()
}

async fn turn(broker: Arc<Broker>) {
    let mut stopping = broker.stopping.clone();
    loop {
        tokio::select! {
            () = tick::pause(TURN) => broker.metrics.turn(),
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}
