//! WriteTxnMarkers (key 27): a transaction coordinator has partitions that this broker leads told how transactions ended.
//!
//! Errors, per partition: UNKNOWN_TOPIC_OR_PARTITION (not hosted here), NOT_LEADER_OR_FOLLOWER (also: the group coordinator
//! of a partition of `__consumer_offsets` is not ready), NOT_ENOUGH_REPLICAS, INVALID_PRODUCER_EPOCH,
//! TRANSACTION_COORDINATOR_FENCED, KAFKA_STORAGE_ERROR, REQUEST_TIMED_OUT. From version 2 a marker says by which
//! transaction.version it was decided, and with that which epochs it may carry (KAFKA-19999). Results are by producer id.

use crate::Broker;
use crate::coordinators::transactions::write_markers::write;
use network::RequestContext;
use protocol::messages::write_txn_markers_request::WriteTxnMarkersRequest;
use protocol::messages::write_txn_markers_response::{WritableTxnMarkerResult, WriteTxnMarkersResponse};
use std::sync::Arc;

/// Writes them all.
pub async fn handle(
    broker: &Arc<Broker>,
    _context: &RequestContext,
    request: WriteTxnMarkersRequest,
) -> WriteTxnMarkersResponse {
    let mut markers: Vec<WritableTxnMarkerResult> = Vec::with_capacity(request.markers.len());
    // Of a marker for no partition nothing is said, as in Kafka.
    for written in write(broker, &request.markers).await.into_iter().filter(|written| !written.topics.is_empty()) {
        match markers.iter_mut().find(|known| known.producer_id == written.producer_id) {
            Some(known) => merge(known, written),
            None => markers.push(written),
        }
    }
    WriteTxnMarkersResponse { markers }
}

fn merge(known: &mut WritableTxnMarkerResult, more: WritableTxnMarkerResult) {
    for topic in more.topics {
        let Some(same) = known.topics.iter_mut().find(|known| known.name == topic.name) else {
            known.topics.push(topic);
            continue;
        };
        for partition in topic.partitions {
            let mut partitions = same.partitions.iter_mut();
            match partitions.find(|known| known.partition_index == partition.partition_index) {
                Some(known) => *known = partition,
                None => same.partitions.push(partition),
            }
        }
    }
}
