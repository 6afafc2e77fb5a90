//! Fetch (key 1), as the metadata log is pulled by voters and observers (KIP-595).
//!
//! Exactly one topic, the metadata topic, and its one partition; anything else is INVALID_REQUEST, a foreign cluster id
//! INCONSISTENT_CLUSTER_ID. The answer is records (committed or not), the point of divergence, or the id of a snapshot
//! (KIP-630), always with the leader, its endpoint (version 17 on) and the high watermark. It comes at once if there is
//! anything to tell, and waits `max_wait_ms` otherwise; from version 18 on a new high watermark is worth telling.

use crate::handle::Entrance;
use crate::leader;
use crate::metadata_partition::only_partition;
use crate::replica::Replica;
use base::{LeaderEpoch, Offset, Uuid};
use network::RequestContext;
use protocol::ErrorCode;
use protocol::Records;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest};
use protocol::messages::fetch_response::{
    EpochEndOffset, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData, SnapshotId,
};
use raft::log_shape::LogPosition;
use raft::{FetchAnswer, FetchRefusal, Leadership, ReplicaKey};
use std::sync::Arc;
use std::time::Duration;
use storage::{LogView, MinOne, ReadRequest};
use tokio::time::{Instant, timeout_at};

/// No answer holds more than this, whatever was asked for.
const MAX_BYTES: u32 = 8 << 20;
/// Nobody waits longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The first version with endpoints.
const ENDPOINTS_FROM: i16 = 16;

/// Reads, waiting for something to read.
pub async fn handle(entrance: &Arc<Entrance>, context: &RequestContext, request: FetchRequest) -> FetchResponse {
    let cluster_id = request.cluster_id.as_deref();
    let only = only_partition(entrance, cluster_id, &request.topics, |topic| &topic.partitions);
    let (topic, partition) = match only {
        Ok(only) => only,
        Err(code) => return refused(code),
    };
    let is_metadata = topic.topic_id == Uuid::METADATA_TOPIC || topic.topic == crate::metadata_log::METADATA_TOPIC;
    if !is_metadata || partition.partition != 0 {
        return refused(ErrorCode::InvalidRequest);
    }
    let (read, leadership) = wait_and_read(entrance, &request, partition).await;
    FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic: topic.topic.clone(),
            topic_id: topic.topic_id,
            partitions: vec![read],
        }],
        node_endpoints: leader::node_endpoints(&leadership, context, ENDPOINTS_FROM, |node_id, host, port| {
            NodeEndpoint { node_id, host, port: i32::from(port), rack: None }
        }),
        ..Default::default()
    }
}

async fn wait_and_read(
    entrance: &Entrance,
    request: &FetchRequest,
    partition: &FetchPartition,
) -> (PartitionData, Leadership) {
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + wait.min(LONGEST_WAIT);
    let mut log_ends = entrance.quorum.log_ends.clone();
    let mut asked = Asked::new(request, partition);
    loop {
        log_ends.borrow_and_update();
        let Ok(found) = entrance.inspect(move |replica| asked.look(replica)).await else {
            return (error(ErrorCode::NotLeaderOrFollower), Leadership::UNKNOWN);
        };
        // Its fetch was noted. That it still waits is no sign of life.
        asked.replica = None;
        let news = found.has_news(partition);
        if news || timeout_at(deadline, log_ends.changed()).await.is_err() {
            return found.into_response(partition, request.max_bytes);
        }
    }
}

/// One replica's question.
#[derive(Clone, Copy)]
struct Asked {
    replica: Option<ReplicaKey>,
    epoch: LeaderEpoch,
    position: LogPosition,
}

impl Asked {
    fn new(request: &FetchRequest, partition: &FetchPartition) -> Self {
        // Version 15 moved the replica's id into ReplicaState.
        let id = request.replica_id.max(request.replica_state.replica_id);
        let replica = ReplicaKey::from_wire(id, partition.replica_directory_id);
        Self {
            replica: (id >= 0).then_some(replica),
            epoch: LeaderEpoch(partition.current_leader_epoch),
            position: LogPosition {
                epoch: LeaderEpoch(partition.last_fetched_epoch),
                offset: Offset(partition.fetch_offset),
            },
        }
    }

    fn look(self, replica: &mut Replica) -> Found {
        Found {
            answer: replica.on_fetch(self.replica, self.epoch, self.position),
            view: replica.log.view(),
            leadership: replica.raft.leadership(),
        }
    }
}

/// What the leader has for it.
struct Found {
    answer: Result<FetchAnswer, FetchRefusal>,
    view: LogView,
    leadership: Leadership,
}

impl Found {
    fn has_news(&self, partition: &FetchPartition) -> bool {
        let Ok(FetchAnswer::Records { high_watermark }) = self.answer else {
            return true;
        };
        let has_records = self.view.log_end_offset() > Offset(partition.fetch_offset);
        // Before version 18 the field has its default, the greatest offset: nothing is newer.
        has_records || high_watermark > Offset(partition.high_watermark)
    }

    fn into_response(self, partition: &FetchPartition, max_bytes: i32) -> (PartitionData, Leadership) {
        let mut data = match self.answer {
            Err(refusal) => error(refusal_code(refusal)),
            Ok(FetchAnswer::Diverging(position)) => PartitionData {
                diverging_epoch: EpochEndOffset { epoch: position.epoch.0, end_offset: position.offset.0 },
                records: Some(Records::EMPTY),
                ..Default::default()
            },
            Ok(FetchAnswer::Snapshot(id)) => PartitionData {
                snapshot_id: SnapshotId { end_offset: id.end.0, epoch: id.epoch.0 },
                records: Some(Records::EMPTY),
                ..Default::default()
            },
            Ok(FetchAnswer::Records { high_watermark }) => {
                records(&self.view, Offset(partition.fetch_offset), high_watermark, max_bytes)
            }
        };
        data.current_leader = LeaderIdAndEpoch {
            leader_id: leader::wire_id(&self.leadership),
            leader_epoch: self.leadership.epoch.0,
        };
        data.log_start_offset = self.view.log_start_offset().0;
        (data, self.leadership)
    }
}

fn records(view: &LogView, from: Offset, high_watermark: Offset, max_bytes: i32) -> PartitionData {
    let request = ReadRequest {
        from,
        max_bytes: u32::try_from(max_bytes).unwrap_or(0).min(MAX_BYTES),
        bound: view.log_end_offset(),
        min_one: MinOne::Whole,
    };
    match view.read(request) {
        Ok(slice) => PartitionData {
            high_watermark: high_watermark.0,
            records: Some(slice.region.map_or(Records::EMPTY, Records::File)),
            ..Default::default()
        },
        Err(failed) => {
            tracing::error!(error = %failed, %from, "the metadata log cannot be read for a replica");
            error(ErrorCode::UnknownServerError)
        }
    }
}

fn refusal_code(refusal: FetchRefusal) -> ErrorCode {
    match refusal {
        FetchRefusal::NotLeader { .. } => ErrorCode::NotLeaderOrFollower,
        FetchRefusal::FencedEpoch { .. } => ErrorCode::FencedLeaderEpoch,
        FetchRefusal::UnknownEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
        FetchRefusal::Invalid => ErrorCode::InvalidRequest,
    }
}

fn error(code: ErrorCode) -> PartitionData {
    PartitionData {
        error_code: code.code(),
        high_watermark: -1,
        records: Some(Records::EMPTY),
        ..Default::default()
    }
}

fn refused(code: ErrorCode) -> FetchResponse {
    FetchResponse { error_code: code.code(), ..Default::default() }
}
