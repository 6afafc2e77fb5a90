//! A consumer's look at a partition: up to what is committed, here or at a replica that is nearer.

use super::looked::{End, Looked};
use super::reader::Reader;
use crate::Broker;
use crate::api::list_offsets::epoch_error;
use crate::fetch_session::Position;
use crate::partitions::Hosted;
use crate::replication::selector;
use base::{LeaderEpoch, Offset};
use partition::{IsolationLevel, ReadFrom};
use protocol::ErrorCode;

/// What the reader may see.
pub(super) fn look(broker: &Broker, hosted: &Hosted, position: &Position, reader: &Reader) -> Result<Looked, ErrorCode> {
    let epoch = LeaderEpoch(position.current_leader_epoch);
    let offset = Offset(position.fetch_offset);
    let partition = hosted.lock();
    let (view, bound) = match reader {
        Reader::Consumer { isolation, from, .. } => {
            let view = match from {
                ReadFrom::Leader => partition.fetch_view(epoch),
                ReadFrom::AnyReplica => partition.replica_view(epoch),
            };
            let view = view.map_err(epoch_error)?;
            let bound = view.bound(*isolation);
            (view, bound)
        }
        Reader::Replica { .. } | Reader::Debugger => {
            let view = partition.replica_view(epoch).map_err(epoch_error)?;
            let bound = view.log_end_offset;
            (view, bound)
        }
    };
    if let Reader::Consumer { rack, listener, from: ReadFrom::AnyReplica, .. } = reader
        && let Some(node) = selector::preferred(broker, &partition, offset, rack, listener)
    {
        return Ok(Looked { view, bound, end: End::ElseWhere(node) });
    }
    let diverging = partition.diverging(offset, LeaderEpoch(position.last_fetched_epoch));
    let end = match diverging {
        Ok(Some(end)) => End::Diverging(end),
        Ok(None) => End::Records,
        Err(_) => return Err(ErrorCode::OffsetOutOfRange),
    };
    Ok(Looked { view, bound, end })
}

/// The isolation level by which a reader waits.
pub(super) fn waits_by(reader: &Reader) -> IsolationLevel {
    reader.isolation().unwrap_or(IsolationLevel::ReadUncommitted)
}
