//! Reading a coordinator's partition from its beginning.

use super::shard::Shard;
use super::tenant::Tenant;
use base::{Offset, ProducerId};
use bytes::Bytes;
use coordinator_runtime::Runtime;
use partition::EpochError;
use records::compression::{Codec, DecompressError, decompress};
use records::{BatchError, BatchView, EndTxnMarker, Records, StructureError, batches};
use storage::{MinOne, ReadError, ReadRequest};

/// The most that one batch may decompress to.
const MAX_DECOMPRESSED: usize = 256 * 1024 * 1024;

/// Why a coordinator cannot take over.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// The partition is led elsewhere by now.
    #[error(transparent)]
    Epoch(#[from] EpochError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The disk.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A batch is not one.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A batch cannot be decompressed.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// A batch does not hold what it says.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// A batch names a codec that Kafka does not have.
    #[error("codec {0} is not known")]
    Codec(u8),
    /// The read made no progress.
    #[error("nothing can be read at offset {0}")]
    Stuck(Offset),
}

/// What the log holds up to its end: what is below the high watermark is committed, the rest may yet be undone.
pub(super) fn load<T: Tenant>(shard: &Shard<T>, buffer: u32) -> Result<Runtime<T::State, T::Completion>, LoadError> {
    let view = shard.hosted.lock().fetch_view(shard.epoch)?;
    let end = view.log_end_offset;
    let mut loading = Loading::<T> {
        runtime: Runtime::new(T::State::default(), view.log_start_offset),
        high_watermark: view.high_watermark.min(end),
        scratch: Vec::new(),
    };
    let mut from = view.log_start_offset;
    while from < end {
        let request = ReadRequest {
            from,
            max_bytes: buffer,
            bound: end,
            min_one: MinOne::Whole,
        };
        let Some(region) = view.log.read(request)?.region else {
            // The rest of the log holds no batch: the cleaner has been there.
            break;
        };
        let next = loading.take(&region.read()?, from)?;
        if next <= from {
            return Err(LoadError::Stuck(from));
        }
        from = next;
    }
    let mut runtime = loading.runtime;
    runtime.skip_to(end);
    drop(runtime.commit(loading.high_watermark.max(runtime.committed_end())));
    Ok(runtime)
}

struct Loading<T: Tenant> {
    runtime: Runtime<T::State, T::Completion>,
    high_watermark: Offset,
    scratch: Vec<u8>,
}

impl<T: Tenant> Loading<T> {
    /// Takes the whole batches in `bytes` from `from` on; answers where the next begins.
    fn take(&mut self, bytes: &[u8], from: Offset) -> Result<Offset, LoadError> {
        let mut next = from;
        for batch in batches(bytes) {
            let batch = match batch {
                Ok(batch) => batch,
                Err(BatchError::Partial { .. }) => break,
                Err(error) => return Err(error.into()),
            };
            batch.check()?;
            self.take_batch(&batch, from)?;
            next = batch.header().next_offset();
        }
        Ok(next)
    }

    fn take_batch(&mut self, batch: &BatchView<'_>, from: Offset) -> Result<(), LoadError> {
        let header = *batch.header();
        let mut scratch = std::mem::take(&mut self.scratch);
        let records = match batch.records() {
            Some(records) => records,
            None => {
                let id = header.attributes.codec_id();
                let codec = Codec::from_id(id).ok_or(LoadError::Codec(id))?;
                decompress(codec, batch.body(), MAX_DECOMPRESSED, &mut scratch)?;
                Records::new(&scratch, header.record_count)
            }
        };
        let producer = if header.attributes.is_transactional() {
            header.producer_id
        } else {
            ProducerId::NONE
        };
        for record in records {
            let record = record?;
            let offset = header.base_offset.plus(i64::from(record.offset_delta));
            if offset < from {
                continue;
            }
            if header.attributes.is_control() {
                self.take_marker(offset, producer, record.key, record.value);
            } else if let Some(key) = record.key {
                self.take_record(offset, producer, key, record.value);
            }
        }
        self.scratch = scratch;
        Ok(())
    }

    fn take_marker(&mut self, offset: Offset, producer: ProducerId, key: Option<&[u8]>, value: Option<&[u8]>) {
        let (Some(key), Some(value)) = (key, value) else { return };
        let Some(marker) = EndTxnMarker::parse(key, value) else {
            return;
        };
        if let Some(record) = T::marker(producer, marker.outcome) {
            self.replay(offset, &record);
        }
    }

    fn take_record(&mut self, offset: Offset, producer: ProducerId, key: &[u8], value: Option<&[u8]>) {
        let key = Bytes::copy_from_slice(key);
        let value = value.map(Bytes::copy_from_slice);
        match T::decode(&key, value.as_ref(), producer) {
            Ok(Some(record)) => self.replay(offset, &record),
            Ok(None) => tracing::debug!(%offset, "a record of a type that this coordinator does not know is skipped"),
            // One bad record must not take everything else in the partition down.
            Err(error) => {
                tracing::warn!(topic = T::TOPIC, %offset, %error, "a record cannot be read and is skipped")
            }
        }
    }

    fn replay(&mut self, offset: Offset, record: &T::Record) {
        let replayed = if offset < self.high_watermark {
            self.runtime.follow(offset, record)
        } else {
            self.runtime.skip_to(offset);
            self.runtime.write(std::slice::from_ref(record))
        };
        match replayed {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }
}
