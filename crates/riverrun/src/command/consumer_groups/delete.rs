//! `--delete` and `--delete-offsets`.

use super::groups::chosen;
use super::offsets::all_of;
use super::reset::partitions_in;
use crate::command::columns::{padded, widest};
use crate::command::java;
use crate::command::java_exception::{thrown, words};
use crate::command::options::Options;
use base::TopicPartition;
use client::admin::{delete_group_offsets, delete_groups as delete};
use client::{ClientError, Cluster};
use protocol::ErrorCode;

/// Deletes groups.
pub async fn delete_groups(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let groups = chosen(cluster, options).await?;
    let done = java::hash_order(delete(cluster, &groups).await, |(group, _)| group);
    let quoted = done.iter().filter(|(_, done)| done.is_ok());
    let quoted: Vec<String> = quoted.map(|(group, _)| format!("'{group}'")).collect();
    let failed: Vec<_> = done
        .iter()
        .filter_map(|(group, done)| Some((group, done.as_ref().err()?)))
        .collect();
    if failed.is_empty() {
        println!(
            "Deletion of requested consumer groups ({}) was successful.",
            quoted.join(", ")
        );
        return Ok(());
    }
    println!("\nError: Deletion of some consumer groups failed:");
    for (group, error) in failed {
        println!("* Group '{group}' could not be deleted due to: {}", thrown(error));
    }
    if !quoted.is_empty() {
        println!(
            "\nThese consumer groups were deleted successfully: {}",
            quoted.join(", ")
        );
    }
    Ok(())
}

/// Deletes committed offsets.
pub async fn delete_offsets(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let group = options.value("group")?.unwrap_or_default();
    let mut results: Vec<(TopicPartition, Result<(), ClientError>)> = Vec::new();
    let mut wanted = Vec::new();
    for topic in options.values("topic") {
        if topic.contains(':') {
            wanted.extend(partitions_in(topic)?);
            continue;
        }
        match all_of(cluster, &[topic.to_owned()]).await {
            Ok(all) => wanted.extend(all.into_iter().map(|(partition, _)| partition)),
            Err(error) => results.push((TopicPartition::new(topic, -1), Err(error))),
        }
    }
    wanted.sort();
    wanted.dedup();
    let top = match delete_group_offsets(cluster, group, &wanted).await {
        Ok(each) => {
            let first = each.iter().find_map(|(_, done)| done.as_ref().err()).cloned();
            results.extend(each);
            first
        }
        Err(error) => {
            results.extend(wanted.into_iter().map(|partition| (partition, Err(error.clone()))));
            Some(error)
        }
    };
    say(group, top.as_ref());
    print_results(results);
    Ok(())
}

fn say(group: &str, error: Option<&ClientError>) {
    let Some(error) = error else {
        println!("Request succeeded for deleting offsets from group {group}.");
        return;
    };
    match error.code().unwrap_or(ErrorCode::UnknownServerError) {
        code @ (ErrorCode::InvalidGroupId
        | ErrorCode::GroupIdNotFound
        | ErrorCode::GroupAuthorizationFailed
        | ErrorCode::NonEmptyGroup) => println!("\nError: {}", words(code)),
        ErrorCode::GroupSubscribedToTopic
        | ErrorCode::TopicAuthorizationFailed
        | ErrorCode::UnknownTopicOrPartition => {
            println!("\nError: Encountered some partition-level error, see the follow-up details.");
        }
        code => println!("\nError: Encountered some unknown error: {code}"),
    }
}

fn print_results(mut results: Vec<(TopicPartition, Result<(), ClientError>)>) {
    let columns = widest(15, results.iter().map(|(partition, _)| &*partition.topic));
    let row = |topic: &str, partition: &str, status: &str| {
        print!(
            "\n{} {} {}",
            padded(topic, columns),
            padded(partition, 10),
            padded(status, 15)
        );
    };
    row("TOPIC", "PARTITION", "STATUS");
    results.sort_by_cached_key(|(partition, _)| format!("{}{}", partition.topic, partition.partition));
    for (partition, done) in &results {
        let index = match partition.partition {
            0.. => partition.partition.to_string(),
            _ => String::from("-"),
        };
        let status = match done {
            Ok(()) => String::from("Successful"),
            Err(error) => format!("Error: {}", thrown(error)),
        };
        row(&partition.topic, &index, &status);
    }
    println!();
}
