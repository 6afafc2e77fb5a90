//! Reading a partition's log into a [`TransactionState`].

use crate::record::TransactionRecord;
use crate::state::TransactionState;
use base::Offset;
use bytes::Bytes;
use coordinator_runtime::Shard;

/// Applies one record of the log, or skips it if its type is unknown or it cannot be read: a coordinator that does not
/// start for one bad record would take every transaction of the partition down with it.
pub fn replay(state: &mut TransactionState, offset: Offset, key: &Bytes, value: Option<&Bytes>) {
    match TransactionRecord::decode(key, value) {
        Ok(Some(record)) => match state.replay(offset, &record) {
            Ok(()) => {}
            Err(never) => match never {},
        },
        Ok(None) => tracing::debug!(%offset, "a record of a type that this coordinator does not know is skipped"),
        Err(error) => tracing::warn!(%offset, %error, "a record of __transaction_state cannot be read and is skipped"),
    }
}
