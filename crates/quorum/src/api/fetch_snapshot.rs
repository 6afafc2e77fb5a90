//! FetchSnapshot (key 59): a replica pulls a snapshot of the metadata, piece by piece (KIP-630).
//!
//! Exactly one topic, the metadata topic, and its one partition, else INVALID_REQUEST or UNKNOWN_TOPIC_OR_PARTITION. A
//! snapshot that is gone, or was never there, is SNAPSHOT_NOT_FOUND, a position outside of it POSITION_OUT_OF_RANGE. The
//! bootstrap snapshot is never served. Every answer has the snapshot's size.

use crate::handle::Entrance;
use crate::leader;
use crate::metadata_log::METADATA_TOPIC;
use crate::metadata_partition::only_partition;
use base::fs::{FileRegion, Fs, Open};
use base::{LeaderEpoch, Offset};
use network::RequestContext;
use protocol::messages::fetch_snapshot_request::{FetchSnapshotRequest, PartitionSnapshot as Asked};
use protocol::messages::fetch_snapshot_response::{
    FetchSnapshotResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionSnapshot, SnapshotId as WireId, TopicSnapshot,
};
use protocol::{ErrorCode, Records};
use raft::{FetchRefusal, Leadership, ReplicaKey, SnapshotId};
use std::path::PathBuf;
use std::sync::Arc;

/// No answer holds more than this, whatever was asked for.
const MAX_BYTES: u64 = 8 << 20;
/// The first version with endpoints.
const ENDPOINTS_FROM: i16 = 1;

/// Answers the piece.
pub async fn handle(
    entrance: &Arc<Entrance>,
    context: &RequestContext,
    request: FetchSnapshotRequest,
) -> FetchSnapshotResponse {
    let cluster_id = request.cluster_id.as_deref();
    let only = only_partition(entrance, cluster_id, &request.topics, |topic| &topic.partitions);
    let (topic, asked) = match only {
        Ok(only) => only,
        Err(code) => return refused(code),
    };
    let (piece, leadership) = if topic.name == METADATA_TOPIC && asked.partition == 0 {
        piece(entrance, &request, asked).await
    } else {
        (error(asked, ErrorCode::UnknownTopicOrPartition), Leadership::UNKNOWN)
    };
    FetchSnapshotResponse {
        node_endpoints: leader::node_endpoints(&leadership, context, ENDPOINTS_FROM, |node_id, host, port| {
            NodeEndpoint { node_id, host, port }
        }),
        topics: vec![TopicSnapshot { name: topic.name.clone(), partitions: vec![piece] }],
        ..Default::default()
    }
}

async fn piece(
    entrance: &Entrance,
    request: &FetchSnapshotRequest,
    asked: &Asked,
) -> (PartitionSnapshot, Leadership) {
    let epoch = LeaderEpoch(asked.current_leader_epoch);
    let id = request.replica_id;
    let from = (id >= 0).then(|| ReplicaKey::from_wire(id, asked.replica_directory_id));
    let found = entrance.inspect(move |replica| {
        let place = (Arc::clone(replica.log.fs()), replica.log.dir().to_owned());
        (replica.on_fetch_snapshot(from, epoch), replica.raft.leadership(), place)
    });
    let Ok((checked, leadership, (fs, dir))) = found.await else {
        return (error(asked, ErrorCode::NotLeaderOrFollower), Leadership::UNKNOWN);
    };
    let mut piece = match checked {
        Ok(()) => read(&*fs, dir, asked, request.max_bytes),
        Err(refusal) => error(asked, refusal_code(refusal)),
    };
    piece.current_leader = LeaderIdAndEpoch {
        leader_id: leader::wire_id(&leadership),
        leader_epoch: leadership.epoch.0,
    };
    (piece, leadership)
}

fn refusal_code(refusal: FetchRefusal) -> ErrorCode {
    match refusal {
        FetchRefusal::FencedEpoch { .. } => ErrorCode::FencedLeaderEpoch,
        FetchRefusal::UnknownEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
        FetchRefusal::NotLeader { .. } | FetchRefusal::Invalid => ErrorCode::NotLeaderOrFollower,
    }
}

fn read(fs: &dyn Fs, dir: PathBuf, asked: &Asked, max_bytes: i32) -> PartitionSnapshot {
    let id = SnapshotId {
        end: Offset(asked.snapshot_id.end_offset),
        epoch: LeaderEpoch(asked.snapshot_id.epoch),
    };
    // Negative numbers would make another file name; they are nobody's snapshot.
    if id == SnapshotId::BOOTSTRAP || id.end < Offset::ZERO || id.epoch < LeaderEpoch(0) {
        return error(asked, ErrorCode::SnapshotNotFound);
    }
    let opened = fs.open(&dir.join(id.file_name()), Open::Read);
    let Some((file, size)) = opened.and_then(|file| Ok((Arc::clone(&file), file.len()?))).ok() else {
        return error(asked, ErrorCode::SnapshotNotFound);
    };
    let Some(position) = u64::try_from(asked.position).ok().filter(|position| *position < size) else {
        return error(asked, ErrorCode::PositionOutOfRange);
    };
    let wanted = u64::try_from(max_bytes).unwrap_or(0).min(MAX_BYTES).min(size - position);
    PartitionSnapshot {
        index: asked.partition,
        snapshot_id: wire_id(asked),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        position: asked.position,
        unaligned_records: Some(Records::File(FileRegion {
            file,
            position,
            len: u32::try_from(wanted).unwrap_or(0),
        })),
        ..Default::default()
    }
}

fn error(asked: &Asked, code: ErrorCode) -> PartitionSnapshot {
    PartitionSnapshot {
        index: asked.partition,
        error_code: code.code(),
        snapshot_id: wire_id(asked),
        unaligned_records: Some(Records::EMPTY),
        ..Default::default()
    }
}

fn wire_id(asked: &Asked) -> WireId {
    WireId {
        end_offset: asked.snapshot_id.end_offset,
        epoch: asked.snapshot_id.epoch,
    }
}

fn refused(code: ErrorCode) -> FetchSnapshotResponse {
    FetchSnapshotResponse { error_code: code.code(), ..Default::default() }
}
