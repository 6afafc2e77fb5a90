//! The appends of one Produce request.

use super::topic::{Found, TopicName};
use super::transaction::{Checks, Refused};
use crate::Broker;
use crate::api::list_offsets::absent;
use crate::api::metadata::is_internal;
use crate::partitions::{Hosted, HostedTopic};
use crate::refused::note;
use crate::replicated::Pending;
use base::{Offset, Timestamp, TopicPartition};
use bytes::Bytes;
use partition::{AppendRefused, Appended, RequiredAcks, Wakes};
use protocol::ErrorCode;
use protocol::messages::produce_response::BatchIndexAndErrorMessage;
use protocol::views::produce::ProduceView;
use records::compression::Codec;
use records::{BatchError, BatchHeader, ProduceRules, RecordError, RecordRefusal, Refusal, VerifiedBatch, VerifyError};
use std::cell::RefCell;
use std::sync::Arc;
use storage::{AppendError, AppendTerms, Origin, Verification};

thread_local! {
    /// Memory for looking into compressed batches, kept from request to request.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The first version whose batches may be compressed with zstd (KIP-110).
const ZSTD_FROM: i16 = 7;

/// The most of [`SCRATCH`] that is kept; a larger batch's memory is given back.
const KEPT_SCRATCH: usize = 1024 * 1024;

/// The least length field Kafka accepts: that of a record of format 0.
const MIN_RECORD_LEN: i32 = 14;

/// What became of one partition's batch.
#[derive(Debug)]
pub(super) struct Item {
    /// The topic, as the request named it.
    pub(super) topic: TopicName,
    pub(super) index: i32,
    pub(super) error: ErrorCode,
    pub(super) message: Option<String>,
    pub(super) record_errors: Vec<BatchIndexAndErrorMessage>,
    pub(super) base_offset: Offset,
    pub(super) log_append_time: Timestamp,
    pub(super) log_start_offset: Offset,
    /// Set while the answer waits for stable storage or for the in-sync replicas.
    pub(super) pending: Option<Pending>,
}

/// On what terms a batch is taken.
#[derive(Clone, Copy, Debug)]
struct Terms {
    acks: RequiredAcks,
    verification: Verification,
    now: Timestamp,
}

impl Item {
    fn new(topic: TopicName, index: i32) -> Self {
        Self {
            topic,
            index,
            error: ErrorCode::None,
            message: None,
            record_errors: Vec::new(),
            base_offset: Offset::NONE,
            log_append_time: Timestamp::NONE,
            log_start_offset: Offset::NONE,
            pending: None,
        }
    }

    /// The log refused the batch: as in Kafka, such an answer tells where the log starts.
    fn refuse(&mut self, error: ErrorCode, message: Option<String>, log_start_offset: Offset) {
        self.fail(error, message);
        self.log_start_offset = log_start_offset;
    }

    /// The batch was not taken, or its fate is not known.
    pub(super) fn fail(&mut self, error: ErrorCode, message: Option<String>) {
        self.error = error;
        self.message = message;
        self.base_offset = Offset::NONE;
        self.log_append_time = Timestamp::NONE;
        self.log_start_offset = Offset::NONE;
        self.pending = None;
    }
}

/// Appends every batch of the request; `acks` is none if the request asked for an illegal number.
pub(super) fn all(
    broker: &Broker,
    view: &ProduceView<'_>,
    version: i16,
    acks: Option<RequiredAcks>,
    checks: &Checks,
) -> (Vec<Item>, Wakes) {
    let mut items = Vec::with_capacity(view.topic_count().min(1024));
    let mut wakes = Wakes::none();
    let now = broker.clock.wall();
    let mut found = Found::default();
    for produced in view.batches() {
        let (name, hosted) = found.topic(broker, &produced);
        let mut item = Item::new(name.clone(), produced.index);
        match (acks, checks.of(items.len())) {
            (None, _) => item.fail(ErrorCode::InvalidRequiredAcks, None),
            (_, Err(Refused { error, message })) => item.fail(error, message),
            (Some(_), Ok(_)) if version < ZSTD_FROM && produced.records.is_some_and(is_zstd) => {
                item.fail(ErrorCode::UnsupportedCompressionType, None);
            }
            (Some(acks), Ok(verification)) => {
                let terms = Terms { acks, verification, now };
                let records = produced.records.map(|records| view.share(records)).unwrap_or_default();
                wakes.merge(one(broker, name, hosted, &records, terms, &mut item));
            }
        }
        items.push(item);
    }
    (items, wakes)
}

fn is_zstd(batch: &[u8]) -> bool {
    BatchHeader::parse(batch).is_ok_and(|header| header.attributes.codec_id() == Codec::Zstd as u8)
}

fn one(
    broker: &Broker,
    name: &TopicName,
    topic: Option<&HostedTopic>,
    bytes: &Bytes,
    terms: Terms,
    item: &mut Item,
) -> Wakes {
    let Some(hosted) = topic.and_then(|topic| topic.partition(item.index)) else {
        item.fail(not_hosted(broker, name, topic, item.index), None);
        return Wakes::none();
    };
    if hosted.dir().is_offline() {
        item.fail(ErrorCode::KafkaStorageError, None);
        return Wakes::none();
    }
    if topic.is_some_and(|topic| is_internal(&topic.name)) {
        item.fail(ErrorCode::InvalidTopicException, None);
        return Wakes::none();
    }
    if !hosted.dir().space.admits(bytes.len(), broker.fs.as_ref(), || reserve(broker)) {
        hosted.dir().space.note_refusal(broker.clock.now());
        item.fail(ErrorCode::KafkaStorageError, None);
        return Wakes::none();
    }
    let rules = hosted.look().log().config().produce_rules();
    match verify(bytes, &rules, terms.now) {
        Ok(batch) => {
            let (records, bytes) = (batch.header().record_count, batch.size());
            let wakes = append(hosted, batch, terms, item);
            in_the_wake_of_refusals(broker, hosted, item);
            if item.error == ErrorCode::None {
                let traffic = &broker.measures.traffic;
                traffic.bytes_in.add(bytes as u64);
                traffic.messages_in.add(u64::try_from(records).unwrap_or(0));
            }
            wakes
        }
        Err(error) => {
            let name = topic.map_or_else(|| Arc::from(""), |topic| Arc::clone(&topic.name));
            let start = hosted.look().log().log_start_offset();
            refuse(&error, &TopicPartition::new(name, item.index), start, item);
            Wakes::none()
        }
    }
}

/// What follows a batch that was refused for want of space comes again after it, instead of being called out of order.
fn in_the_wake_of_refusals(broker: &Broker, hosted: &Hosted, item: &mut Item) {
    let dir = hosted.dir();
    let space = &dir.space;
    match item.error {
        ErrorCode::KafkaStorageError if space.is_full() => space.note_refusal(broker.clock.now()),
        ErrorCode::OutOfOrderSequenceNumber if space.refused_lately(broker.clock.now()) => {
            item.fail(ErrorCode::KafkaStorageError, None);
        }
        _ => {}
    }
}

/// `riverrun.log.dir.reserve.bytes`.
fn reserve(broker: &Broker) -> u64 {
    u64::try_from(broker.config.load().log.riverrun_log_dir_reserve_bytes).unwrap_or(0)
}

fn not_hosted(broker: &Broker, name: &TopicName, topic: Option<&HostedTopic>, index: i32) -> ErrorCode {
    match name {
        TopicName::Name(name) => absent(broker, name, index),
        TopicName::Id(id) => {
            let image = broker.image.borrow().image.clone();
            match image.topics.get_by_id(*id) {
                Some(known) => absent(broker, &known.name, index),
                None if topic.is_some() => ErrorCode::UnknownTopicOrPartition,
                None => ErrorCode::UnknownTopicId,
            }
        }
    }
}

fn verify(bytes: &Bytes, rules: &ProduceRules, now: Timestamp) -> Result<VerifiedBatch, VerifyError> {
    SCRATCH.with_borrow_mut(|scratch| {
        let verified = VerifiedBatch::verify(bytes, rules, now, scratch);
        if scratch.capacity() > KEPT_SCRATCH {
            *scratch = Vec::new();
        }
        verified
    })
}

fn append(hosted: &Arc<Hosted>, batch: VerifiedBatch, terms: Terms, item: &mut Item) -> Wakes {
    let rules = AppendTerms { verification: terms.verification, ..Origin::Client.into() };
    let mut partition = match terms.acks {
        // Nobody waits: its connection must not either.
        RequiredAcks::None => hosted.lock(),
        RequiredAcks::Leader | RequiredAcks::All => hosted.lock_to_append(batch.size()),
    };
    let appended = partition.append(&[batch], terms.acks, rules, terms.now);
    // Fetch sessions too are woken once for all of the request.
    let mut sessions = partition.release();
    match appended {
        Ok((Appended { info, epoch, flush_until, wait_until }, wakes)) => {
            sessions.merge(wakes);
            item.base_offset = info.first_offset;
            item.log_append_time = info.log_append_time;
            item.log_start_offset = info.log_start_offset;
            item.pending = (flush_until.is_some() || wait_until.is_some()).then(|| Pending {
                hosted: Arc::clone(hosted),
                epoch,
                flush_until,
                commit_until: wait_until,
            });
            sessions
        }
        Err(refused) => {
            let error = note(hosted, &refused);
            match refused {
                AppendRefused::Log(AppendError::Producer(_)) => {
                    item.refuse(error, None, hosted.lock().log().log_start_offset());
                }
                AppendRefused::Log(_) | AppendRefused::NotLeader(_) | AppendRefused::NotEnoughReplicas { .. } => {
                    item.fail(error, None);
                }
            }
            sessions
        }
    }
}

fn refuse(error: &VerifyError, partition: &TopicPartition, log_start_offset: Offset, item: &mut Item) {
    match error {
        VerifyError::Batch(error) => item.fail(unreadable(*error), unreadable_message(*error)),
        VerifyError::Header(Refusal::NoBatch | Refusal::MoreThanOneBatch) => item.fail(ErrorCode::InvalidRecord, None),
        VerifyError::TooLarge { .. } => item.fail(ErrorCode::MessageTooLarge, None),
        VerifyError::Header(Refusal::Codec(_)) | VerifyError::Decompress(_) | VerifyError::Compress(_) => {
            item.refuse(ErrorCode::UnknownServerError, None, log_start_offset);
        }
        VerifyError::Structure(_) | VerifyError::Header(_) => {
            item.refuse(ErrorCode::InvalidRecord, None, log_start_offset);
        }
        VerifyError::Records(errors) => {
            item.record_errors = errors.iter().map(|error| record_error(error, partition)).collect();
            if error.is_timestamp() {
                item.refuse(ErrorCode::InvalidTimestamp, Some(error.to_string()), log_start_offset);
            } else {
                let message = format!("{error}{}", first_errors(&item.record_errors));
                item.refuse(ErrorCode::InvalidRecord, Some(message), log_start_offset);
            }
        }
    }
}

fn unreadable(error: BatchError) -> ErrorCode {
    match error {
        BatchError::Magic(0 | 1) => ErrorCode::InvalidRecord,
        BatchError::Magic(_) | BatchError::Length(_) | BatchError::Checksum { .. } | BatchError::Partial { .. } => {
            ErrorCode::CorruptMessage
        }
    }
}

/// The few unreadable batches of which Kafka says more than the code.
fn unreadable_message(error: BatchError) -> Option<String> {
    match error {
        BatchError::Magic(magic) if !(0..=1).contains(&magic) => {
            Some(format!("Invalid magic found in record: {magic}"))
        }
        BatchError::Length(length) if length < MIN_RECORD_LEN => Some(format!(
            "Record size {length} is less than the minimum record overhead ({MIN_RECORD_LEN})"
        )),
        BatchError::Magic(_) | BatchError::Length(_) | BatchError::Checksum { .. } | BatchError::Partial { .. } => None,
    }
}

fn record_error(error: &RecordError, partition: &TopicPartition) -> BatchIndexAndErrorMessage {
    let message = match error.reason {
        RecordRefusal::NoKey => format!("{} in topic partition {partition}", error.reason),
        RecordRefusal::TimestampOutOfRange { timestamp, from, to } => format!(
            "Timestamp {timestamp} of message with offset {} is out of range. \
             The timestamp should be within [{from}, {to}]",
            error.index
        ),
        RecordRefusal::ProducerSetLogAppendTime => error.reason.to_string(),
    };
    BatchIndexAndErrorMessage { batch_index: error.index, batch_index_error_message: Some(message) }
}

/// What Kafka adds to the sentence about the batch: the first three of its records' errors.
fn first_errors(errors: &[BatchIndexAndErrorMessage]) -> String {
    let shown = errors.iter().take(3).map(|error| {
        let message = error.batch_index_error_message.as_deref().unwrap_or("null");
        format!("RecordError(batchIndex={}, message='{message}')", error.batch_index)
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    format!(", and only showing the first three errors at most: [{shown}]")
}
