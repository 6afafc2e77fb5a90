//! `abort` and `forceTerminateTransaction`.

use super::Failure;
use super::command_line::Values;
use super::describe::partition;
use base::{Offset, ProducerId};
use client::Cluster;
use client::admin::{self, AbortTransaction};

/// Aborts a transaction in a partition.
pub async fn abort(cluster: &Cluster, values: &Values) -> Result<(), Failure> {
    let abort = match values.number("start-offset").map(Offset) {
        Some(start) => found_at(cluster, values, start).await?,
        None => named(values)?,
    };
    let what = format!("Failed to abort transaction {abort}");
    admin::abort_transaction(cluster, &abort)
        .await
        .map_err(Failure::of(what))
}

/// The transaction that begins at `start`.
async fn found_at(cluster: &Cluster, values: &Values, start: Offset) -> Result<AbortTransaction, Failure> {
    let partition = partition(values);
    for (_, found) in admin::describe_producers(cluster, std::slice::from_ref(&partition), None).await {
        let what = format!("Failed to validate producer state for partition {partition}");
        for producer in found.map_err(Failure::of(what))? {
            let Ok(producer_epoch) = i16::try_from(producer.producer_epoch) else {
                continue;
            };
            if producer.transaction_start == Some(start) {
                return Ok(AbortTransaction {
                    partition,
                    producer_id: producer.producer_id,
                    producer_epoch,
                    coordinator_epoch: producer.coordinator_epoch.unwrap_or(0),
                });
            }
        }
    }
    Err(Failure::Plain(format!(
        "Could not find any open transactions starting at offset {start} on partition {partition}"
    )))
}

/// The transaction that the command line names in full.
fn named(values: &Values) -> Result<AbortTransaction, Failure> {
    let missing = |name: &str| Failure::Plain(format!("Missing required argument --{name}"));
    let Some(producer_id) = values.number("producer-id").map(ProducerId) else {
        return Err(Failure::Plain(String::from(
            "The transaction to abort must be identified either with --start-offset (for brokers on 3.0 or above) or \
             with --producer-id, --producer-epoch, and --coordinator-epoch (for older brokers)",
        )));
    };
    let producer_epoch = values
        .number("producer-epoch")
        .ok_or_else(|| missing("producer-epoch"))?;
    let coordinator_epoch = values.number::<i32>("coordinator-epoch");
    Ok(AbortTransaction {
        partition: partition(values),
        producer_id,
        producer_epoch,
        // Where a coordinator has never written a marker it is shown as -1; 0 is older than every one.
        coordinator_epoch: coordinator_epoch.ok_or_else(|| missing("coordinator-epoch"))?.max(0),
    })
}

/// Aborts what a transactional id is doing.
pub async fn force_terminate(cluster: &Cluster, values: &Values) -> Result<(), Failure> {
    let id = values.text("transactionalId").unwrap_or_default();
    let what = format!("Failed to force terminate transactionalId `{id}`");
    admin::fence_producer(cluster, id).await.map_err(Failure::of(what))
}
