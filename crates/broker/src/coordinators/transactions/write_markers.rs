//! Writing the markers of transactions to partitions that this broker leads.
//!
//! A partition of `__consumer_offsets` is written by its group coordinator, for which the marker makes offsets count.

use crate::Broker;
use crate::coordinators::OFFSETS_TOPIC;
use crate::partitions::Hosted;
use crate::refused::note;
use crate::replicated::{self, Pending};
use crate::waiting;
use base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use partition::RequiredAcks;
use protocol::ErrorCode;
use protocol::messages::write_txn_markers_request::WritableTxnMarker;
use protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use records::EndTxnMarker;
use records::control::TransactionOutcome;
use std::sync::Arc;
use storage::{AppendTerms, MarkerEpochRule, Origin};

/// The transaction.version from which every end of a transaction bumps the producer's epoch (KIP-890).
const BUMPING_FROM: i8 = 2;

/// Writes each marker to each of its partitions and waits until they are replicated. Answers for each marker.
pub(crate) async fn write(broker: &Broker, markers: &[WritableTxnMarker]) -> Vec<WritableTxnMarkerResult> {
    let mut results = Vec::with_capacity(markers.len());
    let mut pending = Vec::new();
    for (marker, at) in markers.iter().zip(0..) {
        results.push(append_all(broker, marker, at, &mut pending));
    }
    let timeout = broker.config.load().requests.request_timeout.as_millis();
    let timeout_ms = i32::try_from(timeout).unwrap_or(i32::MAX);
    let (places, appended): (Vec<Cell>, Vec<Pending>) = pending.into_iter().unzip();
    let outcomes = replicated::wait(broker, &appended, waiting::deadline(timeout_ms)).await;
    for (cell, outcome) in places.into_iter().zip(outcomes) {
        if let Err(error) = outcome {
            results[cell.marker].topics[cell.topic].partitions[cell.partition].error_code = error.code();
        }
    }
    results
}

/// Where in the answer a partition stands.
struct Cell {
    marker: usize,
    topic: usize,
    partition: usize,
}

fn append_all(
    broker: &Broker,
    marker: &WritableTxnMarker,
    at: usize,
    pending: &mut Vec<(Cell, Pending)>,
) -> WritableTxnMarkerResult {
    let mut result = WritableTxnMarkerResult {
        producer_id: marker.producer_id,
        ..Default::default()
    };
    for (topic, topic_at) in marker.topics.iter().zip(0..) {
        let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
        for (partition_index, partition_at) in topic.partition_indexes.iter().copied().zip(0..) {
            let error = match append(broker, marker, &topic.name, partition_index) {
                Ok(appended) => {
                    let cell = Cell {
                        marker: at,
                        topic: topic_at,
                        partition: partition_at,
                    };
                    pending.push((cell, appended));
                    ErrorCode::None
                }
                Err(error) => error,
            };
            partitions.push(WritableTxnMarkerPartitionResult {
                partition_index,
                error_code: error.code(),
            });
        }
        result.topics.push(WritableTxnMarkerTopicResult {
            name: topic.name.clone(),
            partitions,
        });
    }
    result
}

fn append(broker: &Broker, marker: &WritableTxnMarker, topic: &str, index: i32) -> Result<Pending, ErrorCode> {
    let hosted = broker.partitions.get(topic, index);
    let hosted = hosted
        .filter(|hosted| !hosted.dir().is_offline())
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let (epoch, until) = if topic == OFFSETS_TOPIC {
        append_to_groups(broker, marker, index)?
    } else {
        append_to_log(broker, marker, &hosted)?
    };
    Ok(Pending {
        hosted,
        epoch,
        flush_until: None,
        commit_until: Some(until),
    })
}

fn append_to_log(
    broker: &Broker,
    marker: &WritableTxnMarker,
    hosted: &Arc<Hosted>,
) -> Result<(LeaderEpoch, Offset), ErrorCode> {
    let now = broker.clock.wall();
    let batch = control(marker).to_batch(
        ProducerId(marker.producer_id),
        ProducerEpoch(marker.producer_epoch),
        now,
    );
    let appended = hosted.lock().append(&[batch], RequiredAcks::All, terms(marker), now);
    match appended {
        Ok((appended, wakes)) => {
            wakes.fire();
            Ok((appended.epoch, appended.info.last_offset.next()))
        }
        Err(refused) => Err(note(hosted, &refused)),
    }
}

fn append_to_groups(
    broker: &Broker,
    marker: &WritableTxnMarker,
    index: i32,
) -> Result<(LeaderEpoch, Offset), ErrorCode> {
    let shard = broker.groups.get(index).ok_or(ErrorCode::NotLeaderOrFollower)?;
    let (producer, epoch) = (ProducerId(marker.producer_id), ProducerEpoch(marker.producer_epoch));
    let ended = shard.end_transaction(producer, epoch, control(marker), terms(marker));
    let ended = ended.map(|until| (shard.epoch, until));
    ended.map_err(|error| match error {
        // The transaction coordinator knows only of partitions: it is to come again.
        ErrorCode::CoordinatorLoadInProgress | ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
            ErrorCode::NotLeaderOrFollower
        }
        error => error,
    })
}

fn control(marker: &WritableTxnMarker) -> EndTxnMarker {
    EndTxnMarker {
        outcome: if marker.transaction_result {
            TransactionOutcome::Commit
        } else {
            TransactionOutcome::Abort
        },
        coordinator_epoch: marker.coordinator_epoch,
    }
}

fn terms(marker: &WritableTxnMarker) -> AppendTerms {
    AppendTerms {
        marker_epochs: if marker.transaction_version >= BUMPING_FROM {
            MarkerEpochRule::AboveCurrent
        } else {
            MarkerEpochRule::AtLeastCurrent
        },
        ..AppendTerms::from(Origin::Coordinator)
    }
}
