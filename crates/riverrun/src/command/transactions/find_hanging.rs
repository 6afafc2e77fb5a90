//! `find-hanging`: open transactions in partitions that no coordinator knows of any more.

use super::Failure;
use super::command_line::Values;
use super::describe::now;
use crate::command::java::{long_hash_order, partition_hash_order};
use crate::command::table;
use crate::command::topic_filter::is_internal;
use base::{NodeId, ProducerId, TopicPartition};
use client::admin::{self, ProducerState, TransactionFilter};
use client::{ClientError, Cluster, TopicMetadata, Topics};
use protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many topics or partitions are asked about at once.
const BATCH: usize = 500;
/// How old a transaction must be if the command line does not say, in minutes.
const OLD: i32 = 15;

/// A transaction that a partition believes to be open.
struct Open {
    partition: TopicPartition,
    producer: ProducerState,
}

/// Finds hanging transactions.
pub async fn find_hanging(cluster: &Cluster, values: &Values) -> Result<(), Failure> {
    let broker = values.number("broker-id").map(NodeId);
    let plain = |text: &str| Err(Failure::Plain(text.to_owned()));
    if values.text("topic").is_none() {
        if broker.is_none() {
            return plain(
                "The `find-hanging` command requires either --topic or --broker-id to limit the scope of the search",
            );
        }
        if values.number::<i32>("partition").is_some() {
            return plain("The --partition argument requires --topic to be provided");
        }
    }
    let minutes = values.number("max-transaction-timeout").unwrap_or(OLD);
    let partitions = partitions(cluster, values, broker).await?;
    let open = old_transactions(cluster, broker, i64::from(minutes) * 60_000, &partitions).await?;
    let hanging = if open.is_empty() {
        open
    } else {
        forgotten(cluster, open).await?
    };
    print(&hanging);
    Ok(())
}

/// Where to look.
async fn partitions(
    cluster: &Cluster,
    values: &Values,
    broker: Option<NodeId>,
) -> Result<Vec<TopicPartition>, Failure> {
    let topics = match values.text("topic") {
        Some(topic) => {
            if let Some(partition) = values.number("partition") {
                return Ok(vec![TopicPartition::new(topic, partition)]);
            }
            vec![topic.to_owned()]
        }
        None => {
            let all = admin::list_topics(cluster)
                .await
                .map_err(Failure::of("Failed to list topics"))?;
            let own = all.iter().filter(|topic| !is_internal(&topic.name));
            own.map(|topic| topic.name.clone()).collect()
        }
    };
    let mut found = Vec::new();
    for batch in topics.chunks(BATCH) {
        let what = || format!("Failed to describe {} topics", batch.len());
        for topic in cluster
            .metadata(Topics::Named(batch))
            .await
            .map_err(Failure::of(what()))?
        {
            ClientError::check(topic.error.code(), None).map_err(Failure::of(what()))?;
            found.extend(on(&topic, broker));
        }
    }
    Ok(found)
}

/// The partitions of a topic that have a replica on the broker, if one was named.
fn on(topic: &TopicMetadata, broker: Option<NodeId>) -> Vec<TopicPartition> {
    let name: Arc<str> = topic.name.as_str().into();
    let there = topic
        .partitions
        .iter()
        .filter(|partition| broker.is_none_or(|broker| partition.replicas.contains(&broker)));
    there
        .map(|partition| TopicPartition::new(Arc::clone(&name), partition.index))
        .collect()
}

/// The open transactions that are older than `age` milliseconds.
async fn old_transactions(
    cluster: &Cluster,
    broker: Option<NodeId>,
    age: i64,
    partitions: &[TopicPartition],
) -> Result<Vec<Open>, Failure> {
    let mut open = Vec::new();
    for batch in partitions.chunks(BATCH) {
        let asked = broker.map_or_else(
            || String::from("Optional.empty"),
            |broker| format!("Optional[{broker}]"),
        );
        let found = admin::describe_producers(cluster, batch, broker).await;
        for (partition, producers) in partition_hash_order(found) {
            let what = format!(
                "Failed to describe producers for {} partitions on broker {asked}",
                batch.len()
            );
            let old = producers
                .map_err(Failure::of(what))?
                .into_iter()
                .filter(|producer| producer.transaction_start.is_some() && now() - producer.last_timestamp.0 > age);
            open.extend(old.map(|producer| Open {
                partition: partition.clone(),
                producer,
            }));
        }
    }
    Ok(open)
}

/// Those whose coordinator does not have their partition among the ones it will write a marker to.
async fn forgotten(cluster: &Cluster, open: Vec<Open>) -> Result<Vec<Open>, Failure> {
    let producers: BTreeSet<ProducerId> = open.iter().map(|open| open.producer.producer_id).collect();
    let known = transactional_ids(cluster, &producers).await?;
    let mut expected: BTreeMap<ProducerId, Vec<TopicPartition>> = BTreeMap::new();
    for (producer, id) in &known {
        match admin::describe_transaction(cluster, id).await {
            Ok(description) => {
                expected.insert(*producer, description.partitions);
            }
            Err(error) if error.code() == Some(ErrorCode::TransactionalIdNotFound) => {}
            Err(error) => {
                return Err(Failure::Of(
                    format!("Failed to describe {} transactions", known.len()),
                    error,
                ));
            }
        }
    }
    let hangs = |open: &Open| {
        let awaited = expected.get(&open.producer.producer_id);
        !awaited.is_some_and(|partitions| partitions.contains(&open.partition))
    };
    let hanging = open.into_iter().filter(hangs).collect();
    Ok(long_hash_order(hanging, |open: &Open| open.producer.producer_id.0))
}

async fn transactional_ids(
    cluster: &Cluster,
    producers: &BTreeSet<ProducerId>,
) -> Result<BTreeMap<ProducerId, String>, Failure> {
    let filter = TransactionFilter {
        producer_ids: producers.iter().copied().collect(),
        ..TransactionFilter::default()
    };
    let what = || format!("Failed to list transactions for {} producers", producers.len());
    let listed = admin::list_transactions(cluster, &filter)
        .await
        .map_err(Failure::of(what()))?;
    let mut ids = BTreeMap::new();
    for (_, listings) in listed {
        for listing in listings.map_err(Failure::of(what()))? {
            if producers.contains(&listing.producer_id) {
                ids.insert(listing.producer_id, listing.transactional_id);
            }
        }
    }
    Ok(ids)
}

fn print(hanging: &[Open]) {
    let row = |open: &Open| {
        let producer = &open.producer;
        [
            open.partition.topic.to_string(),
            open.partition.partition.to_string(),
            producer.producer_id.to_string(),
            producer.producer_epoch.to_string(),
            producer.coordinator_epoch.unwrap_or(-1).to_string(),
            producer.transaction_start.map_or(-1, |start| start.0).to_string(),
            producer.last_timestamp.0.to_string(),
            ((now() - producer.last_timestamp.0) / 60_000).to_string(),
        ]
    };
    let rows: Vec<_> = hanging.iter().map(row).collect();
    let head = [
        "Topic",
        "Partition",
        "ProducerId",
        "ProducerEpoch",
        "CoordinatorEpoch",
        "StartOffset",
        "LastTimestamp",
        "Duration(min)",
    ];
    table::print(head, &rows);
}
