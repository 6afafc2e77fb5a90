//! What a leader answered: appended, and each partition's trouble seen to on its own.

use super::connection::FetchFailed;
use super::fetcher::Fetcher;
use super::lane::Follow;
use super::out_of_range;
use super::session::{PartitionId, Position};
use base::{LeaderEpoch, Offset};
use client::Channel;
use partition::{LeaderAnswer, ReplicateError, Replicated};
use protocol::messages::fetch_response::{EpochEndOffset, FetchResponse, PartitionData};
use protocol::{ErrorCode, Records};
use records::ReplicatedBatches;
use storage::AppendError;
use tokio::time::Instant;
use tracing::{debug, error, warn};

/// What became of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There was nothing new.
    Same,
    /// It moved: records came, or it was cut.
    Moved,
    /// It is tried again after a pause.
    Again,
    /// It is not fetched until it is assigned anew.
    Over,
    /// Where to go on must be asked.
    OutOfRange,
}

/// Takes an answer: appends what it brings, and asks the leader where to go on for what is out of its range.
pub(super) async fn take(fetcher: &mut Fetcher, channel: &Channel, response: FetchResponse) -> Result<(), FetchFailed> {
    let ids = response.responses.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|partition| PartitionId {
            topic: topic.topic_id,
            index: partition.partition_index,
        })
    });
    let asked: Vec<(PartitionId, Option<Position>)> = ids.map(|id| (id, fetcher.session.told(id).copied())).collect();
    let error = ErrorCode::from(response.error_code);
    fetcher
        .session
        .answered(response.session_id, error, asked.iter().map(|(id, _)| *id))?;
    let mut out_of_range = Vec::new();
    let data = response.responses.into_iter().flat_map(|topic| topic.partitions);
    for ((id, position), data) in asked.into_iter().zip(data) {
        let Some(position) = position else { continue };
        // It may have been withdrawn or assigned anew meanwhile: then what came of it is nobody's.
        let Some(follow) = fetcher
            .partitions
            .ready(id, LeaderEpoch(position.leader_epoch))
            .cloned()
        else {
            continue;
        };
        let brings_records = data.records.as_ref().is_some_and(|records| !records.is_empty());
        let outcome = take_one(fetcher, id, &follow, &position, data);
        if outcome == Outcome::OutOfRange {
            out_of_range.push((id, follow, position));
        } else {
            note(fetcher, id, outcome);
        }
        if brings_records {
            // Other tasks of this thread have waited for a whole partition's records.
            tokio::task::yield_now().await;
        }
    }
    for (id, follow, position) in out_of_range {
        let outcome = out_of_range::reset(fetcher, channel, id, &follow, &position).await?;
        note(fetcher, id, outcome);
    }
    Ok(())
}

fn note(fetcher: &mut Fetcher, id: PartitionId, outcome: Outcome) {
    match outcome {
        Outcome::Same => fetcher.partitions.answered(id),
        Outcome::Moved => fetcher.partitions.moved(id),
        Outcome::Over => fetcher.partitions.failed_for_good(id),
        Outcome::Again | Outcome::OutOfRange => {
            let longest = fetcher.broker.config.load().replication.replica_fetch_backoff;
            fetcher.partitions.failed_for_now(id, Instant::now(), longest);
        }
    }
}

fn take_one(
    fetcher: &mut Fetcher,
    id: PartitionId,
    follow: &Follow,
    position: &Position,
    data: PartitionData,
) -> Outcome {
    let (topic, partition) = (&follow.topic, id.index);
    match ErrorCode::from(data.error_code) {
        ErrorCode::None => append(fetcher, id, follow, position, data),
        ErrorCode::OffsetOutOfRange => Outcome::OutOfRange,
        // Our own epoch is old; the newer one comes with the metadata.
        ErrorCode::FencedLeaderEpoch => Outcome::Over,
        error @ (ErrorCode::UnknownLeaderEpoch | ErrorCode::NotLeaderOrFollower) => {
            debug!(%topic, partition, %error, "the leader does not know yet, or no more, that it leads");
            Outcome::Again
        }
        error => {
            warn!(%topic, partition, %error, "the leader cannot serve a partition; it is asked again");
            Outcome::Again
        }
    }
}

fn append(
    fetcher: &mut Fetcher,
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
    let diverging = (data.diverging_epoch != EpochEndOffset::default()).then(|| storage::EpochEndOffset {
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
    let asked = position.as_asked(fetcher.source());
    let now = fetcher.broker.clock.wall();
    let replicate = || follow.hosted.lock_quietly().replicate(&asked, &answer, now);
    // A cut reads and renames files.
    let replicated = if is_cut {
        tokio::task::block_in_place(replicate)
    } else {
        replicate()
    };
    match replicated {
        Ok((replicated, wakes)) => {
            wakes.fire();
            replicated_well(fetcher, id, follow, replicated, &answer, size)
        }
        Err(error) => refused(id, follow, &error),
    }
}

fn replicated_well(
    fetcher: &mut Fetcher,
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
            fetcher.partitions.lags(id, answer.high_watermark.since(end).max(0));
            fetcher.count(follow, size);
            return if size > 0 { Outcome::Moved } else { Outcome::Same };
        }
    };
    fetcher.remove_later(follow, truncated);
    Outcome::Moved
}

fn damaged(id: PartitionId, follow: &Follow, error: &dyn std::fmt::Display) -> Outcome {
    error!(topic = %follow.topic, partition = id.index, %error, "what the leader sent is damaged; it is fetched again");
    Outcome::Again
}

/// What follows from an answer that could not be taken.
pub(super) fn refused(id: PartitionId, follow: &Follow, error: &ReplicateError) -> Outcome {
    let (topic, partition) = (&follow.topic, id.index);
    match error {
        // Whoever changed the role has assigned it anew, or will.
        ReplicateError::Stale => Outcome::Moved,
        ReplicateError::Append(AppendError::Storage(failure)) | ReplicateError::Truncate(failure) => {
            error!(%topic, partition, %error, "what the leader sent cannot be written");
            follow.hosted.dir.failed(failure);
            if follow.hosted.dir.is_offline() {
                Outcome::Over
            } else {
                Outcome::Again
            }
        }
        ReplicateError::Append(_) => {
            error!(%topic, partition, %error, "what the leader sent does not continue the log; it is fetched again");
            Outcome::Again
        }
    }
}
