//! The records of `__transaction_state`, in Kafka's encoding.

use crate::status::TransactionStatus;
use crate::transaction::Transaction;
use crate::version::{TransactionVersion, ValueFormat};
use base::{ProducerEpoch, ProducerId, Timestamp, TopicPartition};
use bytes::Bytes;
use protocol::internal::transaction_log_key::TransactionLogKey;
use protocol::internal::transaction_log_value::{PartitionsSchema, TransactionLogValue};
use protocol::versioned;
use protocol::wire::{DecodeError, EncodeError};
use std::sync::Arc;

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub struct TransactionRecord {
    /// The transactional id.
    pub id: Arc<str>,
    /// What is true of it from here on; `None` is the tombstone.
    pub value: Option<Arc<Transaction>>,
    /// How the value is written.
    pub format: ValueFormat,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes are not such a record.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// There is no such status in a log.
    #[error("{0} is no transaction's status")]
    Status(i8),
    /// The client's version is not known.
    #[error("transaction.version {0} is not known")]
    Version(i16),
}

impl TransactionRecord {
    /// The end of an id.
    pub fn tombstone(id: &Arc<str>, format: ValueFormat) -> Self {
        Self {
            id: Arc::clone(id),
            value: None,
            format,
        }
    }

    /// Key and value as they stand in the log.
    ///
    /// # Errors
    /// If a name is longer than the format allows.
    pub fn encode(&self) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        let key = TransactionLogKey {
            transactional_id: self.id.to_string(),
        };
        let key = versioned::encode_key(TransactionLogKey::RECORD_TYPE, &key)?;
        let version = match self.format {
            ValueFormat::Rigid => 0,
            ValueFormat::Flexible => 1,
        };
        let value = self.value.as_ref().map(|transaction| {
            let value = value(transaction, self.format);
            versioned::encode(&value, version)
        });
        Ok((key, value.transpose()?))
    }

    /// Reads a record. `None`: a type of record or a version of value that this coordinator does not know, which is
    /// skipped as Kafka does.
    ///
    /// # Errors
    /// If a known record cannot be read.
    pub fn decode(key: &Bytes, value: Option<&Bytes>) -> Result<Option<Self>, RecordError> {
        if versioned::head(key)? != TransactionLogKey::RECORD_TYPE {
            return Ok(None);
        }
        let key: TransactionLogKey = versioned::decode_key(key)?;
        let id = key.transactional_id.into();
        let Some(value) = value else {
            let format = ValueFormat::Flexible;
            return Ok(Some(Self::tombstone(&id, format)));
        };
        let format = match versioned::head(value)? {
            0 => ValueFormat::Rigid,
            1 => ValueFormat::Flexible,
            _ => return Ok(None),
        };
        let (value, _) = versioned::decode::<TransactionLogValue>(value)?;
        let value = Some(Arc::new(transaction(value)?));
        Ok(Some(Self { id, value, format }))
    }
}

fn value(transaction: &Transaction, format: ValueFormat) -> TransactionLogValue {
    let partitions = (transaction.status != TransactionStatus::Empty).then(|| by_topic(transaction));
    let mut value = TransactionLogValue {
        producer_id: transaction.producer_id.0,
        producer_epoch: transaction.producer_epoch.0,
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_status: transaction.status.id(),
        transaction_partitions: partitions,
        transaction_last_update_timestamp_ms: transaction.updated.0,
        transaction_start_timestamp_ms: transaction.started.0,
        ..Default::default()
    };
    match format {
        ValueFormat::Rigid => {}
        ValueFormat::Flexible => {
            value.previous_producer_id = transaction.previous_producer_id.0;
            value.next_producer_id = transaction.next_producer_id.0;
            value.client_transaction_version = transaction.client_version.level();
        }
    }
    value
}

fn by_topic(transaction: &Transaction) -> Vec<PartitionsSchema> {
    let mut topics: Vec<PartitionsSchema> = Vec::new();
    for TopicPartition { topic, partition } in &transaction.partitions {
        match topics.last_mut() {
            Some(last) if *last.topic == **topic => last.partition_ids.push(*partition),
            _ => topics.push(PartitionsSchema {
                topic: topic.to_string(),
                partition_ids: vec![*partition],
            }),
        }
    }
    topics
}

fn transaction(value: TransactionLogValue) -> Result<Transaction, RecordError> {
    let id = value.transaction_status;
    let status = TransactionStatus::of_id(id).ok_or(RecordError::Status(id))?;
    let level = value.client_transaction_version;
    let client_version = TransactionVersion::of_level(level).ok_or(RecordError::Version(level))?;
    let topics = value.transaction_partitions.unwrap_or_default().into_iter();
    let partitions = topics.flat_map(|topic| {
        let name: Arc<str> = topic.topic.into();
        let partitions = topic.partition_ids.into_iter();
        partitions.map(move |partition| TopicPartition::new(Arc::clone(&name), partition))
    });
    Ok(Transaction {
        producer_id: ProducerId(value.producer_id),
        previous_producer_id: ProducerId(value.previous_producer_id),
        next_producer_id: ProducerId(value.next_producer_id),
        producer_epoch: ProducerEpoch(value.producer_epoch),
        last_producer_epoch: ProducerEpoch::NONE,
        timeout_ms: value.transaction_timeout_ms,
        status,
        partitions: partitions.collect(),
        started: Timestamp(value.transaction_start_timestamp_ms),
        updated: Timestamp(value.transaction_last_update_timestamp_ms),
        client_version,
    })
}

#[cfg(test)]
mod tests;
