//! The topic that `--create` describes.

use crate::command::options::Options;
use anyhow::{Context, bail};
use base::NodeId;
use client::admin::{NewTopic, Placement};

/// Reads `--topic`, `--partitions`, `--replication-factor`, `--replica-assignment` and `--config`.
pub fn new_topic(options: &Options) -> anyhow::Result<NewTopic> {
    let name = options.value("topic")?.unwrap_or_default().to_owned();
    let partitions = options.number::<i32>("partitions")?;
    let replication_factor = options.number::<i32>("replication-factor")?;
    let given = match options.value("replica-assignment")? {
        Some(text) if !text.is_empty() => Some(placement(text)?),
        _ => None,
    };
    let configs = configs(options)?;
    let replication_factor = match replication_factor {
        None => None,
        Some(factor) => match i16::try_from(factor) {
            Ok(factor) if factor >= 1 => Some(factor),
            _ => bail!("The replication factor must be between 1 and {} inclusive", i16::MAX),
        },
    };
    if partitions.is_some_and(|partitions| partitions < 1) {
        bail!("The partitions must be greater than 0");
    }
    let placement = match given {
        Some(given) => Placement::Given(given),
        None => Placement::Counts {
            partitions,
            replication_factor,
        },
    };
    Ok(NewTopic {
        name,
        placement,
        configs,
    })
}

/// Reads the brokers of each partition: `1:2,2:3`.
pub fn placement(text: &str) -> anyhow::Result<Vec<Vec<NodeId>>> {
    let mut placement: Vec<Vec<NodeId>> = Vec::new();
    for (index, partition) in text.split(',').enumerate() {
        let node = |id: &str| {
            id.trim()
                .parse()
                .map(NodeId)
                .with_context(|| format!("For input string: \"{id}\""))
        };
        let nodes = partition.split(':').map(node).collect::<Result<Vec<_>, _>>()?;
        let twice: Vec<String> = duplicates(&nodes).iter().map(NodeId::to_string).collect();
        if !twice.is_empty() {
            bail!(
                "Partition replica lists may not contain duplicate entries: {}",
                twice.join(",")
            );
        }
        if placement.first().is_some_and(|first| first.len() != nodes.len()) {
            let shown: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
            bail!(
                "Partition {index} has different replication factor: [{}]",
                shown.join(", ")
            );
        }
        placement.push(nodes);
    }
    Ok(placement)
}

fn duplicates(nodes: &[NodeId]) -> Vec<NodeId> {
    let mut sorted = nodes.to_vec();
    sorted.sort();
    let mut twice: Vec<NodeId> = sorted
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
        .collect();
    twice.dedup();
    twice
}

fn configs(options: &Options) -> anyhow::Result<Vec<(String, String)>> {
    let mut configs: Vec<(String, String)> = Vec::new();
    for text in options.values("config") {
        let parts: Vec<&str> = text.split('=').map(str::trim).collect();
        let [key, value] = parts[..] else {
            bail!(
                "requirement failed: Invalid topic config: all configs to be added must be in the format \"key=val\"."
            );
        };
        if value.is_empty() {
            bail!(
                "requirement failed: Invalid topic config: all configs to be added must be in the format \"key=val\"."
            );
        }
        configs.retain(|(known, _)| known != key);
        configs.push((key.to_owned(), value.to_owned()));
    }
    Ok(configs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_checked_as_kafka_checks_it() {
        let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect::<Vec<_>>();
        assert_eq!(placement("1:2, 2:3").unwrap(), [nodes(&[1, 2]), nodes(&[2, 3])]);
        let refusal = |text| placement(text).unwrap_err().to_string();
        assert_eq!(
            refusal("1:1"),
            "Partition replica lists may not contain duplicate entries: 1"
        );
        assert_eq!(refusal("1:2,1"), "Partition 1 has different replication factor: [1]");
        assert_eq!(refusal("1:x"), "For input string: \"x\"");
    }
}
