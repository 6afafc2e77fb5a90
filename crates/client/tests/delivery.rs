//! What the producer promises: every record once and in order, though the broker dies in between.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::TopicPartition;
use client::admin::{self, NewTopic, Placement};
use client::consume::{Consumer, ConsumerSettings, OffsetReset, StartAt};
use client::produce::{NewRecord, Producer, ProducerSettings};
use client::{Cluster as Connected, Settings as ClientSettings};
use records::compression::Codec;
use testkit::{Cluster, Maker, Settings, SingleNode};

const PARTITIONS: i32 = 3;
const RECORDS: i32 = 6000;
const TOPIC: &str = "delivered";

/// How long the whole of a test may take.
const PATIENCE: Duration = Duration::from_secs(240);

#[test]
fn a_killed_riverrun_loses_and_doubles_nothing() {
    let broker = SingleNode::start(Maker::Riverrun, &Settings::default()).expect("Riverrun starts");
    survive_kill(broker);
}

#[test]
fn a_killed_kafka_loses_and_doubles_nothing() {
    let broker = SingleNode::start(Maker::Kafka, &Settings::default()).expect("Kafka starts");
    survive_kill(broker);
}

fn survive_kill(broker: impl Cluster + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let bootstrap = broker.bootstrap().to_owned();
    let broker = Arc::new(Mutex::new(broker));
    let story = async {
        let cluster = connect(&bootstrap).await;
        produce_while_killing(&cluster, Arc::clone(&broker)).await;
        check_all_there(&cluster).await;
    };
    runtime
        .block_on(async { tokio::time::timeout(PATIENCE, story).await })
        .expect("done in time");
}

async fn connect(bootstrap: &str) -> Connected {
    let mut settings = ClientSettings::new(bootstrap).expect("an address");
    settings.retry_backoff = Duration::from_millis(20);
    let cluster = Connected::new(settings);
    let placement = Placement::Counts {
        partitions: Some(PARTITIONS),
        replication_factor: Some(1),
    };
    let topic = NewTopic {
        name: TOPIC.to_owned(),
        placement,
        configs: Vec::new(),
    };
    for (_, created) in admin::create_topics(&cluster, &[topic]).await.expect("an answer") {
        created.expect("the topic is created");
    }
    cluster
}

async fn produce_while_killing(cluster: &Connected, broker: Arc<Mutex<impl Cluster + 'static>>) {
    // Small batches and no linger: many requests are under way when the broker dies.
    let settings = ProducerSettings {
        batch_size: 500,
        linger: Duration::ZERO,
        codec: Codec::Lz4,
        ..ProducerSettings::default()
    };
    let producer = Producer::start(cluster.clone(), settings);
    let mut receipts = Vec::new();
    let mut killing = None;
    for number in 0..RECORDS {
        let value = number.to_string();
        let record = NewRecord {
            partition: Some(number % PARTITIONS),
            value: Some(value.as_bytes()),
            ..NewRecord::default()
        };
        receipts.push(producer.send(TOPIC, &record).await.expect("room in the buffer"));
        if number == RECORDS / 3 {
            let broker = Arc::clone(&broker);
            killing = Some(tokio::task::spawn_blocking(move || {
                let mut broker = broker.lock().expect("no panic holds the broker");
                broker.kill9().expect("it dies");
                broker.restart().expect("it starts again");
            }));
        }
        if number % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    for receipt in receipts {
        receipt.delivered().await.expect("every record is written in the end");
    }
    killing
        .expect("the broker was killed")
        .await
        .expect("killed and restarted");
    producer.close().await;
}

async fn check_all_there(cluster: &Connected) {
    let settings = ConsumerSettings {
        reset: OffsetReset::None,
        ..ConsumerSettings::default()
    };
    let mut consumer = Consumer::new(cluster.clone(), settings);
    for partition in 0..PARTITIONS {
        consumer.add(TopicPartition::new(TOPIC, partition), StartAt::Earliest);
    }
    let mut found = vec![Vec::new(); usize::try_from(PARTITIONS).expect("positive")];
    let mut total = 0;
    loop {
        let chunks = consumer.poll(Duration::from_secs(2)).await.expect("records");
        if chunks.is_empty() && total >= RECORDS {
            break;
        }
        for chunk in &chunks {
            let partition = usize::try_from(chunk.partition.partition).expect("not negative");
            for record in chunk.blocks.iter().flat_map(client::consume::Block::records) {
                let text = std::str::from_utf8(record.value.expect("a value")).expect("digits");
                assert_eq!(record.offset.0, i64::try_from(found[partition].len()).expect("few"));
                found[partition].push(text.parse::<i32>().expect("a number"));
                total += 1;
            }
        }
    }
    for (partition, numbers) in (0..).zip(found) {
        let expected: Vec<i32> = (0..RECORDS).filter(|number| number % PARTITIONS == partition).collect();
        assert!(
            numbers == expected,
            "partition {partition} holds each of its records once and in order"
        );
    }
}
