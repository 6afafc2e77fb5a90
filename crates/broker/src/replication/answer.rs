//! What a leader answered: appended, and each partition's trouble seen to on its own.

use super::connection::FetchFailed;
use super::following::Following;
use super::lane::Follow;
use super::out_of_range;
use super::outcome::{Outcome, refused};
use super::session::{PartitionId, Position};
use base::{LeaderEpoch, Offset};
use client::Channel;
use partition::{LeaderAnswer, Replicated};
use protocol::messages::fetch_response::{EpochEndOffset, FetchResponse, PartitionData};
use protocol::{ErrorCode, Records};
use records::ReplicatedBatches;
use tokio::time::Instant;
use tracing::{debug, error, warn};

/// Takes an answer: appends what it brings, and asks the leader where to go on for what is out of its range.
pub(super) async fn take(
    following: &mut Following,
    channel: &Channel,
    response: FetchResponse,
) -> Result<(), FetchFailed> {
    let ids = response.responses.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|partition| PartitionId {
            topic: topic.topic_id,
            index: partition.partition_index,
        })
    });
    let asked: Vec<(PartitionId, Option<Position>)> = ids.map(|id| (id, following.session.told(id).copied())).collect();
    let error = ErrorCode::from(response.error_code);
    following
        .session
        .answered(response.session_id, error, asked.iter().map(|(id, _)| *id))?;
    let mut out_of_range = Vec::new();
    let data = response.responses.into_iter().flat_map(|topic| topic.partitions);
    for ((id, position), data) in asked.into_iter().zip(data) {
        let Some(position) = position else { continue };
        // It may have been withdrawn or assigned anew meanwhile: then what came of it is nobody's.
        let Some(follow) = following
            .partitions
            .ready(id, LeaderEpoch(position.leader_epoch))
            .cloned()
        else {
            continue;
        };
        let brings_records = data.records.as_ref().is_some_and(|records| !records.is_empty());
        let outcome = take_one(following, id, &follow, &position, data);
        if outcome == Outcome::OutOfRange {
            out_of_range.push((id, follow, position));
        } else {
            note(following, id, outcome);
        }
        if brings_records {
            // Other tasks of this thread have waited for a whole partition's records.
            tokio::task::yield_now().await;
        }
    }
    for (id, follow, position) in out_of_range {
        let outcome = out_of_range::reset(following, channel, id, &follow, &position).await?;
        note(following, id, outcome);
    }
    Ok(())
}

fn note(following: &mut Following, id: PartitionId, outcome: Outcome) {
    match outcome {
        Outcome::Same => following.partitions.answered(id),
        Outcome::Moved => following.partitions.moved(id),
        Outcome::Over => following.partitions.failed_for_good(id),
        Outcome::Again | Outcome::OutOfRange => {
            let longest = following.broker.config.load().replication.replica_fetch_backoff;
            following.partitions.failed_for_now(id, Instant::now(), longest);
        }
    }
}

fn take_one(
    following: &mut Following,
    id: PartitionId,
    follow: &Follow,
    position: &Position,
    data: PartitionData,
) -> Outcome {
    let (topic, partition) = (&follow.topic, id.index);
    match ErrorCode::from(data.error_code) {
        ErrorCode::None => append(following, id, follow, position, data),
        ErrorCode::OffsetOutOfRange => Outcome::OutOfRange,
        // Our own epoch is old; the newer one comes with the metadata.
        ErrorCode::FencedLeaderEpoch => Outcome::Over,
        // A leader that has not heard of its leadership or of the topic yet will have in a moment.
        error => {
            if following.partitions.is_to_be_told(id) {
                warn!(%topic, partition, %error, "the leader cannot serve a partition; it is asked on");
            } else {
                debug!(%topic, partition, %error, "the leader cannot serve a partition now");
            }
            Outcome::Again
        }
    }
}

fn append(
    following: &mut Following,
    id: PartitionId,
    follow: &Follow,
    position: &Position,
    data: PartitionData,
) -> Outcome {
    let bytes = match data.records {
        Some(Records::Bytes(bytes)) => bytes,
        // What comes from a socket is bytes.
        Some(Records::File(_) | Records::Many(_)) | None => bytes::Bytes::new(),
    };
    let size = bytes.len();
    let records = match ReplicatedBatches::verify(bytes) {
        Ok(records) if records.is_empty() && size > 0 => return damaged(id, follow, &"not one whole batch"),
        Ok(records) => records,
        Err(error) => return damaged(id, follow, &error),
    };
    let diverging = (data.diverging_epoch != EpochEndOffset::default()).then_some(storage::EpochEndOffset {
        epoch: LeaderEpoch(data.diverging_epoch.epoch),
        end_offset: Offset(data.diverging_epoch.end_offset),
    });
    let is_cut = diverging.is_some();
    let answer = LeaderAnswer {
        high_watermark: Offset(data.high_watermark),
        log_start_offset: Offset(data.log_start_offset),
        diverging,
        records,
    };
    let asked = position.as_asked(following.source);
    let now = following.broker.clock.wall();
    let replicate = || follow.hosted.lock_quietly().replicate(&asked, &answer, now);
    // A cut reads and renames files.
    let replicated = if is_cut {
        network::thread::in_place(replicate)
    } else {
        replicate()
    };
    match replicated {
        Ok((replicated, wakes)) => {
            wakes.fire();
            replicated_well(following, id, follow, replicated, &answer, size)
        }
        Err(error) => refused(id, follow, &error),
    }
}

fn replicated_well(
    following: &mut Following,
    id: PartitionId,
    follow: &Follow,
    replicated: Replicated,
    answer: &LeaderAnswer,
    size: usize,
) -> Outcome {
    let truncated = match replicated {
        Replicated::Truncated(truncated) => truncated,
        Replicated::Appended(info) => {
            let end = if size > 0 {
                info.last_offset.next()
            } else {
                info.first_offset
            };
            following.partitions.lags(id, answer.high_watermark.since(end).max(0));
            following.count(follow, size);
            return if size > 0 { Outcome::Moved } else { Outcome::Same };
        }
    };
    following.remove_later(follow, truncated);
    Outcome::Moved
}

fn damaged(id: PartitionId, follow: &Follow, error: &dyn std::fmt::Display) -> Outcome {
    error!(topic = %follow.topic, partition = id.index, %error, "what the leader sent is damaged; it is fetched again");
    Outcome::Again
}
