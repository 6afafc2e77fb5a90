//! The partitions that a file names.

use anyhow::{Context, Result, bail, ensure};
use base::TopicPartition;
use serde_json::Value;
use std::collections::BTreeSet;

/// The partitions of `{"partitions": [{"topic": .., "partition": ..}]}` in the file `path`.
pub(super) fn from_file(path: &str) -> Result<Vec<TopicPartition>> {
    let text = std::fs::read_to_string(path)
        .ok()
        .with_context(|| format!("java.io.IOException: Unable to read file {path}"))?;
    let Ok(json) = serde_json::from_str::<Value>(&text) else {
        bail!("Replica election data is empty");
    };
    let Some(listed) = json.get("partitions") else {
        bail!("Replica election data is missing \"partitions\" field");
    };
    let listed = listed
        .as_array()
        .context("Expected JSON array, received something else")?;
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    for entry in listed {
        let partition = partition(entry)?;
        if !seen.insert(partition.clone()) && !twice.contains(&partition.to_string()) {
            twice.push(partition.to_string());
        }
    }
    let twice = twice.join(", ");
    ensure!(
        twice.is_empty(),
        "Replica election data contains duplicate partitions: [{twice}]"
    );
    Ok(seen.into_iter().collect())
}

fn partition(entry: &Value) -> Result<TopicPartition> {
    let field = |name: &str| {
        entry
            .get(name)
            .with_context(|| format!("No such field exists: `{name}`"))
    };
    let topic = field("topic")?.as_str().context("Expected `String` value")?;
    let partition = field("partition")?
        .as_i64()
        .and_then(|number| i32::try_from(number).ok());
    Ok(TopicPartition::new(
        topic,
        partition.context("Expected `Integer` value")?,
    ))
}
