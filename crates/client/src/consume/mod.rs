//! Consuming: partitions that the caller names ([`Consumer`]), or those that a group gives ([`group::GroupConsumer`]).

mod aborted;
mod block;
mod fetch;
pub mod group;
mod position;
mod settings;

pub use block::{Block, ConsumedRecord};
pub use settings::{ConsumerSettings, OffsetReset};

use crate::admin::{OffsetSpec, list_offsets};
use crate::cluster::{Cluster, Topics};
use crate::error::ClientError;
use base::{LeaderEpoch, NodeId, Offset, TopicPartition};
use fetch::Landed;
use position::{Assigned, Start};
use protocol::ErrorCode;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// Where to begin in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// At its first record.
    Earliest,
    /// At its end.
    Latest,
    /// At this offset.
    Offset(Offset),
}

/// Records of one partition, in order.
#[derive(Debug)]
pub struct Chunk {
    /// The partition.
    pub partition: TopicPartition,
    /// The records, batch by batch.
    pub blocks: Vec<Block>,
}

/// Reads partitions. One Fetch is under way at each leader, the next one before the caller has seen the last.
#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    settings: ConsumerSettings,
    assigned: BTreeMap<TopicPartition, Assigned>,
    flights: JoinSet<Landed>,
    busy: Vec<NodeId>,
    pause_until: Option<Instant>,
}

impl Consumer {
    /// A consumer of no partitions.
    pub fn new(cluster: Cluster, settings: ConsumerSettings) -> Self {
        Self {
            cluster,
            settings,
            assigned: BTreeMap::new(),
            flights: JoinSet::new(),
            busy: Vec::new(),
            pause_until: None,
        }
    }

    /// Adds a partition, unless it is there.
    pub fn add(&mut self, partition: TopicPartition, start: StartAt) {
        let start = match start {
            StartAt::Earliest => Start::Unknown(OffsetSpec::Earliest),
            StartAt::Latest => Start::Unknown(OffsetSpec::Latest),
            StartAt::Offset(offset) => Start::At(offset),
        };
        self.assigned.entry(partition).or_insert_with(|| Assigned::new(start));
    }

    /// Stops reading a partition.
    pub fn remove(&mut self, partition: &TopicPartition) {
        self.assigned.remove(partition);
    }

    /// Where reading goes on in a partition, once that is known, and the epoch of the record before.
    pub fn position(&self, partition: &TopicPartition) -> Option<(Offset, LeaderEpoch)> {
        let assigned = self.assigned.get(partition)?;
        Some((assigned.offset()?, assigned.epoch))
    }

    /// Goes on at another offset.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset) {
        if let Some(assigned) = self.assigned.get_mut(partition) {
            *assigned = Assigned::new(Start::At(offset));
        }
    }

    /// The partitions being read, and where: none where the start is not known yet.
    pub fn positions(&self) -> impl Iterator<Item = (&TopicPartition, Option<Offset>)> {
        self.assigned
            .iter()
            .map(|(partition, assigned)| (partition, assigned.offset()))
    }

    /// The next records: at least one chunk, or none when `patience` is over. Nothing is lost if the wait is given up.
    pub async fn poll(&mut self, patience: Duration) -> Result<Vec<Chunk>, ClientError> {
        let deadline = Instant::now() + patience.min(Duration::from_secs(86_400 * 365));
        loop {
            if let Some(until) = self.pause_until.take() {
                sleep(until.min(deadline).saturating_duration_since(Instant::now())).await;
            }
            match timeout_at(deadline, self.prepare()).await {
                Ok(prepared) => prepared?,
                Err(_) => return Ok(Vec::new()),
            }
            let landed = match timeout_at(deadline, self.flights.join_next()).await {
                Ok(Some(landed)) => landed.expect("a fetch does not panic"),
                // Nothing can be fetched now: no partitions, or none with a leader.
                Ok(None) => {
                    if Instant::now() >= deadline {
                        return Ok(Vec::new());
                    }
                    self.back_off();
                    continue;
                }
                Err(_) => return Ok(Vec::new()),
            };
            let chunks = self.land(landed)?;
            if !chunks.is_empty() {
                // The leaders work on the next records while the caller looks at these. No wait may come here: the
                // chunks would be lost with it.
                self.launch();
                return Ok(chunks);
            }
            if Instant::now() >= deadline {
                return Ok(Vec::new());
            }
        }
    }

    fn back_off(&mut self) {
        self.pause_until = Some(Instant::now() + self.cluster.settings().retry_backoff);
    }

    /// Finds out where to begin where that is not known, and sends a Fetch to every leader that has none.
    async fn prepare(&mut self) -> Result<(), ClientError> {
        let unknown = self
            .assigned
            .iter()
            .filter_map(|(partition, assigned)| match assigned.start {
                Start::Unknown(spec) => Some((partition.clone(), spec)),
                Start::At(_) => None,
            });
        let unknown: Vec<_> = unknown.collect();
        if !unknown.is_empty() {
            for (partition, found) in list_offsets(&self.cluster, &unknown, self.settings.isolation).await? {
                match found {
                    Ok(found) => self.seek(&partition, found.offset),
                    Err(error) if error.is_retriable() => self.back_off(),
                    Err(error) => return Err(error),
                }
            }
        }
        self.depart().await
    }

    async fn depart(&mut self) -> Result<(), ClientError> {
        let mut names: Vec<String> = self
            .assigned
            .keys()
            .map(|partition| partition.topic.to_string())
            .collect();
        names.dedup();
        let stale: Vec<String> = names
            .iter()
            .filter(|name| self.cluster.known_topic(name).is_none())
            .cloned()
            .collect();
        if !stale.is_empty() {
            match self.cluster.metadata(Topics::Named(&stale)).await {
                Ok(_) => {}
                Err(error) if error.is_retriable() => self.back_off(),
                Err(error) => return Err(error),
            }
        }
        self.launch();
        Ok(())
    }

    /// Sends a Fetch to every leader that is known and has none.
    fn launch(&mut self) {
        for (leader, wanted) in fetch::by_leader(&self.cluster, &self.assigned) {
            if self.busy.contains(&leader) {
                continue;
            }
            let flight = fetch::fly(self.cluster.clone(), leader, wanted, self.settings.clone());
            self.flights.spawn(flight);
            self.busy.push(leader);
        }
    }

    fn land(&mut self, landed: Landed) -> Result<Vec<Chunk>, ClientError> {
        self.busy.retain(|busy| *busy != landed.leader);
        let answers = match landed.answer {
            Ok(answers) => answers,
            Err(error) if error.is_retriable() => {
                tracing::debug!(%error, "a fetch failed");
                for partition in &landed.wanted {
                    self.cluster.forget_topic(&partition.topic);
                }
                self.back_off();
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut chunks = Vec::new();
        for answer in answers {
            chunks.extend(self.take(answer)?);
        }
        Ok(chunks)
    }

    fn take(&mut self, answer: fetch::Answer) -> Result<Option<Chunk>, ClientError> {
        let Some(assigned) = self.assigned.get_mut(&answer.partition) else {
            return Ok(None);
        };
        // A seek while the Fetch was under way makes its records unwanted.
        if assigned.offset() != Some(answer.from) {
            return Ok(None);
        }
        match ErrorCode::from(answer.error_code) {
            ErrorCode::None => {}
            ErrorCode::OffsetOutOfRange => {
                let spec = self.settings.reset.spec().ok_or_else(|| out_of_range(&answer))?;
                assigned.start = Start::Unknown(spec);
                return Ok(None);
            }
            code if code.is_retriable() => {
                self.cluster.forget_topic(&answer.partition.topic);
                self.back_off();
                return Ok(None);
            }
            code => {
                return Err(ClientError::Refused {
                    code,
                    message: code.message().to_owned(),
                });
            }
        }
        let read = block::read(&answer, &self.settings)?;
        assigned.start = Start::At(read.next);
        assigned.epoch = read.epoch.unwrap_or(assigned.epoch);
        let chunk = Chunk {
            partition: answer.partition,
            blocks: read.blocks,
        };
        Ok((!chunk.blocks.is_empty()).then_some(chunk))
    }
}

fn out_of_range(answer: &fetch::Answer) -> ClientError {
    ClientError::Refused {
        code: ErrorCode::OffsetOutOfRange,
        message: format!(
            "offset {} of {} is out of range and no reset is configured",
            answer.from, answer.partition
        ),
    }
}
