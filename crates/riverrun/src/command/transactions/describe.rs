//! `describe` and `describe-producers`.

use super::Failure;
use super::command_line::Values;
use crate::command::java::partition_hash_order;
use crate::command::table;
use base::{NodeId, TopicPartition};
use client::Cluster;
use client::admin;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

/// The partition on the command line.
pub fn partition(values: &Values) -> TopicPartition {
    let topic = values.text("topic").unwrap_or_default();
    TopicPartition::new(topic, values.number("partition").unwrap_or_default())
}

/// Describes a transactional id.
pub async fn transaction(cluster: &Cluster, values: &Values) -> Result<(), Failure> {
    let id = values.text("transactional-id").unwrap_or_default();
    let what = format!("Failed to describe transaction state of transactional-id `{id}`");
    let found = admin::describe_transaction(cluster, id)
        .await
        .map_err(Failure::of(what))?;
    let none = || String::from("None");
    let partitions = found.partitions.into_iter().map(|partition| (partition, ())).collect();
    let partitions = partition_hash_order(partitions).into_iter();
    let partitions: Vec<String> = partitions.map(|(partition, ())| partition.to_string()).collect();
    let row = [
        found.coordinator.to_string(),
        id.to_owned(),
        found.producer_id.to_string(),
        found.producer_epoch.to_string(),
        found.state,
        found.timeout_ms.to_string(),
        found.started.map_or_else(none, |started| started.0.to_string()),
        found
            .started
            .map_or_else(none, |started| (now() - started.0).to_string()),
        partitions.join(","),
    ];
    let head = [
        "CoordinatorId",
        "TransactionalId",
        "ProducerId",
        "ProducerEpoch",
        "TransactionState",
        "TransactionTimeoutMs",
        "CurrentTransactionStartTimeMs",
        "TransactionDurationMs",
        "TopicPartitions",
    ];
    table::print(head, &[row]);
    Ok(())
}

/// Describes the producers of a partition.
pub async fn producers(cluster: &Cluster, values: &Values) -> Result<(), Failure> {
    let partition = partition(values);
    let broker = values.number("broker-id").map(NodeId);
    let asked = broker.map_or_else(|| String::from("leader"), |broker| format!("broker {broker}"));
    let mut rows = Vec::new();
    for (_, found) in admin::describe_producers(cluster, std::slice::from_ref(&partition), broker).await {
        let what = format!("Failed to describe producers for partition {partition} on {asked}");
        for producer in found.map_err(Failure::of(what))? {
            rows.push([
                producer.producer_id.to_string(),
                producer.producer_epoch.to_string(),
                producer.coordinator_epoch.unwrap_or(-1).to_string(),
                producer.last_sequence.to_string(),
                producer.last_timestamp.0.to_string(),
                producer
                    .transaction_start
                    .map_or_else(|| String::from("None"), |start| start.to_string()),
            ]);
        }
    }
    let head = [
        "ProducerId",
        "ProducerEpoch",
        "LatestCoordinatorEpoch",
        "LastSequence",
        "LastTimestamp",
        "CurrentTransactionStartOffset",
    ];
    table::print(head, &rows);
    Ok(())
}
