//! What a batch means to its producer's state.

use crate::error::AppendError;
use crate::producer_state::{BatchKind, MarkerEpochRule, ProducerBatch, TxnResult};
use records::control::TransactionOutcome;
use records::{BatchHeader, EndTxnMarker, Records};

/// The facts of a batch whose producer counts: none for a plain producer, nor for control records other than
/// transaction markers.
pub(crate) fn producer_batch(
    header: &BatchHeader,
    body: &[u8],
    rule: MarkerEpochRule,
) -> Result<Option<ProducerBatch>, AppendError> {
    if !header.has_producer() {
        return Ok(None);
    }
    let kind = if header.attributes.is_control() {
        let Some(marker) = marker(header, body)? else {
            return Ok(None);
        };
        let result = match marker.outcome {
            TransactionOutcome::Abort => TxnResult::Abort,
            TransactionOutcome::Commit => TxnResult::Commit,
        };
        BatchKind::Marker {
            result,
            coordinator_epoch: marker.coordinator_epoch,
            rule,
        }
    } else if header.attributes.is_transactional() {
        BatchKind::Transactional
    } else {
        BatchKind::Plain
    };
    Ok(Some(ProducerBatch {
        producer_id: header.producer_id,
        epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        last_sequence: header.last_sequence(),
        base_offset: header.base_offset,
        last_offset: header.last_offset(),
        max_timestamp: header.max_timestamp,
        kind,
    }))
}

/// The marker in a control batch; none if compaction emptied it or it is of another kind.
fn marker(header: &BatchHeader, body: &[u8]) -> Result<Option<EndTxnMarker>, AppendError> {
    if header.attributes.is_compressed() {
        return Err(AppendError::NoMarker);
    }
    let Some(record) = Records::new(body, header.record_count).next() else {
        return Ok(None);
    };
    let record = record.map_err(|_| AppendError::NoMarker)?;
    let key = record.key.ok_or(AppendError::NoMarker)?;
    Ok(EndTxnMarker::parse(key, record.value.unwrap_or_default()))
}
