//! A consumer's look at a partition: up to what is committed, here or at a replica that is nearer.

use super::looked::{End, Looked};
use crate::Broker;
use crate::api::list_offsets::epoch_error;
use crate::fetch_session::Position;
use crate::partitions::Hosted;
use crate::replication::selector;
use base::{LeaderEpoch, Offset};
use partition::{IsolationLevel, ReadFrom};
use protocol::ErrorCode;

/// A consumer's wishes, as far as they concern where and up to where it reads.
pub(super) struct Consumer<'a> {
    pub(super) isolation: IsolationLevel,
    pub(super) from: ReadFrom,
    pub(super) rack: &'a str,
    pub(super) listener: &'a str,
}

/// What the consumer may see.
pub(super) fn look(
    broker: &Broker,
    hosted: &Hosted,
    position: &Position,
    consumer: &Consumer<'_>,
) -> Result<Looked, ErrorCode> {
    let epoch = LeaderEpoch(position.current_leader_epoch);
    let offset = Offset(position.fetch_offset);
    let partition = hosted.look();
    let glance = partition.glance();
    let view = match consumer.from {
        ReadFrom::Leader => partition.fetch_view(epoch),
        ReadFrom::AnyReplica => partition.replica_view(epoch),
    };
    let view = view.map_err(epoch_error)?;
    let bound = view.bound(consumer.isolation);
    if consumer.from == ReadFrom::AnyReplica
        && let Some(node) = selector::preferred(broker, &partition, offset, consumer.rack, consumer.listener)
    {
        return Ok(Looked { view, bound, end: End::ElseWhere(node), glance, is_settled: false });
    }
    let diverging = partition.diverging(offset, LeaderEpoch(position.last_fetched_epoch));
    let end = match diverging {
        Ok(Some(end)) => End::Diverging(end),
        Ok(None) => End::Records,
        Err(_) => return Err(ErrorCode::OffsetOutOfRange),
    };
    Ok(Looked { view, bound, end, glance, is_settled: true })
}
