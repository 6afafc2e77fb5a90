//! Reading a partition's log into a [`GroupState`].

use crate::record::GroupRecord;
use crate::state::GroupState;
use base::{Offset, ProducerId};
use bytes::Bytes;
use coordinator_runtime::Shard;

/// Applies one record of the log, or skips it if its type is unknown or it cannot be read: a coordinator that does not
/// start for one bad record would take every group of the partition down with it.
pub fn replay(state: &mut GroupState, offset: Offset, key: &Bytes, value: Option<&Bytes>, producer: ProducerId) {
    match GroupRecord::decode(key, value, producer) {
        Ok(Some(record)) => match state.replay(offset, &record) {
            Ok(()) => {}
            Err(never) => match never {},
        },
        Ok(None) => tracing::debug!(%offset, "a record of a type that this coordinator does not know is skipped"),
        Err(error) => tracing::warn!(%offset, %error, "a record of __consumer_offsets cannot be read and is skipped"),
    }
}
