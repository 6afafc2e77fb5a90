//! Our own client while a cluster suffers: an idempotent producer and a consumer in no group, in a thread of the test.

use anyhow::{Context, Result, anyhow};
use base::{Offset, Rng, TopicPartition};
use client::consume::{Consumer, ConsumerSettings, OffsetReset, StartAt};
use client::produce::{NewRecord, Producer, ProducerSettings};
use client::{ClientError, Cluster, Settings};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

use super::clients::Work;

/// What is still to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    All,
    Reading,
    Nothing,
}

const PRODUCER: &str = "own-a";
const READER: &str = "own-reader";

/// The running thread.
pub struct OwnClient {
    stage: watch::Sender<Stage>,
    thread: JoinHandle<Result<()>>,
}

/// What both halves know.
#[derive(Clone)]
struct Told {
    history: Arc<File>,
    bootstrap: String,
    topic: &'static str,
    partitions: i32,
    pause: Duration,
    seed: u64,
}

impl OwnClient {
    pub fn start(work: &Work) -> Result<OwnClient> {
        let told = Told {
            history: Arc::new(File::options().append(true).open(&work.history)?),
            bootstrap: work.bootstrap.clone(),
            topic: work.plain,
            partitions: work.plain_partitions,
            pause: work.pause,
            seed: work.seed,
        };
        let (stage, stages) = watch::channel(Stage::All);
        // The thread is on the network of the one that starts it; so are those that a runtime of its own would start.
        let thread = std::thread::Builder::new()
            .name("own client".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let reads = read(told.clone(), stages.clone());
                    tokio::try_join!(produce(told, stages), reads).map(drop)
                })
            })?;
        Ok(OwnClient { stage, thread })
    }

    pub fn stop_producing(&self) {
        self.stage.send_replace(Stage::Reading);
    }

    pub fn finish(self) -> Result<()> {
        self.stage.send_replace(Stage::Nothing);
        let ended = self.thread.join().map_err(|_| anyhow!("our own client panicked"))?;
        ended.context("our own client")
    }
}

impl Told {
    /// One write of one line: the file's order is the order in which things happened.
    fn tell(&self, did: &str, who: &str, more: Value) -> Result<()> {
        let mut line = json!({"did": did, "who": who});
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        Ok((&*self.history).write_all(format!("{line}\n").as_bytes())?)
    }

    fn cluster(&self, who: &str) -> Result<Cluster> {
        let settings = Settings::new(&self.bootstrap)?;
        Ok(Cluster::new(Settings {
            client_id: who.to_owned(),
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(5),
            metadata_max_age: Duration::from_secs(5),
            ..settings
        }))
    }
}

fn complaint(error: &ClientError) -> Value {
    let retriable = error.is_retriable() || matches!(error, ClientError::TimedOut { .. });
    if retriable {
        let name = error
            .code()
            .map_or_else(|| "no answer".to_owned(), |code| format!("{code:?}"));
        return json!({"error": name, "severity": "retriable"});
    }
    json!({"error": error.to_string(), "severity": "fatal"})
}

fn joined(one: &Value, other: Value) -> Value {
    let mut all = one.clone();
    if let (Value::Object(all), Value::Object(other)) = (&mut all, other) {
        all.extend(other);
    }
    all
}

async fn produce(told: Told, stages: watch::Receiver<Stage>) -> Result<()> {
    let settings = ProducerSettings {
        linger: Duration::from_millis(2),
        delivery_timeout: Duration::from_secs(60),
        max_block: Duration::from_secs(60),
        ..ProducerSettings::default()
    };
    let producer = Producer::start(told.cluster(PRODUCER)?, settings);
    let mut rng = Rng::from_seed(told.seed);
    let mut sequences = vec![0_u64; usize::try_from(told.partitions)?];
    while *stages.borrow() == Stage::All {
        let at = usize::try_from(rng.below(sequences.len() as u64))?;
        let (partition, sequence) = (i32::try_from(at)?, sequences[at]);
        sequences[at] += 1;
        let what = json!({"topic": told.topic, "partition": partition, "sequence": sequence});
        told.tell("sends", PRODUCER, what.clone())?;
        let value = format!("{PRODUCER}:{partition}:{sequence}");
        let record = NewRecord {
            partition: Some(partition),
            timestamp: None,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        };
        match producer.send(told.topic, &record).await {
            Ok(receipt) => {
                let told = told.clone();
                tokio::spawn(async move {
                    match receipt.delivered().await {
                        Ok(written) => told.tell(
                            "acknowledged",
                            PRODUCER,
                            joined(&what, json!({"offset": written.offset.0})),
                        ),
                        Err(error) => told.tell("failed", PRODUCER, joined(&what, complaint(&error))),
                    }
                });
            }
            Err(error) => told.tell("failed", PRODUCER, joined(&what, complaint(&error)))?,
        }
        let millis = rng.below(2 * u64::try_from(told.pause.as_millis())?);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    producer.flush().await;
    // Those who wait for the last receipts are told at the same time.
    tokio::task::yield_now().await;
    producer.close().await;
    Ok(())
}

async fn read(told: Told, stages: watch::Receiver<Stage>) -> Result<()> {
    let settings = ConsumerSettings {
        reset: OffsetReset::None,
        ..ConsumerSettings::default()
    };
    let mut consumer = Consumer::new(told.cluster(READER)?, settings);
    for partition in 0..told.partitions {
        consumer.add(TopicPartition::new(told.topic, partition), StartAt::Offset(Offset(0)));
    }
    let partitions: Vec<i32> = (0..told.partitions).collect();
    told.tell(
        "assigned",
        READER,
        json!({"topic": told.topic, "partitions": partitions, "isolation": "read_uncommitted"}),
    )?;
    while *stages.borrow() < Stage::Nothing {
        match consumer.poll(Duration::from_millis(200)).await {
            Ok(chunks) => {
                for chunk in chunks {
                    let records = chunk.blocks.iter().flat_map(client::consume::Block::records);
                    let records: Vec<_> = records
                        .map(|record| {
                            (
                                record.offset.0,
                                String::from_utf8_lossy(record.value.unwrap_or(b"")).into_owned(),
                            )
                        })
                        .collect();
                    let partition = chunk.partition.partition;
                    let more = json!({"topic": told.topic, "partition": partition, "records": records});
                    told.tell("polled", READER, more)?;
                }
            }
            Err(error) => {
                told.tell("erred", READER, complaint(&error))?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    Ok(())
}
