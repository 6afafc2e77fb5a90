//! FetchSnapshot (key 59): the next piece of a snapshot.

use super::fetch::received;
use super::{Asker, check, only, version};
use crate::metadata_log::METADATA_TOPIC;
use base::{LeaderEpoch, Offset};
use client::Channel;
use protocol::ErrorCode;
use protocol::messages::fetch_snapshot_request::{
    FetchSnapshotRequest as Wire, PartitionSnapshot, SnapshotId as WireId, TopicSnapshot,
};
use protocol::messages::fetch_snapshot_response::PartitionSnapshot as Part;
use raft::message::{FetchSnapshotRequest, SnapshotChunk};
use raft::{Answer, SendFailure, SnapshotId};

impl Asker {
    pub(super) async fn fetch_snapshot(
        &self,
        channel: &Channel,
        request: &FetchSnapshotRequest,
    ) -> Result<Answer, SendFailure> {
        let version = version::<Wire>(channel)?;
        let wire = self.snapshot_request(request);
        let mut response = self.send(channel, &wire, version).await?;
        check(response.error_code)?;
        let topic = response.topics.first_mut();
        let part = only(topic.and_then(|topic| topic.partitions.first_mut()))?;
        let endpoints = response.node_endpoints.iter();
        let nodes = endpoints.map(|endpoint| (endpoint.node_id, &endpoint.host, endpoint.port));
        let error = ErrorCode::from(part.error_code);
        Ok(Answer::FetchSnapshot {
            error,
            leadership: self.leadership_among(part.current_leader.leader_id, part.current_leader.leader_epoch, nodes),
            chunk: if error == ErrorCode::None { chunk(part)? } else { None },
        })
    }

    fn snapshot_request(&self, request: &FetchSnapshotRequest) -> Wire {
        let partition = PartitionSnapshot {
            partition: 0,
            current_leader_epoch: request.epoch.0,
            snapshot_id: WireId {
                end_offset: request.id.end.0,
                epoch: request.id.epoch.0,
            },
            position: i64::try_from(request.position).unwrap_or(i64::MAX),
            replica_directory_id: request.replica.wire_directory(),
        };
        Wire {
            cluster_id: self.cluster_id(),
            replica_id: request.replica.id.0,
            max_bytes: self.fetch_snapshot_max_bytes,
            topics: vec![TopicSnapshot {
                name: METADATA_TOPIC.to_owned(),
                partitions: vec![partition],
            }],
        }
    }
}

/// The piece; none if its numbers are none that a piece has.
fn chunk(part: &mut Part) -> Result<Option<SnapshotChunk>, SendFailure> {
    let (Ok(size), Ok(position)) = (u64::try_from(part.size), u64::try_from(part.position)) else {
        return Ok(None);
    };
    Ok(Some(SnapshotChunk {
        id: SnapshotId {
            end: Offset(part.snapshot_id.end_offset),
            epoch: LeaderEpoch(part.snapshot_id.epoch),
        },
        size,
        position,
        bytes: received(part.unaligned_records.take())?,
    }))
}
