//! `--reset-offsets`.

use super::groups::chosen;
use super::offsets::{all_of, ends, found, partitions_of};
use super::plan_file::NewOffsets;
use super::{date_time, duration, plan_file};
use crate::command::columns::{padded, widest};
use crate::command::java::{hash_order, partition_hash_order};
use crate::command::java_exception::{message, thrown_by_waiting};
use crate::command::options::{Options, Refusal};
use anyhow::{anyhow, bail};
use base::{NodeId, Offset, Timestamp, TopicPartition};
use client::Cluster;
use client::admin::{self, OffsetSpec};
use protocol::ErrorCode;
use std::collections::BTreeMap;

/// Resets the offsets of groups without members, or shows what they would be.
pub async fn reset_offsets(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let scenario = Scenario::read(options)?;
    let mut each = Vec::new();
    for group in hash_order(chosen(cluster, options).await?, String::as_str) {
        let state = match admin::describe_consumer_group(cluster, &group).await {
            Ok(description) => description.state,
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => String::from("Dead"),
            Err(error) => bail!(thrown_by_waiting(&error)),
        };
        let offsets = match state.as_str() {
            "Empty" | "Dead" => reset_group(cluster, options, &scenario, &group).await?,
            state => {
                println!(
                    "\nError: Assignments can only be reset if the group '{group}' is inactive, but the current state \
                     is {state}."
                );
                Vec::new()
            }
        };
        each.push((group, offsets));
    }
    if options.has("export") {
        println!("{}", plan_file::write(&each, options.values("group").count() == 1));
    } else {
        print(&each);
    }
    Ok(())
}

fn print(each: &[(String, NewOffsets)]) {
    let groups = widest(15, each.iter().map(|(group, _)| group.as_str()));
    let all = each.iter().flat_map(|(_, offsets)| offsets);
    let topics = widest(15, all.map(|(partition, _)| &*partition.topic));
    let row = |group: &str, topic: &str, partition: &str, offset: &str| {
        let cells = [padded(group, groups), padded(topic, topics), padded(partition, 10)];
        print!("\n{} {offset}", cells.join(" "));
    };
    if !each.is_empty() {
        row("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
    }
    for (group, offsets) in each {
        for (partition, offset) in offsets {
            row(
                group,
                &partition.topic,
                &partition.partition.to_string(),
                &offset.to_string(),
            );
        }
    }
    println!();
}

/// How new offsets are chosen.
enum Scenario {
    ToOffset(i64),
    ToEarliest,
    ToLatest,
    ShiftBy(i64),
    ToTime(String),
    ByDuration(String),
    FromFile(String),
    ToCurrent,
    None,
}

impl Scenario {
    fn read(options: &Options) -> Result<Self, Refusal> {
        let text = |name: &str| options.values(name).next().map(str::to_owned);
        // Of several the first one counts, but all must be numbers.
        let number = |name: &str| {
            let mut numbers = options.values(name).map(|value| {
                value
                    .parse::<i64>()
                    .map_err(|_| Refusal::Plain(format!("Cannot parse argument '{value}' of option {name}")))
            });
            let first = numbers.next().transpose()?;
            numbers.try_for_each(|number| number.map(drop))?;
            Ok::<_, Refusal>(first)
        };
        Ok(if let Some(offset) = number("to-offset")? {
            Self::ToOffset(offset)
        } else if options.has("to-earliest") {
            Self::ToEarliest
        } else if options.has("to-latest") {
            Self::ToLatest
        } else if let Some(by) = options.number("shift-by")? {
            Self::ShiftBy(by)
        } else if let Some(time) = text("to-datetime") {
            Self::ToTime(time)
        } else if let Some(duration) = options.value("by-duration")? {
            Self::ByDuration(duration.to_owned())
        } else if let Some(path) = text("from-file") {
            Self::FromFile(path)
        } else if options.has("to-current") {
            Self::ToCurrent
        } else {
            Self::None
        })
    }
}

async fn reset_group(
    cluster: &Cluster,
    options: &Options,
    scenario: &Scenario,
    group: &str,
) -> anyhow::Result<NewOffsets> {
    let partitions = partitions_to_reset(cluster, options, scenario, group).await?;
    check_partitions(cluster, &partitions).await?;
    let offsets = new_offsets(cluster, options, scenario, group, partitions).await?;
    let offsets = partition_hash_order(offsets);
    if options.has("execute") {
        let altered = admin::alter_group_offsets(cluster, group, &offsets).await;
        let altered = altered.map_err(|error| anyhow!(message(&error)))?;
        let failed: Vec<_> = altered
            .iter()
            .filter_map(|(partition, done)| Some((partition, done.as_ref().err()?)))
            .collect();
        if !failed.is_empty() {
            let names: Vec<String> = failed.iter().map(|(partition, _)| partition.to_string()).collect();
            bail!(
                "Failed altering group offsets for the following partitions: [{}]",
                names.join(", ")
            );
        }
    }
    Ok(offsets)
}

async fn partitions_to_reset(
    cluster: &Cluster,
    options: &Options,
    scenario: &Scenario,
    group: &str,
) -> anyhow::Result<Vec<TopicPartition>> {
    if options.has("all-topics") {
        let committed = committed(cluster, group).await?;
        return Ok(committed.into_keys().collect());
    }
    if options.has("topic") {
        return partitions_of_topics(cluster, options).await;
    }
    if let Scenario::FromFile(_) = scenario {
        return Ok(Vec::new());
    }
    let refusal = "One of the reset scopes should be defined: --all-topics, --topic.";
    Err(Refusal::WithHelp(refusal.to_owned()).into())
}

async fn partitions_of_topics(cluster: &Cluster, options: &Options) -> anyhow::Result<Vec<TopicPartition>> {
    let mut wanted = Vec::new();
    let mut topics: Vec<String> = Vec::new();
    for topic in options.values("topic") {
        if topic.contains(':') {
            wanted.extend(partitions_in(topic)?);
        } else if !topics.iter().any(|known| known == topic) {
            topics.push(topic.to_owned());
        }
    }
    let topics = hash_order(topics, String::as_str);
    let all = all_of(cluster, &topics)
        .await
        .map_err(|error| anyhow!(message(&error)))?;
    wanted.extend(all.into_iter().map(|(partition, _)| partition));
    let mut seen = std::collections::BTreeSet::new();
    if let Some(twice) = wanted.iter().find(|partition| !seen.insert(*partition)) {
        bail!("Duplicate key {twice}");
    }
    Ok(wanted)
}

/// The partitions that `topic:0,1` names.
pub fn partitions_in(argument: &str) -> Result<Vec<TopicPartition>, Refusal> {
    let refused = |message: String| Refusal::WithHelp(message);
    let parts: Vec<&str> = argument.trim_end_matches(':').split(':').collect();
    let [topic, partitions] = parts[..] else {
        return Err(refused(format!(
            "Invalid topic arg '{argument}', expected topic name and partitions"
        )));
    };
    let partition = |text: &str| match text.parse() {
        Ok(index) => Ok(TopicPartition::new(topic, index)),
        Err(_) => Err(refused(format!(
            "Invalid partition '{text}' specified in topic arg '{argument}''"
        ))),
    };
    partitions.trim_end_matches(',').split(',').map(partition).collect()
}

async fn check_partitions(cluster: &Cluster, partitions: &[TopicPartition]) -> anyhow::Result<()> {
    let known = partitions_of(cluster, partitions).await?;
    let list = |chosen: Vec<&TopicPartition>| {
        let names: Vec<String> = chosen.into_iter().map(ToString::to_string).collect();
        names.join(",")
    };
    let missing: Vec<_> = partitions
        .iter()
        .filter(|partition| !known.contains_key(*partition))
        .collect();
    if !missing.is_empty() {
        bail!("The partitions \"{}\" do not exist", list(missing));
    }
    let leaderless = partitions
        .iter()
        .filter(|partition| known.get(*partition) == Some(&NodeId::NONE));
    let leaderless: Vec<_> = leaderless.collect();
    if !leaderless.is_empty() {
        bail!("The partitions \"{}\" have no leader", list(leaderless));
    }
    Ok(())
}

async fn new_offsets(
    cluster: &Cluster,
    options: &Options,
    scenario: &Scenario,
    group: &str,
    partitions: Vec<TopicPartition>,
) -> anyhow::Result<NewOffsets> {
    match scenario {
        Scenario::ToOffset(offset) => {
            let asked = partitions.into_iter().map(|partition| (partition, Offset(*offset)));
            in_range(cluster, asked.collect()).await
        }
        Scenario::ToEarliest => all(found(cluster, &partitions, OffsetSpec::Earliest).await?, partitions),
        Scenario::ToLatest => all(ends(cluster, &partitions).await?, partitions),
        Scenario::ShiftBy(by) => {
            let committed = committed(cluster, group).await?;
            let mut asked = Vec::new();
            for partition in partitions {
                let Some(offset) = committed.get(&partition) else {
                    let refusal = format!(
                        "Cannot shift offset for partition {partition} since there is no current committed offset"
                    );
                    return Err(Refusal::WithHelp(refusal).into());
                };
                asked.push((partition, Offset(offset.0.wrapping_add(*by))));
            }
            in_range(cluster, asked).await
        }
        Scenario::ToTime(text) => by_time(cluster, date_time::parse(text)?, partitions).await,
        Scenario::ByDuration(text) => by_time(cluster, ago(duration::parse_millis(text)?), partitions).await,
        Scenario::FromFile(path) => from_file(cluster, options, path, group).await,
        Scenario::ToCurrent => to_current(cluster, group, partitions).await,
        Scenario::None => {
            let refusal = "Option '[reset-offsets]' requires one of the following scenarios: [[to-offset], \
                           [to-datetime], [by-duration], [to-earliest], [to-latest], [to-current], [shift-by], \
                           [from-file]]";
            Err(Refusal::WithHelp(refusal.to_owned()).into())
        }
    }
}

fn all(found: BTreeMap<TopicPartition, Offset>, partitions: Vec<TopicPartition>) -> anyhow::Result<NewOffsets> {
    let offset = |partition: TopicPartition| match found.get(&partition) {
        Some(offset) => Ok((partition, *offset)),
        None => Err(anyhow!("Error getting ending offset of topic partition: {partition}")),
    };
    partitions.into_iter().map(offset).collect()
}

/// What the group has committed.
async fn committed(cluster: &Cluster, group: &str) -> anyhow::Result<BTreeMap<TopicPartition, Offset>> {
    let found = admin::list_group_offsets(cluster, group).await;
    let found = found.map_err(|error| anyhow!(thrown_by_waiting(&error)))?;
    Ok(found
        .into_iter()
        .map(|(partition, found)| (partition, found.offset))
        .collect())
}

/// Moves offsets that a partition does not have to its start or end, and warns of it.
async fn in_range(cluster: &Cluster, asked: NewOffsets) -> anyhow::Result<NewOffsets> {
    let partitions: Vec<TopicPartition> = asked.iter().map(|(partition, _)| partition.clone()).collect();
    let starts = found(cluster, &partitions, OffsetSpec::Earliest).await?;
    let ends = ends(cluster, &partitions).await?;
    let within = |(partition, offset): (TopicPartition, Offset)| {
        let (Some(start), Some(end)) = (starts.get(&partition), ends.get(&partition)) else {
            bail!("Unexpected non-existing offset value for topic partition {partition}");
        };
        let (what, limit) = match offset {
            offset if offset > *end => ("higher than latest", *end),
            offset if offset < *start => ("lower than earliest", *start),
            offset => return Ok((partition, offset)),
        };
        eprintln!(
            "WARN New offset ({offset}) is {what} offset for topic partition {partition}. Value will be set to {limit}"
        );
        Ok((partition, limit))
    };
    asked.into_iter().map(within).collect()
}

fn ago(millis: i64) -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    Timestamp(now.saturating_sub(millis))
}

async fn by_time(cluster: &Cluster, time: Timestamp, partitions: Vec<TopicPartition>) -> anyhow::Result<NewOffsets> {
    let mut at = found(cluster, &partitions, OffsetSpec::At(time)).await?;
    let none = |partition: &TopicPartition, at: &BTreeMap<_, Offset>| at.get(partition) == Some(&Offset::NONE);
    let young: NewOffsets = partitions
        .iter()
        .filter(|partition| none(partition, &at))
        .map(|partition| (partition.clone(), Offset::NONE))
        .collect();
    let young: Vec<TopicPartition> = partition_hash_order(young)
        .into_iter()
        .map(|(partition, _)| partition)
        .collect();
    for partition in &young {
        println!(
            "\nWarn: Partition {} from topic {} is empty. Falling back to latest known offset.",
            partition.partition, partition.topic
        );
    }
    at.extend(ends(cluster, &young).await?);
    all(at, partitions)
}

async fn from_file(cluster: &Cluster, options: &Options, path: &str, group: &str) -> anyhow::Result<NewOffsets> {
    let groups: Vec<&str> = options.values("group").collect();
    let mut plan = plan_file::read(path, &groups)?;
    match plan.remove(group) {
        Some(offsets) => in_range(cluster, offsets.into_iter().collect()).await,
        None => {
            println!("\nError: No reset plan for group {group} found");
            Ok(Vec::new())
        }
    }
}

async fn to_current(cluster: &Cluster, group: &str, partitions: Vec<TopicPartition>) -> anyhow::Result<NewOffsets> {
    let mut known = committed(cluster, group).await?;
    let unknown = partitions.iter().filter(|partition| !known.contains_key(*partition));
    let unknown: Vec<TopicPartition> = unknown.cloned().collect();
    known.extend(ends(cluster, &unknown).await?);
    all(known, partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_named_after_a_colon() {
        let names =
            |argument| partitions_in(argument).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(names("t:0,12"), Ok(vec![String::from("t-0"), String::from("t-12")]));
        let refused = |argument| names(argument).unwrap_err().to_string();
        assert_eq!(refused("t:x"), "Invalid partition 'x' specified in topic arg 't:x''");
        assert_eq!(
            refused("t:0:1"),
            "Invalid topic arg 't:0:1', expected topic name and partitions"
        );
        assert_eq!(
            refused("t:"),
            "Invalid topic arg 't:', expected topic name and partitions"
        );
    }
}
