//! The one partition that a request of the quorum is about, and what is checked of the request before its fields are read.

use crate::handle::Entrance;
use crate::metadata_log::METADATA_TOPIC;
use protocol::ErrorCode;

/// The topic and the partition of a request that must be for this cluster (INCONSISTENT_CLUSTER_ID) and name exactly one
/// (INVALID_REQUEST).
pub(crate) fn only_partition<'a, T, P>(
    entrance: &Entrance,
    cluster_id: Option<&str>,
    topics: &'a [T],
    partitions: impl FnOnce(&'a T) -> &'a [P],
) -> Result<(&'a T, &'a P), ErrorCode> {
    if !entrance.is_own_cluster(cluster_id) {
        return Err(ErrorCode::InconsistentClusterId);
    }
    let [topic] = topics else {
        return Err(ErrorCode::InvalidRequest);
    };
    let [partition] = partitions(topic) else {
        return Err(ErrorCode::InvalidRequest);
    };
    Ok((topic, partition))
}

/// Whether that is the partition of the metadata; INVALID_REQUEST if not.
pub(crate) fn check_metadata(topic: &str, partition: i32) -> Result<(), ErrorCode> {
    if topic == METADATA_TOPIC && partition == 0 {
        Ok(())
    } else {
        Err(ErrorCode::InvalidRequest)
    }
}
