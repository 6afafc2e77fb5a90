//! Reading the partitions of one Fetch.

use crate::Broker;
use super::looked::{End, Looked, Turn};
use super::reader::Reader;
use super::consumer::{self, Consumer};
use super::replica;
use crate::api::list_offsets::{absent, read_error};
use crate::fetch_session::{FetchPartitionKey, Wanted};
use crate::partitions::Hosted;
use crate::partitions::watchers::Glance;
use base::fs::FileRegion;
use base::{NodeId, Offset};
use network::RequestContext;
use partition::{FetchView as PartitionView, IsolationLevel, Wakes};
use protocol::ErrorCode;
use protocol::messages::fetch_response::{AbortedTransaction, EpochEndOffset};
use protocol::views::fetch::FetchView;
use std::sync::Arc;
use storage::{MinOne, ReadError, ReadRequest};

/// How much one Fetch may read, and who reads.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) max_bytes: u32,
    pub(super) min_bytes: u64,
    pub(super) max_wait_ms: i32,
    pub(super) reader: Reader,
}

impl Limits {
    pub(super) fn new(broker: &Broker, context: &RequestContext, view: &FetchView<'_>, reader: Reader) -> Self {
        let most = match reader {
            Reader::Replica { .. } => i32::MAX,
            Reader::Consumer { .. } => {
                let most = broker.config.load().requests.fetch_max_bytes;
                // More than its quota allows at once would be too much however long it waits.
                broker.quotas.most_fetched(context).map_or(most, |quota| i32::try_from(quota).unwrap_or(most).min(most))
            }
        };
        let max_bytes = u32::try_from(view.max_bytes.min(most)).unwrap_or(0);
        Self {
            max_bytes,
            min_bytes: u64::try_from(view.min_bytes).unwrap_or(0).min(u64::from(max_bytes)),
            max_wait_ms: view.max_wait_ms,
            reader,
        }
    }
}

/// What was read of one partition.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) error: ErrorCode,
    pub(super) high_watermark: Offset,
    pub(super) last_stable_offset: Offset,
    pub(super) log_start_offset: Offset,
    pub(super) diverging: Option<EpochEndOffset>,
    /// Present, if perhaps empty, for read_committed.
    pub(super) aborted: Option<Vec<AbortedTransaction>>,
    pub(super) region: Option<FileRegion>,
    /// The region's bytes, where they have been read already.
    pub(super) bytes: Option<Vec<u8>>,
    /// Whether the cluster does not know the partition at all: Kafka answers such ones last.
    pub(super) unknown: bool,
    /// Another replica from which the consumer had better read (KIP-392).
    pub(super) preferred: Option<NodeId>,
    /// Whether there are records that a throttle keeps.
    pub(super) held_back: bool,
    /// Up to where this fetcher may read: a parked fetch waits for more than this.
    pub(super) bound: Offset,
    /// How the partition stood then.
    pub(super) glance: Option<Glance>,
    /// Whether looking again would change nothing as long as the partition stays so.
    is_settled: bool,
    /// The partition, if it can be waited for.
    pub(super) hosted: Option<Arc<Hosted>>,
}

impl Read {
    pub(super) fn failed(error: ErrorCode) -> Self {
        Self {
            error,
            high_watermark: Offset::NONE,
            last_stable_offset: Offset::NONE,
            log_start_offset: Offset::NONE,
            diverging: None,
            aborted: None,
            region: None,
            bytes: None,
            unknown: false,
            preferred: None,
            held_back: false,
            bound: Offset::NONE,
            glance: None,
            is_settled: false,
            hosted: None,
        }
    }

    /// Before it is read.
    pub(super) fn nothing() -> Self {
        Self::failed(ErrorCode::None)
    }

    /// What a view tells, without records yet.
    fn seen(view: &PartitionView, bound: Offset) -> Self {
        Self {
            high_watermark: view.high_watermark,
            last_stable_offset: view.last_stable_offset,
            log_start_offset: view.log_start_offset,
            bound,
            ..Self::failed(ErrorCode::None)
        }
    }

    /// The cluster does not know the partition: Kafka's answer then has an empty list of aborted transactions.
    fn unknown(error: ErrorCode) -> Self {
        Self { aborted: Some(Vec::new()), unknown: true, ..Self::failed(error) }
    }

    pub(super) fn len(&self) -> u64 {
        self.region.as_ref().map_or(0, |region| u64::from(region.len))
    }

    /// Whether there was nothing to read and the partition has not changed since.
    fn is_idle_still(&self) -> bool {
        let (Some(seen), Some(hosted), None) = (&self.glance, &self.hosted, &self.region) else { return false };
        !hosted.dir().is_offline() && hosted.look().glance() == *seen
    }

    /// Whether there was nothing to read or to tell, and will not be before the partition changes.
    pub(super) fn is_at_rest(&self) -> bool {
        let is_idle = self.region.is_none() && !self.held_back && self.hosted.is_some();
        is_idle && self.is_settled && !self.must_be_told()
    }

    /// Whether the fetcher must hear of it at once.
    pub(super) fn must_be_told(&self) -> bool {
        self.error != ErrorCode::None || self.diverging.is_some() || self.preferred.is_some()
    }
}

/// Reads every wanted partition in order, within the limits.
pub(super) fn all<'a>(broker: &Broker, wanted: impl Iterator<Item = &'a Wanted>, limits: &Limits) -> Vec<Read> {
    let mut reading = Reading::new(broker, limits, Turn::First);
    let reads = wanted.map(|wanted| reading.read(wanted)).collect();
    reading.wakes.fire();
    reads
}

/// Reads some again, each into its place in `reads`, in what room the others leave.
pub(super) fn these_again<'a>(
    broker: &Broker,
    wanted: impl Iterator<Item = (usize, &'a Wanted)> + Clone,
    limits: &Limits,
    reads: &mut [Read],
) {
    for (at, _) in wanted.clone() {
        reads[at] = Read::nothing();
    }
    let mut reading = Reading::new(broker, limits, Turn::Again);
    for kept in reads.iter().map(Read::len).filter(|len| *len > 0) {
        reading.took(kept);
    }
    for (at, wanted) in wanted {
        reads[at] = reading.read(wanted);
    }
    reading.wakes.fire();
}

/// Reads again what has changed since `before`: of thousands of partitions one or two.
pub(super) fn again(broker: &Broker, wanted: &[Wanted], limits: &Limits, before: Vec<Read>) -> Vec<Read> {
    let mut reading = Reading::new(broker, limits, Turn::Again);
    let reread = |(wanted, before): (&Wanted, Read)| if before.is_idle_still() { before } else { reading.read(wanted) };
    let reads = wanted.iter().zip(before).map(reread).collect();
    reading.wakes.fire();
    reads
}

/// One pass over a request's partitions.
struct Reading<'a> {
    broker: &'a Broker,
    limits: &'a Limits,
    turn: Turn,
    room: Room,
    wakes: Wakes,
}

impl<'a> Reading<'a> {
    fn new(broker: &'a Broker, limits: &'a Limits, turn: Turn) -> Self {
        let room = Room { max_bytes: limits.max_bytes, min_one: MinOne::Whole };
        Self { broker, limits, turn, room, wakes: Wakes::none() }
    }

    fn read(&mut self, wanted: &Wanted) -> Read {
        let read = match find(self.broker, &wanted.key) {
            Ok(hosted) => self.one(hosted, wanted),
            Err(error @ (ErrorCode::UnknownTopicId | ErrorCode::UnknownTopicOrPartition)) => Read::unknown(error),
            Err(error) => Read::failed(error),
        };
        if read.len() > 0 {
            self.took(read.len());
        }
        read
    }

    /// Some records leave less room for others, which then need not give a whole batch any more.
    fn took(&mut self, len: u64) {
        self.room.min_one = MinOne::Strict;
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.room.max_bytes = self.room.max_bytes.saturating_sub(len);
    }

    fn one(&mut self, hosted: Arc<Hosted>, wanted: &Wanted) -> Read {
        let position = &wanted.position;
        let Ok(max_bytes) = u32::try_from(position.max_bytes) else {
            return Read::failed(ErrorCode::UnknownServerError);
        };
        let looked = match &self.limits.reader {
            Reader::Replica { node, epoch } => {
                replica::look(self.broker, &hosted, wanted, &replica::fetch(*node, *epoch, position), self.turn, &mut self.wakes)
            }
            Reader::Consumer { isolation, from, rack, listener } => {
                let consumer = Consumer { isolation: *isolation, from: *from, rack, listener };
                consumer::look(self.broker, &hosted, position, &consumer)
            }
        };
        let Looked { view, bound, end, glance, is_settled } = match looked {
            Ok(looked) => looked,
            Err(error) => return Read::failed(error),
        };
        let mut read = Read::seen(&view, bound);
        (read.glance, read.is_settled) = (Some(glance), is_settled);
        read.aborted = (self.limits.reader.isolation() == Some(IsolationLevel::ReadCommitted)).then(Vec::new);
        match end {
            End::Diverging(end) => {
                read.diverging = Some(EpochEndOffset { epoch: end.epoch.0, end_offset: end.end_offset.0 });
                return read;
            }
            End::ElseWhere(node) => {
                read.preferred = Some(node);
                return read;
            }
            End::HeldBack => {
                read.held_back = true;
                read.hosted = Some(hosted);
                return read;
            }
            End::Records => {}
        }
        let request = ReadRequest {
            from: Offset(position.fetch_offset),
            max_bytes: max_bytes.min(self.room.max_bytes),
            bound,
            min_one: self.room.min_one,
        };
        if let Err(error) = fill(&mut read, &view, request) {
            if let ReadError::Storage(failure) = &error {
                hosted.dir().failed(failure);
            }
            return Read::failed(read_error(error));
        }
        // Records that the others left no room for are there without any change.
        read.is_settled &= read.region.is_some() || request.from >= bound;
        read.hosted = Some(hosted);
        read
    }
}

/// What is left for a partition's records.
#[derive(Clone, Copy, Debug)]
struct Room {
    max_bytes: u32,
    min_one: MinOne,
}

fn find(broker: &Broker, key: &FetchPartitionKey) -> Result<Arc<Hosted>, ErrorCode> {
    let topic = if key.topic.is_empty() {
        broker.partitions.topic_by_id(key.topic_id)
    } else {
        broker.partitions.topic(&key.topic)
    };
    if let Some(hosted) = topic.as_ref().and_then(|topic| topic.partition(key.index)) {
        if hosted.dir().is_offline() {
            return Err(ErrorCode::KafkaStorageError);
        }
        return Ok(Arc::clone(hosted));
    }
    let image = broker.image.borrow().image.clone();
    let known = if key.topic.is_empty() { image.topics.get_by_id(key.topic_id) } else { image.topics.get(&key.topic) };
    match known {
        Some(topic) => Err(absent(broker, &topic.name, key.index)),
        None if key.topic.is_empty() => Err(ErrorCode::UnknownTopicId),
        None => Err(ErrorCode::UnknownTopicOrPartition),
    }
}

fn fill(read: &mut Read, view: &PartitionView, request: ReadRequest) -> Result<(), ReadError> {
    let slice = view.log.read(request)?;
    if let Some(aborted) = &mut read.aborted
        && slice.region.is_some()
    {
        let found = view.log.aborted_transactions(request.from, slice.upper_bound)?;
        aborted.extend(found.into_iter().map(|transaction| AbortedTransaction {
            producer_id: transaction.producer_id.0,
            first_offset: transaction.first_offset.0,
        }));
    }
    (read.region, read.bytes) = (slice.region, slice.bytes);
    Ok(())
}
