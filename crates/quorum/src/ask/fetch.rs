//! Fetch (key 1) of the metadata log, as a follower or an observer pulls it.

use super::{Asker, check, only, version};
use base::{LeaderEpoch, Offset, Uuid};
use bytes::Bytes;
use client::Channel;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest as Wire, FetchTopic, ReplicaState};
use protocol::messages::fetch_response::PartitionData;
use protocol::{ErrorCode, Records};
use raft::log_shape::LogPosition;
use raft::message::{FetchRequest, Fetched};
use raft::{Answer, SendFailure, SnapshotId};

/// The first version that names the topic by its id.
const TOPIC_ID_FROM: i16 = 13;
/// The first version that says in `ReplicaState` who asks.
const REPLICA_STATE_FROM: i16 = 15;
/// The oldest version that says where the asker's log ends and hears of divergence (KIP-595).
const OLDEST: i16 = 12;
/// How long the leader may wait for something to tell, as Kafka's replicas let it.
const MAX_WAIT_MS: i32 = 500;
/// What a high watermark that is not known is called: nothing is newer.
const NO_HIGH_WATERMARK: i64 = -1;

impl Asker {
    pub(super) async fn fetch(&self, channel: &Channel, request: &FetchRequest) -> Result<Answer, SendFailure> {
        let version = version::<Wire>(channel)?;
        if version < OLDEST {
            return Err(SendFailure::UnsupportedVersion);
        }
        let wire = self.fetch_request(request, version);
        let mut response = self.send(channel, &wire, version).await?;
        check(response.error_code)?;
        let topic = response.responses.first_mut();
        let part = only(topic.and_then(|topic| topic.partitions.first_mut()))?;
        let endpoints = response.node_endpoints.iter();
        let nodes = endpoints.map(|endpoint| (endpoint.node_id, &endpoint.host, endpoint.port));
        Ok(Answer::Fetch {
            error: ErrorCode::from(part.error_code),
            leadership: self.leadership_among(part.current_leader.leader_id, part.current_leader.leader_epoch, nodes),
            fetched: fetched(part)?,
        })
    }

    fn fetch_request(&self, request: &FetchRequest, version: i16) -> Wire {
        let replica = request.replica.id.0;
        let partition = FetchPartition {
            partition: 0,
            current_leader_epoch: request.epoch.0,
            fetch_offset: request.position.offset.0,
            last_fetched_epoch: request.position.epoch.0,
            partition_max_bytes: self.fetch_max_bytes,
            replica_directory_id: request.replica.wire_directory(),
            high_watermark: request.high_watermark.map_or(NO_HIGH_WATERMARK, |known| known.0),
            ..Default::default()
        };
        let by_id = version >= TOPIC_ID_FROM;
        let has_state = version >= REPLICA_STATE_FROM;
        Wire {
            cluster_id: self.cluster_id(),
            replica_id: if has_state { -1 } else { replica },
            replica_state: ReplicaState {
                replica_id: if has_state { replica } else { -1 },
                ..Default::default()
            },
            max_wait_ms: MAX_WAIT_MS,
            min_bytes: 0,
            max_bytes: self.fetch_max_bytes,
            topics: vec![FetchTopic {
                topic: if by_id {
                    String::new()
                } else {
                    crate::metadata_log::METADATA_TOPIC.to_owned()
                },
                topic_id: if by_id { Uuid::METADATA_TOPIC } else { Uuid::ZERO },
                partitions: vec![partition],
            }],
            ..Default::default()
        }
    }
}

fn fetched(part: &mut PartitionData) -> Result<Fetched, SendFailure> {
    if part.diverging_epoch.epoch >= 0 {
        return Ok(Fetched::Diverging(LogPosition {
            epoch: LeaderEpoch(part.diverging_epoch.epoch),
            offset: Offset(part.diverging_epoch.end_offset),
        }));
    }
    if part.snapshot_id.epoch >= 0 {
        return Ok(Fetched::Snapshot(SnapshotId {
            end: Offset(part.snapshot_id.end_offset),
            epoch: LeaderEpoch(part.snapshot_id.epoch),
        }));
    }
    Ok(Fetched::Records {
        bytes: received(part.records.take())?,
        high_watermark: Some(Offset(part.high_watermark)).filter(|known| *known >= Offset::ZERO),
    })
}

/// The bytes of records that came over the network.
pub(super) fn received(records: Option<Records>) -> Result<Bytes, SendFailure> {
    match records {
        None => Ok(Bytes::new()),
        Some(Records::Bytes(bytes)) => Ok(bytes),
        // Nothing that came over the network is in a file.
        Some(Records::File(_) | Records::Many(_)) => Err(SendFailure::Disconnected),
    }
}
