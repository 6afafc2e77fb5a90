//! What members of a group promise: while they come and go, every record is read once, by one of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::admin::{self, NewTopic, Placement};
use client::consume::group::{GroupConsumer, GroupProtocol, GroupSettings, Subscription};
use client::consume::{ConsumerSettings, OffsetReset};
use client::produce::{NewRecord, Producer, ProducerSettings};
use client::{Cluster as Connected, Settings as ClientSettings};
use testkit::{Cluster, Maker, Settings, SingleNode};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const PARTITIONS: i32 = 4;
/// Records of each partition, three times.
const RECORDS: i64 = 100;

/// How long the whole of a test may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often each record was read, by partition and offset.
type Seen = Arc<Mutex<BTreeMap<(i32, i64), usize>>>;

#[test]
fn members_of_a_group_at_kafka_read_every_record_once() {
    let broker = SingleNode::start(Maker::Kafka, &settings()).expect("Kafka starts");
    share(&broker, GroupProtocol::Classic);
    share(&broker, GroupProtocol::Consumer);
}

#[test]
fn members_of_a_group_at_riverrun_read_every_record_once() {
    let broker = SingleNode::start(Maker::Riverrun, &settings()).expect("Riverrun starts");
    share(&broker, GroupProtocol::Classic);
    share(&broker, GroupProtocol::Consumer);
}

/// A broker that hears of members often, so that the new protocol is as quick as the classic one.
fn settings() -> Settings {
    Settings::default()
        .with("group.consumer.min.heartbeat.interval.ms", 50)
        .with("group.consumer.heartbeat.interval.ms", 50)
        .with("group.consumer.assignment.interval.ms", 0)
}

/// In a topic and a group of the protocol's own.
fn share(broker: &impl Cluster, protocol: GroupProtocol) {
    let name = format!("{protocol:?}");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let story = async {
        let cluster = connect(broker.bootstrap(), &name).await;
        let seen = Seen::default();
        produce(&cluster, &name).await;
        let first = member(&cluster, &name, protocol, &seen);
        wait_for(&seen, RECORDS).await;
        let second = member(&cluster, &name, protocol, &seen);
        produce(&cluster, &name).await;
        wait_for(&seen, 2 * RECORDS).await;
        first.end().await;
        produce(&cluster, &name).await;
        wait_for(&seen, 3 * RECORDS).await;
        second.end().await;
        let committed = admin::list_group_offsets(&cluster, &name).await.expect("offsets");
        let ends: Vec<i64> = committed.iter().map(|(_, committed)| committed.offset.0).collect();
        assert_eq!(ends, [3 * RECORDS; PARTITIONS as usize]);
        let seen = seen.lock().expect("nobody panicked");
        let often: Vec<_> = seen.iter().filter(|(_, times)| **times != 1).collect();
        assert!(often.is_empty(), "read more than once: {often:?}");
    };
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, story).await })
        .expect("done in time");
}

/// A member that is polled in a task of its own.
struct Polled {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Polled {
    async fn end(self) {
        self.stop.send(()).expect("the member is polled");
        self.task.await.expect("the member ends");
    }
}

fn member(cluster: &Connected, name: &str, protocol: GroupProtocol, seen: &Seen) -> Polled {
    let mut settings = GroupSettings::new(name);
    settings.protocol = protocol;
    settings.heartbeat_interval = Duration::from_millis(50);
    let consuming = ConsumerSettings {
        reset: OffsetReset::Earliest,
        ..ConsumerSettings::default()
    };
    let subscription = Subscription::Named(vec![name.to_owned()]);
    let mut consumer = GroupConsumer::new(cluster.clone(), settings, consuming, subscription);
    let seen = Arc::clone(seen);
    let (stop, mut stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        loop {
            let chunks = tokio::select! {
                biased;
                _ = &mut stopped => break,
                chunks = consumer.poll(Duration::from_secs(1)) => chunks.expect("records"),
            };
            let mut seen = seen.lock().expect("nobody panicked");
            for chunk in &chunks {
                for record in chunk.blocks.iter().flat_map(|block| block.records()) {
                    *seen.entry((chunk.partition.partition, record.offset.0)).or_default() += 1;
                }
            }
        }
        consumer.close().await;
    });
    Polled { stop, task }
}

async fn wait_for(seen: &Seen, records: i64) {
    let wanted = usize::try_from(records).expect("not negative") * PARTITIONS as usize;
    while seen.lock().expect("nobody panicked").len() < wanted {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn connect(bootstrap: &str, name: &str) -> Connected {
    let cluster = Connected::new(ClientSettings::new(bootstrap).expect("an address"));
    let topic = NewTopic {
        name: name.to_owned(),
        placement: Placement::Counts {
            partitions: Some(PARTITIONS),
            replication_factor: Some(1),
        },
        configs: Vec::new(),
    };
    for (_, created) in admin::create_topics(&cluster, &[topic]).await.expect("an answer") {
        created.expect("the topic is created");
    }
    cluster
}

async fn produce(cluster: &Connected, name: &str) {
    let producer = Producer::start(cluster.clone(), ProducerSettings::default());
    let mut receipts = Vec::new();
    for number in 0..RECORDS {
        for partition in 0..PARTITIONS {
            let value = number.to_string();
            let record = NewRecord {
                partition: Some(partition),
                value: Some(value.as_bytes()),
                ..NewRecord::default()
            };
            receipts.push(producer.send(name, &record).await.expect("room in the buffer"));
        }
    }
    for receipt in receipts {
        receipt.delivered().await.expect("every record is written");
    }
    producer.close().await;
}
