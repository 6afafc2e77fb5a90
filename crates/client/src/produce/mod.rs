//! Producing: records are gathered into batches by partition, compressed, sent, and sent again until they are written
//! or given up. With idempotence (the default) a record is written once and in order, whatever is sent again.

mod batch;
mod identity;
mod node;
mod outcome;
mod partitioner;
mod queue;
mod sender;
mod settings;
mod topic;

pub use batch::NewRecord;
pub use outcome::{Delivered, Receipt};
pub use partitioner::{for_key, murmur2};
pub use records::RecordHeader;
pub use settings::{Acks, Idempotence, ProducerSettings};

use crate::cluster::{Cluster, Topics};
use crate::error::ClientError;
use base::clock::SystemClock;
use base::{Clock, Rng};
use protocol::ErrorCode;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use topic::TopicQueues;

/// Sends records. Cheap to use from several tasks at once; dropped without [`Producer::close`], it gives up what it has
/// not sent.
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    sender: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    settings: ProducerSettings,
    clock: SystemClock,
    state: Mutex<State>,
    /// The sender has reason to look.
    wake: Notify,
    /// Bytes or batches went away.
    settled: Notify,
}

#[derive(Debug)]
struct State {
    topics: FxHashMap<String, TopicQueues>,
    /// Bytes of records that wait or are under way.
    buffered: usize,
    /// How many callers wait for everything to be sent, or for room.
    hurry: usize,
    closed: bool,
    rng: Rng,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the sender in a hurry.
struct Hurry<'a>(&'a Shared);

impl<'a> Hurry<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.state().hurry += 1;
        shared.wake.notify_one();
        Self(shared)
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.state().hurry -= 1;
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

impl Producer {
    /// Starts a producer on the current tokio runtime.
    pub fn start(cluster: Cluster, settings: ProducerSettings) -> Self {
        let state = State {
            topics: FxHashMap::default(),
            buffered: 0,
            hurry: 0,
            closed: false,
            rng: Rng::from_os(),
        };
        let shared = Arc::new(Shared {
            cluster,
            settings,
            clock: SystemClock::new(),
            state: Mutex::new(state),
            wake: Notify::new(),
            settled: Notify::new(),
        });
        let sender = tokio::spawn(sender::run(Arc::clone(&shared)));
        Self { shared, sender }
    }

    /// Adds a record to a batch, waiting for the topic's metadata or for room if need be. The receipt tells later what
    /// became of it.
    pub async fn send(&self, topic: &str, record: &NewRecord<'_>) -> Result<Receipt, ClientError> {
        self.check_size(record)?;
        let deadline = Instant::now() + self.shared.settings.max_block;
        loop {
            let settled = self.shared.settled.notified();
            match self.try_add(topic, record)? {
                Tried::Added(receipt) => return Ok(receipt),
                Tried::TopicUnknown => self.learn(topic).await?,
                Tried::Full => {
                    let _hurry = Hurry::new(&self.shared);
                    if timeout_at(deadline, settled).await.is_err() {
                        return Err(ClientError::TimedOut {
                            what: "room in the producer's buffer",
                            last: String::new(),
                        });
                    }
                }
            }
        }
    }

    /// How many partitions a topic has, waiting for its metadata if need be.
    pub async fn partitions(&self, topic: &str) -> Result<usize, ClientError> {
        loop {
            if let Some(known) = self.shared.state().topics.get(topic) {
                return Ok(known.count());
            }
            self.learn(topic).await?;
        }
    }

    /// Waits until everything that was added so far is settled.
    pub async fn flush(&self) {
        let _hurry = Hurry::new(&self.shared);
        loop {
            let settled = self.shared.settled.notified();
            if self.shared.state().topics.values().all(TopicQueues::is_empty) {
                return;
            }
            settled.await;
        }
    }

    /// Sends what is left, and ends.
    pub async fn close(self) {
        self.flush().await;
        self.shared.state().closed = true;
        self.shared.wake.notify_one();
    }

    fn check_size(&self, record: &NewRecord<'_>) -> Result<(), ClientError> {
        let (size, limit) = (
            record.size() + records::HEADER_LEN,
            self.shared.settings.max_request_size,
        );
        if size <= limit {
            return Ok(());
        }
        Err(ClientError::Refused {
            code: ErrorCode::MessageTooLarge,
            message: format!(
                "The message is {size} bytes when serialized which is larger than {limit}, which is the value of the \
                 max.request.size configuration."
            ),
        })
    }

    fn try_add(&self, topic: &str, record: &NewRecord<'_>) -> Result<Tried, ClientError> {
        let timestamp = record.timestamp.unwrap_or_else(|| self.shared.clock.wall());
        let mut state = self.shared.state();
        let state = &mut *state;
        let size = record.size();
        // A record larger than the whole buffer is let through alone.
        if state.buffered > 0 && state.buffered + size > self.shared.settings.buffer_memory {
            return Ok(Tried::Full);
        }
        let Some(queues) = state.topics.get_mut(topic) else {
            return Ok(Tried::TopicUnknown);
        };
        let added = queues.add(record, timestamp, &self.shared.settings, &mut state.rng)?;
        state.buffered += size;
        if added.wake {
            self.shared.wake.notify_one();
        }
        Ok(Tried::Added(added.receipt))
    }

    async fn learn(&self, topic: &str) -> Result<(), ClientError> {
        let patience = self.shared.settings.max_block;
        let name = [topic.to_owned()];
        let found = self.shared.cluster.topic(Topics::NamedOrCreated(&name), patience);
        let metadata = match tokio::time::timeout(patience, found).await {
            Ok(found) => found.map_err(|error| match error.code() {
                Some(ErrorCode::UnknownTopicOrPartition) => absent(topic, patience),
                _ => error,
            })?,
            Err(_) => return Err(absent(topic, patience)),
        };
        let mut state = self.shared.state();
        state
            .topics
            .entry(topic.to_owned())
            .or_insert_with(|| TopicQueues::new(metadata));
        Ok(())
    }
}

enum Tried {
    Added(Receipt),
    TopicUnknown,
    Full,
}

fn absent(topic: &str, after: std::time::Duration) -> ClientError {
    ClientError::Refused {
        code: ErrorCode::UnknownTopicOrPartition,
        message: format!("Topic {topic} not present in metadata after {} ms.", after.as_millis()),
    }
}
