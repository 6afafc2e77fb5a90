//! Reading the partitions of one Fetch.

use crate::Broker;
use crate::api::list_offsets::{absent, epoch_error, read_error};
use crate::fetch_session::{FetchPartitionKey, Position, Wanted};
use crate::partitions::Hosted;
use base::fs::FileRegion;
use base::{LeaderEpoch, Offset};
use partition::{FetchView as PartitionView, IsolationLevel};
use protocol::ErrorCode;
use protocol::messages::fetch_response::{AbortedTransaction, EpochEndOffset};
use protocol::views::fetch::FetchView;
use std::sync::Arc;
use storage::{MinOne, ReadError, ReadRequest};

/// The replica id with which tools read any replica to its end.
const DEBUGGING_CONSUMER: i32 = -2;

/// How much one Fetch may read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_bytes: u32,
    pub(super) min_bytes: u64,
    pub(super) max_wait_ms: i32,
    pub(super) isolation: IsolationLevel,
    pub(super) replica_id: i32,
}

impl Limits {
    pub(super) fn new(broker: &Broker, view: &FetchView<'_>, isolation: IsolationLevel) -> Self {
        let most = broker.config.load().requests.fetch_max_bytes;
        let max_bytes = u32::try_from(view.max_bytes.min(most)).unwrap_or(0);
        Self {
            max_bytes,
            min_bytes: u64::try_from(view.min_bytes).unwrap_or(0).min(u64::from(max_bytes)),
            max_wait_ms: view.max_wait_ms,
            isolation,
            replica_id: view.replica_id,
        }
    }
}

/// What was read of one partition.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) error: ErrorCode,
    pub(super) high_watermark: Offset,
    pub(super) last_stable_offset: Offset,
    pub(super) log_start_offset: Offset,
    pub(super) diverging: Option<EpochEndOffset>,
    /// Present, if perhaps empty, for read_committed.
    pub(super) aborted: Option<Vec<AbortedTransaction>>,
    pub(super) region: Option<FileRegion>,
    /// Whether the cluster does not know the partition at all: Kafka answers such ones last.
    pub(super) unknown: bool,
    /// Up to where this fetcher may read: a parked fetch waits for more than this.
    pub(super) bound: Offset,
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
            unknown: false,
            bound: Offset::NONE,
            hosted: None,
        }
    }

    /// The cluster does not know the partition: Kafka's answer then has an empty list of aborted transactions.
    fn unknown(error: ErrorCode) -> Self {
        Self { aborted: Some(Vec::new()), unknown: true, ..Self::failed(error) }
    }

    pub(super) fn len(&self) -> u64 {
        self.region.as_ref().map_or(0, |region| u64::from(region.len))
    }

    /// Whether the fetcher must hear of it at once.
    pub(super) fn must_be_told(&self) -> bool {
        self.error != ErrorCode::None || self.diverging.is_some()
    }
}

/// Reads every wanted partition in order, within the limits.
pub(super) fn all(broker: &Broker, wanted: &[Wanted], limits: &Limits) -> Vec<Read> {
    let mut left = limits.max_bytes;
    let mut min_one = MinOne::Whole;
    let mut reads = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let read = match find(broker, &wanted.key) {
            Ok(hosted) => one(hosted, &wanted.position, left, min_one, limits),
            Err(error @ (ErrorCode::UnknownTopicId | ErrorCode::UnknownTopicOrPartition)) => Read::unknown(error),
            Err(error) => Read::failed(error),
        };
        let len = u32::try_from(read.len()).unwrap_or(u32::MAX);
        if len > 0 {
            min_one = MinOne::Strict;
        }
        left = left.saturating_sub(len);
        reads.push(read);
    }
    reads
}

fn find(broker: &Broker, key: &FetchPartitionKey) -> Result<Arc<Hosted>, ErrorCode> {
    let topic = if key.topic.is_empty() {
        broker.partitions.topic_by_id(key.topic_id)
    } else {
        broker.partitions.topic(&key.topic)
    };
    if let Some(hosted) = topic.as_ref().and_then(|topic| topic.partition(key.index)) {
        if hosted.dir.is_offline() {
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

fn one(hosted: Arc<Hosted>, position: &Position, left: u32, min_one: MinOne, limits: &Limits) -> Read {
    // A follower fetches from the leader of a partition that names it as a replica; replication comes with the cluster.
    if limits.replica_id >= 0 {
        return Read::failed(ErrorCode::NotLeaderOrFollower);
    }
    let Ok(max_bytes) = u32::try_from(position.max_bytes) else {
        return Read::failed(ErrorCode::UnknownServerError);
    };
    let partition = hosted.lock();
    let view = match partition.fetch_view(LeaderEpoch(position.current_leader_epoch)) {
        Ok(view) => view,
        Err(error) => return Read::failed(epoch_error(error)),
    };
    let diverging = match diverging_epoch(&partition, position) {
        Ok(diverging) => diverging,
        Err(error) => return Read::failed(error),
    };
    drop(partition);
    let bound = if limits.replica_id == DEBUGGING_CONSUMER { view.log_end_offset } else { view.bound(limits.isolation) };
    let mut read = Read {
        error: ErrorCode::None,
        high_watermark: view.high_watermark,
        last_stable_offset: view.last_stable_offset,
        log_start_offset: view.log_start_offset,
        aborted: (limits.isolation == IsolationLevel::ReadCommitted).then(Vec::new),
        region: None,
        unknown: false,
        bound,
        diverging,
        hosted: None,
    };
    if read.diverging.is_some() {
        return read;
    }
    let request = ReadRequest { from: Offset(position.fetch_offset), max_bytes: max_bytes.min(left), bound, min_one };
    if let Err(error) = fill(&mut read, &view, request) {
        if let ReadError::Storage(failure) = &error {
            hosted.dir.take_offline(failure);
        }
        return Read::failed(read_error(error));
    }
    read.hosted = Some(hosted);
    read
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
    read.region = slice.region;
    Ok(())
}

/// Where the fetcher's log and ours part, if it named the epoch of its last record.
fn diverging_epoch(partition: &partition::Partition, position: &Position) -> Result<Option<EpochEndOffset>, ErrorCode> {
    if position.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let end = partition.log().end_offset_for_epoch(LeaderEpoch(position.last_fetched_epoch));
    if end.epoch == LeaderEpoch::NONE || end.end_offset == Offset::NONE {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    let diverges = end.epoch.0 < position.last_fetched_epoch || end.end_offset.0 < position.fetch_offset;
    Ok(diverges.then_some(EpochEndOffset { epoch: end.epoch.0, end_offset: end.end_offset.0 }))
}
