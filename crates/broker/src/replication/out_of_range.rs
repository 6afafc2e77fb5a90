//! A follower whose log ends outside the leader's: it asks where the leader's begins and ends, and goes on from there.

use super::connection::FetchFailed;
use super::following::Following;
use super::lane::Follow;
use super::outcome::{Outcome, refused};
use super::session::{PartitionId, Position};
use base::Offset;
use client::Channel;
use partition::LeaderExtent;
use protocol::ErrorCode;
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use tracing::warn;

const LATEST: i64 = -1;
/// The start of what the leader has on its own disk, not of what it moved to tiered storage.
const EARLIEST_LOCAL: i64 = -4;
const EARLIEST: i64 = -2;

/// Asks the leader how far its log reaches, and cuts ours to fit.
///
/// A leader that was elected uncleanly may end before us: what it does not have goes. A leader that deleted what we have
/// not fetched begins behind our end: then everything goes. Else the leader has moved on meanwhile, and it is fetched
/// from where we end.
pub(super) async fn reset(
    following: &Following,
    channel: &Channel,
    id: PartitionId,
    follow: &Follow,
    position: &Position,
) -> Result<Outcome, FetchFailed> {
    let end = match ask(following, channel, id, follow, LATEST).await? {
        Ok(end) => end,
        Err(outcome) => return Ok(outcome),
    };
    let start = match ask(following, channel, id, follow, EARLIEST_LOCAL).await? {
        Ok(start) => start,
        Err(outcome) => return Ok(outcome),
    };
    let (topic, partition, from) = (&follow.topic, id.index, position.fetch_offset);
    warn!(%topic, partition, from, leader_starts = %start, leader_ends = %end, "the leader's log does not reach where this one ends");
    let asked = position.as_asked(following.source);
    let now = following.broker.clock.wall();
    let extent = LeaderExtent { start, end };
    let cut = network::thread::in_place(|| follow.hosted.lock_quietly().out_of_range(&asked, extent, now));
    Ok(match cut {
        Ok((truncated, wakes)) => {
            wakes.fire();
            if let Some(truncated) = truncated {
                following.remove_later(follow, truncated);
                Outcome::Moved
            } else {
                // The leader has reached it by now; should it not have, it is not asked without a pause.
                Outcome::Again
            }
        }
        Err(error) => refused(id, follow, &error),
    })
}

/// One offset of the leader's log.
async fn ask(
    following: &Following,
    channel: &Channel,
    id: PartitionId,
    follow: &Follow,
    which: i64,
) -> Result<Result<Offset, Outcome>, FetchFailed> {
    let version = channel.version::<ListOffsetsRequest>()?;
    let which = if which == EARLIEST_LOCAL && version < 8 {
        EARLIEST
    } else {
        which
    };
    let partition = ListOffsetsPartition {
        partition_index: id.index,
        current_leader_epoch: follow.epoch.0,
        timestamp: which,
    };
    let request = ListOffsetsRequest {
        replica_id: following.broker.node.0,
        topics: vec![ListOffsetsTopic {
            name: follow.topic.to_string(),
            partitions: vec![partition],
        }],
        ..ListOffsetsRequest::default()
    };
    let timeout = following.broker.config.load().replication.replica_socket_timeout;
    let response = channel.send_within(&request, version, timeout).await?;
    let mut partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
    let Some(answer) = partitions.next().filter(|answer| answer.partition_index == id.index) else {
        return Ok(Err(Outcome::Again));
    };
    Ok(match ErrorCode::from(answer.error_code) {
        ErrorCode::None if answer.offset >= 0 => Ok(Offset(answer.offset)),
        ErrorCode::FencedLeaderEpoch => Err(Outcome::Over),
        error => {
            warn!(topic = %follow.topic, partition = id.index, %error, "the leader does not tell where its log begins and ends");
            Err(Outcome::Again)
        }
    })
}
