//! Typed requests over raw connections: each is sent once, and its answer is what the broker said.

mod configs;
mod in_flight;
mod route;

pub use configs::Resource;

use anyhow::{Context, Result, bail, ensure};
use base::Uuid;
use bytes::Bytes;
use protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::fetch_response::PartitionData;
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use protocol::messages::metadata_request::MetadataRequest;
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::messages::produce_response::PartitionProduceResponse;
use protocol::{Message, Records, Request, frame};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::batch::{Batch, Record};
use crate::{Cluster, Wire};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

/// What Kafka's broker answers until it has taken over what its controller says.
const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const OFFSET_NOT_AVAILABLE: i16 = 78;

/// The first offset of a log, for [`Talk::offset`].
pub const EARLIEST: i64 = -2;
/// The end of a log, for [`Talk::offset`].
pub const LATEST: i64 = -1;

/// One connection, and requests by their types. To a cluster of several brokers: a connection to the first, and others to
/// those for whom requests are meant.
pub struct Talk {
    wire: Wire,
    next: i32,
    /// By address; none of them where there is but one broker.
    others: Option<BTreeMap<String, Wire>>,
    /// Who was asked last, where it was another.
    last: Option<String>,
}

impl Talk {
    /// A fresh connection to a broker.
    pub fn to(broker: &dyn Cluster) -> Result<Talk> {
        Talk::at(broker.bootstrap())
    }

    /// A fresh connection to `HOST:PORT`, or to a cluster at `HOST:PORT,HOST:PORT,…`.
    pub fn at(addresses: &str) -> Result<Talk> {
        Ok(Talk {
            wire: Wire::connect(addresses)?,
            next: 0,
            others: addresses.contains(',').then(BTreeMap::new),
            last: None,
        })
    }

    /// The connection below.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Sends a request to whom it is meant for and does not wait.
    pub fn send<R: Request + 'static>(&mut self, request: &R, version: i16) -> Result<()> {
        self.last = match self.others {
            Some(_) => route::address(self, &route::destination(request))?,
            None => None,
        };
        self.send_on(request, version)
    }

    /// Sends on the connection that was chosen last.
    fn send_on<R: Request>(&mut self, request: &R, version: i16) -> Result<()> {
        self.next += 1;
        let sent = frame::encode_request(request, version, self.next, Some("testkit"))?;
        self.chosen()?.send_bytes(&sent.into_bytes())
    }

    /// Reads the answer to the request sent last.
    pub fn receive<R: Request>(&mut self, version: i16) -> Result<R::Response> {
        let received = Bytes::from(self.chosen()?.receive_frame()?);
        let (id, body) = frame::decode_response(&received, R::KEY, version)?;
        ensure!(id == self.next, "asked {}, answered {id}", self.next);
        Ok(R::Response::from_bytes(&body, version)?)
    }

    /// Sends a request and reads its answer.
    pub fn ask<R: Request + 'static>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        self.send(request, version)?;
        self.receive::<R>(version)
    }

    /// As [`Talk::ask`], of the broker that was connected to first, whomever the request is meant for.
    fn ask_here<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        self.last = None;
        self.send_on(request, version)?;
        self.receive::<R>(version)
    }

    fn chosen(&mut self) -> Result<&mut Wire> {
        let (Some(others), Some(address)) = (&mut self.others, &self.last) else {
            return Ok(&mut self.wire);
        };
        Ok(match others.entry(address.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(fresh) => fresh.insert(Wire::connect(address)?),
        })
    }

    /// Creates a topic of one replica (of one at every broker where there are several, the first of them leading the first
    /// partition) and waits until its partitions are led; answers its id.
    pub fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<Uuid> {
        let configs = configs.iter().map(|(key, value)| CreatableTopicConfig {
            name: (*key).to_owned(),
            value: Some((*value).to_owned()),
        });
        let mut topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..Default::default()
        };
        if self.others.is_some() {
            self.place(&mut topic)?;
        }
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: 30_000,
            ..Default::default()
        };
        let answer = self.ask(&request, 7)?.topics.pop().context("an answer for the topic")?;
        ensure!(
            answer.error_code == 0,
            "{name}: {} {:?}",
            answer.error_code,
            answer.error_message
        );
        for index in 0..partitions {
            // Kafka answers before its broker leads the partition. Where there are several, the one that this connection is to
            // must know the topic too, to tell who leads it: until then it answers itself.
            until("a new partition is led", || {
                Ok(self.look_up(name, index, LATEST)?.error_code == 0)
            })?;
        }
        Ok(answer.topic_id)
    }

    /// Spreads the topic's replicas over all brokers, partition by partition led by another.
    fn place(&mut self, topic: &mut CreatableTopic) -> Result<()> {
        let request = MetadataRequest {
            topics: Some(Vec::new()),
            ..Default::default()
        };
        let brokers = self.ask(&request, 12)?.brokers;
        let mut ids: Vec<i32> = brokers.iter().map(|broker| broker.node_id).collect();
        ids.sort_unstable();
        let assignment = |partition_index: i32| {
            let assignment = CreatableReplicaAssignment {
                partition_index,
                broker_ids: ids.clone(),
            };
            ids.rotate_left(1);
            assignment
        };
        topic.assignments = (0..topic.num_partitions).map(assignment).collect();
        (topic.num_partitions, topic.replication_factor) = (-1, -1);
        Ok(())
    }

    /// Deletes a topic by its name.
    pub fn delete_topic(&mut self, name: &str) -> Result<()> {
        let topic = DeleteTopicState {
            name: Some(name.to_owned()),
            ..Default::default()
        };
        let request = DeleteTopicsRequest {
            topics: vec![topic],
            timeout_ms: 30_000,
            ..Default::default()
        };
        let answer = self
            .ask(&request, 6)?
            .responses
            .pop()
            .context("an answer for the topic")?;
        ensure!(
            answer.error_code == 0,
            "{name}: {} {:?}",
            answer.error_code,
            answer.error_message
        );
        Ok(())
    }

    /// Produces bytes to a partition and answers what the broker said of it.
    pub fn produce(&mut self, topic: &str, index: i32, acks: i16, batch: Vec<u8>) -> Result<PartitionProduceResponse> {
        self.ask(&produce_request(topic, index, acks, batch), 9)?
            .responses
            .pop()
            .and_then(|mut topic| topic.partition_responses.pop())
            .context("an answer for the partition")
    }

    /// Appends one record of `size` bytes, created now; answers its offset.
    pub fn append(&mut self, topic: &str, index: i32, size: usize) -> Result<i64> {
        let answer = self.produce(topic, index, -1, batch_of(size).encode())?;
        ensure!(
            answer.error_code == 0,
            "{topic}-{index}: {} {:?}",
            answer.error_code,
            answer.error_message
        );
        Ok(answer.base_offset)
    }

    /// Fetches from one partition at once, by the topic's name.
    pub fn fetch(&mut self, topic: &str, index: i32, from: i64) -> Result<PartitionData> {
        let mut answer = self.ask(&fetch_request(topic, index, from), 12)?;
        if answer.error_code != 0 {
            bail!("Fetch: error {}", answer.error_code);
        }
        answer
            .responses
            .pop()
            .and_then(|mut topic| topic.partitions.pop())
            .context("an answer for the partition")
    }

    /// The offset for a timestamp, [`EARLIEST`] or [`LATEST`]; waits for a leader, and until it knows the end: in a new epoch it
    /// may show less for a while than its predecessor did.
    pub fn offset(&mut self, topic: &str, index: i32, timestamp: i64) -> Result<i64> {
        eventually("a leader", || {
            let answer = self.look_up(topic, index, timestamp)?;
            match answer.error_code {
                0 => Ok(Some(answer.offset)),
                NOT_LEADER_OR_FOLLOWER | OFFSET_NOT_AVAILABLE => Ok(None),
                error => bail!("ListOffsets: error {error}"),
            }
        })
    }

    /// What ListOffsets answers for a timestamp, [`EARLIEST`] or [`LATEST`].
    pub fn look_up(&mut self, topic: &str, index: i32, timestamp: i64) -> Result<ListOffsetsPartitionResponse> {
        let partition = ListOffsetsPartition {
            partition_index: index,
            current_leader_epoch: -1,
            timestamp,
        };
        let topic = ListOffsetsTopic {
            name: topic.to_owned(),
            partitions: vec![partition],
        };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![topic],
            ..Default::default()
        };
        self.ask(&request, 7)?
            .topics
            .pop()
            .and_then(|mut topic| topic.partitions.pop())
            .context("an answer for the partition")
    }
}

/// A Produce request with one batch.
#[must_use]
pub fn produce_request(topic: &str, index: i32, acks: i16, batch: Vec<u8>) -> ProduceRequest {
    let records = Some(Records::Bytes(Bytes::from(batch)));
    let partition_data = vec![PartitionProduceData { index, records }];
    let topic = TopicProduceData {
        name: topic.to_owned(),
        partition_data,
        ..Default::default()
    };
    ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..Default::default()
    }
}

/// A Fetch request for one partition, answered at once.
#[must_use]
pub fn fetch_request(topic: &str, index: i32, from: i64) -> FetchRequest {
    let topic = FetchTopic {
        topic: topic.to_owned(),
        partitions: vec![fetch_partition(index, from)],
        ..Default::default()
    };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 50 << 20,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

/// A partition of a Fetch request with room for a megabyte.
#[must_use]
pub fn fetch_partition(partition: i32, from: i64) -> FetchPartition {
    FetchPartition {
        partition,
        current_leader_epoch: -1,
        fetch_offset: from,
        last_fetched_epoch: -1,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    }
}

/// A batch of one record of `size` bytes, created now.
#[must_use]
pub fn batch_of(size: usize) -> Batch {
    Batch::new(now_ms(), vec![Record::value(vec![b'x'; size])])
}

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}

/// The bytes of records that were fetched.
#[must_use]
pub fn records(partition: &PartitionData) -> &[u8] {
    match &partition.records {
        Some(Records::Bytes(bytes)) => bytes,
        _ => &[],
    }
}

/// Asks again and again until there is an answer; an error names what was waited for.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().with_context(|| what.to_owned())? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("{what}: not within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As [`eventually`], for what is or is not.
pub fn until(what: &str, mut probe: impl FnMut() -> Result<bool>) -> Result<()> {
    eventually(what, || Ok(probe()?.then_some(())))
}
