//! Plans as JSON: read, and written.

use super::Failure;
use super::assignment::{Assignment, Replica};
use base::{NodeId, TopicPartition};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Display;

/// A plan: where replicas shall be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The replicas of partitions, in the order of the file.
    pub(super) partitions: Vec<(TopicPartition, Vec<NodeId>)>,
    /// The directories of replicas, where it matters.
    pub(super) directories: BTreeMap<Replica, String>,
}

/// Where a directory does not matter.
const ANY: &str = "any";

fn error<T>(message: impl Display) -> Result<T, Failure> {
    Err(Failure::Error(message.to_string()))
}

fn text(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).or_else(|_| error(format!("Unable to read file {path}")))
}

/// The plan in a file.
pub(super) fn read(path: &str) -> Result<Plan, Failure> {
    plan(&text(path)?)
}

/// The plan that a text is.
pub(super) fn plan(text: &str) -> Result<Plan, Failure> {
    let json: Value = serde_json::from_str(text).or_else(error)?;
    check_version(&json)?;
    let mut plan = Plan {
        partitions: Vec::new(),
        directories: BTreeMap::new(),
    };
    for entry in list(&json, "partitions")? {
        add(&mut plan, entry)?;
    }
    Ok(plan)
}

fn add(plan: &mut Plan, entry: &Value) -> Result<(), Failure> {
    let partition = TopicPartition::new(string(field(entry, "topic")?)?, integer(field(entry, "partition")?)?);
    let replicas: Vec<NodeId> = array(field(entry, "replicas")?)?
        .iter()
        .map(|replica| integer(replica).map(NodeId))
        .collect::<Result<_, _>>()?;
    let directories: Vec<&str> = match entry.get("log_dirs") {
        Some(directories) => array(directories)?.iter().map(string).collect::<Result<_, _>>()?,
        None => vec![ANY; replicas.len()],
    };
    if replicas.len() != directories.len() {
        let replicas: Vec<String> = replicas.iter().map(NodeId::to_string).collect();
        return error(format!(
            "Size of replicas list [{}] is different from size of log dirs list [{}] for partition {partition}",
            replicas.join(", "),
            directories.join(", ")
        ));
    }
    for (node, directory) in replicas.iter().zip(directories) {
        if directory != ANY {
            let replica = Replica::new(&partition, *node);
            plan.directories.insert(replica, directory.to_owned());
        }
    }
    plan.partitions.push((partition, replicas));
    Ok(())
}

/// The topics in a file.
pub(super) fn topics(path: &str) -> Result<Vec<String>, Failure> {
    let Ok(json) = serde_json::from_str::<Value>(&text(path)?) else {
        return error("The input string is not a valid JSON");
    };
    check_version(&json)?;
    let names = list(&json, "topics")?;
    let name = |entry: &Value| string(field(entry, "topic")?).map(str::to_owned);
    names.iter().map(name).collect()
}

fn check_version(json: &Value) -> Result<(), Failure> {
    if !json.is_object() {
        return error("Expected JSON object, received something else");
    }
    match json.get("version").map(integer).transpose()? {
        None | Some(1) => Ok(()),
        Some(version) => error(format!("Not supported version field value {version}")),
    }
}

fn list<'a>(json: &'a Value, name: &str) -> Result<&'a [Value], Failure> {
    json.get(name).map_or(Ok(&[]), array)
}

fn array(json: &Value) -> Result<&[Value], Failure> {
    match json.as_array() {
        Some(items) => Ok(items),
        None => error("Expected JSON array, received something else"),
    }
}

fn field<'a>(json: &'a Value, name: &str) -> Result<&'a Value, Failure> {
    json.get(name)
        .map_or_else(|| error(format!("No such field exists: `{name}`")), Ok)
}

fn string(json: &Value) -> Result<&str, Failure> {
    json.as_str()
        .map_or_else(|| error(format!("Expected `String` value, received {json}")), Ok)
}

fn integer(json: &Value) -> Result<i32, Failure> {
    let number = json.as_i64().and_then(|number| i32::try_from(number).ok());
    number.map_or_else(|| error(format!("Expected `Integer` value, received {json}")), Ok)
}

/// An assignment as a plan, its keys in Kafka's order.
pub(super) fn shown(assignment: &Assignment, directories: &BTreeMap<Replica, String>) -> String {
    let entries = assignment.iter().map(|(partition, replicas)| {
        let ids: Vec<String> = replicas.iter().map(NodeId::to_string).collect();
        let directory = |node: &NodeId| {
            let known = directories.get(&Replica::new(partition, *node));
            json!(known.map_or(ANY, String::as_str)).to_string()
        };
        let directories: Vec<String> = replicas.iter().map(directory).collect();
        format!(
            "{{\"topic\":{},\"partition\":{},\"replicas\":[{}],\"log_dirs\":[{}]}}",
            json!(&*partition.topic),
            partition.partition,
            ids.join(","),
            directories.join(",")
        )
    });
    format!(
        "{{\"version\":1,\"partitions\":[{}]}}",
        entries.collect::<Vec<_>>().join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        match plan(text) {
            Err(Failure::Error(message)) => message,
            _ => panic!("{text} is refused"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text =
            r#"{"version":1,"partitions":[{"topic":"a","partition":0,"replicas":[1,2],"log_dirs":["/d1","any"]}]}"#;
        let Ok(plan) = plan(text) else { panic!("it is a plan") };
        let assignment = plan.partitions.iter().cloned().collect();
        assert_eq!(shown(&assignment, &plan.directories), text);
    }

    #[test]
    fn refusals_are_kafkas() {
        for (text, says) in [
            (
                r#"{"partitions":[],"version":9}"#,
                "Not supported version field value 9",
            ),
            (
                r#"{"partitions":[{"topic":"a","partition":0}]}"#,
                "No such field exists: `replicas`",
            ),
            (
                r#"{"partitions":[{"topic":"a","partition":0,"replicas":[1,2],"log_dirs":["any"]}]}"#,
                "Size of replicas list [1, 2] is different from size of log dirs list [any] for partition a-0",
            ),
        ] {
            assert_eq!(refused(text), says);
        }
    }
}
