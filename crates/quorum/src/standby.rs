//! The controller's state while another node leads: it follows what is committed, so that this node can take office at once.

use crate::error::QuorumError;
use crate::metadata_log::MetadataLog;
use crate::operation::Answer;
use crate::publisher::Publisher;
use base::Offset;
use bytes::Bytes;
use controller::ControllerState;
use coordinator_runtime::Runtime;
use protocol::metadata_records::MetadataRecord;
use raft::contents::{Contents, LogBatch};

/// The state and the answers that wait for it.
pub(crate) type ControllerRuntime = Runtime<ControllerState, Answer>;

/// Applies what of the log is committed by now.
pub(crate) fn follow(
    runtime: &mut ControllerRuntime,
    publisher: &mut Publisher,
    log: &MetadataLog,
    high_watermark: Offset,
) -> Result<(), QuorumError> {
    let (from, to) = (runtime.committed_end(), high_watermark.min(log.end()));
    if to <= from {
        return Ok(());
    }
    let applied = log.read_batches(from, to, |batch| {
        let records = metadata_records(batch)?;
        for (offset, record) in &records {
            runtime.follow(*offset, record)?;
        }
        let records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
        publisher.note(&records, batch.end);
        Ok(())
    })?;
    runtime.skip_to(applied);
    let waiting = runtime.commit(applied);
    assert!(waiting.is_empty(), "nobody waits for a node that does not lead");
    Ok(())
}

/// Applies the rest of the log, which a new leader goes on from.
pub(crate) fn apply_the_rest(
    runtime: &mut ControllerRuntime,
    publisher: &mut Publisher,
    log: &MetadataLog,
) -> Result<(), QuorumError> {
    let (from, to) = (runtime.end(), log.end());
    if to <= from {
        return Ok(());
    }
    log.read_batches(from, to, |batch| {
        let records: Vec<_> = metadata_records(batch)?.into_iter().map(|(_, record)| record).collect();
        runtime.skip_to(batch.base);
        runtime.write(&records)?;
        publisher.note(&records, batch.end);
        Ok(())
    })?;
    runtime.skip_to(to);
    Ok(())
}

fn metadata_records(batch: &LogBatch<'_>) -> Result<Vec<(Offset, MetadataRecord)>, QuorumError> {
    match &batch.contents {
        Contents::Control(_) => Ok(Vec::new()),
        Contents::Data(values) => values.iter().map(decode).collect(),
    }
}

fn decode((offset, value): &(Offset, &[u8])) -> Result<(Offset, MetadataRecord), QuorumError> {
    let record = MetadataRecord::decode(&Bytes::copy_from_slice(value));
    let record = record.map_err(|error| QuorumError::Record { offset: *offset, error })?;
    Ok((*offset, record))
}
