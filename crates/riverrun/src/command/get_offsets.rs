//! `riverrun get-offsets`, Kafka's `kafka-get-offsets`: ends of partitions, and offsets by time.

use super::Invocation;
use super::connection::{admin_cluster, block_on, bootstrap};
use super::options::{BadFlags, Options, Refusal, Syntax, switch, valued};
use super::topic_filter::{TopicFilter, is_internal};
use anyhow::bail;
use base::{Offset, Timestamp, TopicPartition};
use client::admin::{self, IsolationLevel, OffsetSpec};
use client::{Address, Cluster};
use std::process::ExitCode;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "An interactive shell for getting topic-partition offsets.",
    flags: &[
        valued(
            "bootstrap-server",
            "HOST1:PORT1,...,HOST3:PORT3",
            "The brokers to ask first.",
        ),
        valued("command-config", "config file", "Client properties for the connection."),
        switch("exclude-internal-topics", "Leave Kafka's own topics out."),
        valued(
            "partitions",
            "partition ids",
            "Only these partitions, separated by commas.",
        ),
        valued(
            "time",
            "<timestamp> / -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or \
             latest-tiered / -6 or earliest-pending-upload",
            "Which offset of each partition (latest); by time, the first record that is at least this young.",
        ),
        valued("topic", "topic", "Only topics that match this regular expression."),
        valued(
            "topic-partitions",
            "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3",
            "Only these: regular expressions, each with a partition, a range (its end left out), or neither.",
        ),
    ],
};

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    // Kafka's script says of every error that it occurred.
    if let Err(refusal) = SYNTAX.read(call.args.clone()) {
        return Ok(failed(&refusal.into()));
    }
    SYNTAX.run(call, |options, form| {
        let addresses = bootstrap(options, form)?;
        let Some(addresses) = addresses else {
            return Err(options
                .require(&["bootstrap-server"])
                .expect_err("it is not given")
                .into());
        };
        if let Some(wrong) = addresses.split(',').find(|address| address.parse::<Address>().is_err()) {
            let message = format!("Please provide valid host:port like host1:9091,host2:9092\n : {wrong}");
            return Err(Refusal::WithHelp(message).into());
        }
        let done = block_on(&format!("waiting for {addresses}"), print_offsets(options, &addresses))?;
        Ok(done.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS))
    })
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("Error occurred: {error:#}");
    ExitCode::FAILURE
}

async fn print_offsets(options: &Options, addresses: &str) -> anyhow::Result<()> {
    if options.has("topic-partitions") && (options.has("topic") || options.has("partitions")) {
        bail!("--topic-partitions cannot be used with --topic or --partitions");
    }
    let spec = offset_spec(options.value("time")?.unwrap_or("latest"))?;
    let rules = match options.value("topic-partitions")? {
        Some(list) => list.split(',').map(rule).collect::<anyhow::Result<Vec<_>>>()?,
        None => vec![Rule {
            topics: TopicFilter::new(options.value("topic")?.unwrap_or(".*"))?,
            partitions: partition_ids(options.value("partitions")?.unwrap_or_default())?,
        }],
    };
    let cluster = admin_cluster(options, addresses, "GetOffsetShell")?;
    let wanted = wanted(&cluster, &rules, options.has("exclude-internal-topics")).await?;
    if wanted.is_empty() {
        bail!("Could not match any topic-partitions with the specified filters");
    }
    let asked: Vec<_> = wanted.into_iter().map(|partition| (partition, spec)).collect();
    let mut found = admin::list_offsets(&cluster, &asked, IsolationLevel::ReadUncommitted).await?;
    found.sort_by_cached_key(|(partition, _)| partition.to_string());
    for (partition, offset) in found {
        match offset {
            Ok(found) if found.offset == Offset::NONE => {}
            Ok(found) => println!("{}:{}:{}", partition.topic, partition.partition, found.offset),
            Err(error) => eprintln!("Skip getting offsets for topic-partition {partition} due to error: {error}"),
        }
    }
    Ok(())
}

async fn wanted(cluster: &Cluster, rules: &[Rule], without_internal: bool) -> anyhow::Result<Vec<TopicPartition>> {
    let mut wanted = Vec::new();
    for topic in admin::list_topics(cluster).await? {
        if without_internal && is_internal(&topic.name) {
            continue;
        }
        for partition in &topic.partitions {
            if rules.iter().any(|rule| rule.allows(&topic.name, partition.index)) {
                wanted.push(TopicPartition::new(topic.name.as_str(), partition.index));
            }
        }
    }
    Ok(wanted)
}

/// Topics by regular expression, and partitions.
#[derive(Debug)]
struct Rule {
    topics: TopicFilter,
    partitions: Partitions,
}

#[derive(Debug, PartialEq, Eq)]
enum Partitions {
    All,
    These(Vec<i32>),
    Range(i32, i32),
}

impl Rule {
    fn allows(&self, topic: &str, partition: i32) -> bool {
        let partition_allowed = match &self.partitions {
            Partitions::All => true,
            Partitions::These(these) => these.contains(&partition),
            Partitions::Range(from, to) => (*from..*to).contains(&partition),
        };
        partition_allowed && self.topics.allows(topic)
    }
}

/// Reads `topic`, `topic:1`, `topic:0-3`, `topic:5-`, `topic:-3`, where the topic may be left out.
fn rule(text: &str) -> anyhow::Result<Rule> {
    let (topic, partitions) = text.split_once(':').unwrap_or((text, ""));
    let refused = || anyhow::anyhow!("Invalid rule specification: {text}");
    let number = |digits: &str, otherwise: i32| match digits {
        "" => Ok(otherwise),
        digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse().map_err(|_| refused()),
        _ => Err(refused()),
    };
    let partitions = match partitions.split_once('-') {
        Some((from, to)) => Partitions::Range(number(from, 0)?, number(to, i32::MAX)?),
        None if partitions.is_empty() => Partitions::All,
        None => Partitions::These(vec![number(partitions, 0)?]),
    };
    Ok(Rule {
        topics: TopicFilter::new(if topic.is_empty() { ".*" } else { topic })?,
        partitions,
    })
}

fn partition_ids(list: &str) -> anyhow::Result<Partitions> {
    if list.is_empty() {
        return Ok(Partitions::All);
    }
    let ids = list.split(',').map(str::parse).collect::<Result<Vec<_>, _>>();
    let ids = ids.map_err(|_| {
        anyhow::anyhow!("--partitions expects a comma separated list of numeric partition ids, but received: {list}")
    });
    Ok(Partitions::These(ids?))
}

fn offset_spec(text: &str) -> anyhow::Result<OffsetSpec> {
    Ok(match text {
        "latest" | "-1" => OffsetSpec::Latest,
        "earliest" | "-2" => OffsetSpec::Earliest,
        "max-timestamp" | "-3" => OffsetSpec::MaxTimestamp,
        "earliest-local" | "-4" => OffsetSpec::EarliestLocal,
        "latest-tiered" | "-5" => OffsetSpec::LatestTiered,
        "earliest-pending-upload" | "-6" => OffsetSpec::EarliestPendingUpload,
        text => match text.parse() {
            Ok(millis) => OffsetSpec::At(Timestamp(millis)),
            Err(_) => bail!(
                "Malformed time argument {text}. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 \
                 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format \
                 timestamp"
            ),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_choose_partitions() {
        let allows = |text: &str, topic: &str, partition| rule(text).unwrap().allows(topic, partition);
        assert!(allows("t:1", "t", 1) && !allows("t:1", "t", 2) && !allows("t:1", "u", 1));
        assert!(allows("t.*:1-3", "tt", 2) && !allows("t.*:1-3", "tt", 3));
        assert!(allows(":2-", "any", 2) && !allows(":2-", "any", 1));
        assert!(allows("t:-3", "t", 2) && !allows("t:-3", "t", 3));
        assert!(allows("t", "t", 9) && allows("t:", "t", 9));
        assert_eq!(rule("t:x").unwrap_err().to_string(), "Invalid rule specification: t:x");
    }

    #[test]
    fn times_have_names_and_numbers() {
        assert_eq!(offset_spec("-4").unwrap(), OffsetSpec::EarliestLocal);
        assert_eq!(
            offset_spec("1700000000000").unwrap(),
            OffsetSpec::At(Timestamp(1_700_000_000_000))
        );
        assert!(
            offset_spec("soon")
                .unwrap_err()
                .to_string()
                .starts_with("Malformed time argument soon. ")
        );
    }
}
