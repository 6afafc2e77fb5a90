//! `--describe --offsets`: what is committed, and how far that is behind the end.

use super::{Detail, remark};
use crate::command::columns::{padded, widest};
use crate::command::consumer_groups::offsets::{ends, partitions_of};
use crate::command::java_exception::thrown_by_waiting;
use anyhow::anyhow;
use base::{NodeId, Offset, TopicPartition};
use client::Cluster;
use client::admin::{CommittedOffset, GroupDescription, GroupMember, list_group_offsets};
use std::collections::BTreeMap;

/// What a group has committed.
type Committed = BTreeMap<TopicPartition, CommittedOffset>;

/// One partition that a group reads or has read.
pub(super) struct Row {
    partition: TopicPartition,
    leader_epoch: Option<i32>,
    committed: Option<Offset>,
    end: Option<Offset>,
    consumer: String,
    host: String,
    client: String,
}

/// The partitions of a group: those of its members, the busiest first, then those of nobody.
pub(super) async fn lag(cluster: &Cluster, group: &GroupDescription) -> anyhow::Result<Vec<Row>> {
    let committed = list_group_offsets(cluster, &group.id).await;
    let committed = committed.map_err(|error| anyhow!(thrown_by_waiting(&error)))?;
    let committed: Committed = committed.into_iter().collect();
    let mut members: Vec<&GroupMember> = group
        .members
        .iter()
        .filter(|member| !member.assignment.is_empty())
        .collect();
    members.sort_by_key(|member| std::cmp::Reverse(member.assignment.len()));
    let mut rows = Vec::new();
    for member in &members {
        let who = [&member.id, &member.host, &member.client_id].map(String::as_str);
        rows.extend(rows_of(cluster, member.assignment.clone(), &committed, who).await?);
    }
    let assigned = |partition: &TopicPartition| members.iter().any(|member| member.assignment.contains(partition));
    let left: Vec<TopicPartition> = committed
        .keys()
        .filter(|partition| !assigned(partition))
        .cloned()
        .collect();
    rows.extend(rows_of(cluster, left, &committed, ["-"; 3]).await?);
    Ok(rows)
}

async fn rows_of(
    cluster: &Cluster,
    mut partitions: Vec<TopicPartition>,
    committed: &Committed,
    [consumer, host, client]: [&str; 3],
) -> anyhow::Result<Vec<Row>> {
    partitions.sort();
    partitions.dedup();
    let known = partitions_of(cluster, &partitions).await?;
    let led = |partition: &&TopicPartition| known.get(*partition).is_none_or(|leader| *leader != NodeId::NONE);
    let led: Vec<TopicPartition> = partitions.iter().filter(led).cloned().collect();
    let ends = ends(cluster, &led).await?;
    let row = |partition: TopicPartition| {
        let found = committed.get(&partition);
        Row {
            leader_epoch: found.and_then(|found| found.leader_epoch).map(|epoch| epoch.0),
            committed: found.map(|found| found.offset),
            end: ends.get(&partition).copied(),
            partition,
            consumer: consumer.to_owned(),
            host: host.to_owned(),
            client: client.to_owned(),
        }
    };
    Ok(partitions.into_iter().map(row).collect())
}

/// Prints the partitions.
pub(super) fn print(group: &GroupDescription, rows: &[Row], detail: Detail) -> anyhow::Result<()> {
    if !remark(group)? || rows.is_empty() {
        return Ok(());
    }
    let columns = [
        widest(15, std::iter::once(group.id.as_str())),
        widest(15, rows.iter().map(|row| &*row.partition.topic)),
        10,
        15,
        15,
        15,
        15,
        widest(15, rows.iter().map(|row| row.consumer.as_str())),
        widest(15, rows.iter().map(|row| row.host.as_str())),
    ];
    let line = |cells: [&str; 9], client: &str| {
        let mut line = String::from("\n");
        for (index, (cell, columns)) in cells.iter().zip(columns).enumerate() {
            if index != EPOCH || detail == Detail::Verbose {
                line += &padded(cell, columns);
                line.push(' ');
            }
        }
        print!("{line}{client}");
    };
    line(HEAD, "CLIENT-ID");
    for row in rows {
        let number = |number: Option<i64>| number.map_or_else(|| String::from("-"), |number| number.to_string());
        let lag = row.committed.zip(row.end).map(|(committed, end)| end.0 - committed.0);
        let cells = [
            group.id.clone(),
            row.partition.topic.to_string(),
            row.partition.partition.to_string(),
            number(row.leader_epoch.map(i64::from)),
            number(row.committed.map(|offset| offset.0)),
            number(row.end.map(|offset| offset.0)),
            number(lag),
            row.consumer.clone(),
            row.host.clone(),
        ];
        line(cells.each_ref().map(String::as_str), &row.client);
    }
    println!();
    Ok(())
}

/// Which column only the verbose table has.
const EPOCH: usize = 3;

const HEAD: [&str; 9] = [
    "GROUP",
    "TOPIC",
    "PARTITION",
    "LEADER-EPOCH",
    "CURRENT-OFFSET",
    "LOG-END-OFFSET",
    "LAG",
    "CONSUMER-ID",
    "HOST",
];
