//! `riverrun log-dirs`, Kafka's `kafka-log-dirs`: what lies in the brokers' log directories, as JSON.

use super::Invocation;
use super::connection::{admin_cluster, block_on, bootstrap};
use super::options::{BadFlags, Options, Syntax, switch, valued};
use anyhow::bail;
use base::NodeId;
use client::admin::{self, LogDir, LogDirReplica};
use protocol::ErrorCode;
use std::collections::BTreeSet;
use std::process::ExitCode;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "This tool helps to query log directory usage on the specified brokers.",
    flags: &[
        valued(
            "bootstrap-server",
            "The server(s) to use for bootstrapping",
            "The brokers to ask first.",
        ),
        valued("broker-list", "Broker list", "Only these brokers, as 0,1,2."),
        valued(
            "command-config",
            "Admin client property file",
            "Client properties for the connection.",
        ),
        switch("describe", "Describe the log directories."),
        valued("topic-list", "Topic list", "Only these topics, as topic1,topic2."),
    ],
};

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    SYNTAX.run(call, |options, form| {
        let Some(addresses) = bootstrap(options, form)? else {
            return Err(options
                .require(&["bootstrap-server"])
                .expect_err("it is not given")
                .into());
        };
        options.require(&["describe"])?;
        block_on(&format!("waiting for {addresses}"), describe(options, &addresses))??;
        Ok(ExitCode::SUCCESS)
    })
}

async fn describe(options: &Options, addresses: &str) -> anyhow::Result<()> {
    let topics: Vec<&str> = items(options.value("topic-list")?).collect();
    let asked = items(options.value("broker-list")?)
        .map(|id| {
            id.parse()
                .map(NodeId)
                .map_err(|_| anyhow::anyhow!("For input string: \"{id}\""))
        })
        .collect::<anyhow::Result<BTreeSet<_>>>()?;
    let cluster = admin_cluster(options, addresses, "log-dirs-tool")?;
    let nodes: BTreeSet<NodeId> = admin::describe_cluster(&cluster)
        .await?
        .nodes
        .into_iter()
        .map(|node| node.id)
        .collect();
    let missing: Vec<NodeId> = asked.difference(&nodes).copied().collect();
    if !missing.is_empty() {
        bail!(
            "ERROR: The given brokers do not exist from --broker-list: {}. Current existent brokers: {}",
            list(&missing),
            list(nodes.iter())
        );
    }
    println!("Querying brokers for log directories information");
    let wanted = if asked.is_empty() { nodes } else { asked };
    let mut found = Vec::new();
    for node in &wanted {
        found.push((*node, admin::describe_log_dirs(&cluster, *node).await?));
    }
    println!("Received log directory information from brokers {}", list(&wanted));
    println!("{}", json(&found, &topics));
    Ok(())
}

fn items(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default().split(',').filter(|item| !item.is_empty())
}

fn list<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> String {
    nodes.into_iter().map(NodeId::to_string).collect::<Vec<_>>().join(",")
}

/// The answer in one line, its keys in Kafka's order.
fn json(found: &[(NodeId, Vec<LogDir>)], topics: &[&str]) -> String {
    let brokers = found.iter().map(|(node, dirs)| {
        let dirs = dirs
            .iter()
            .map(|dir| dir_json(dir, topics))
            .collect::<Vec<_>>()
            .join(",");
        format!("{{\"broker\":{node},\"logDirs\":[{dirs}]}}")
    });
    format!(
        "{{\"brokers\":[{}],\"version\":1}}",
        brokers.collect::<Vec<_>>().join(",")
    )
}

fn dir_json(dir: &LogDir, topics: &[&str]) -> String {
    let wanted = |replica: &&LogDirReplica| topics.is_empty() || topics.contains(&&*replica.partition.topic);
    let mut replicas: Vec<_> = dir.replicas.iter().filter(wanted).collect();
    replicas.sort_by(|left, right| left.partition.cmp(&right.partition));
    let partitions = replicas.into_iter().map(|replica| {
        format!(
            "{{\"partition\":{},\"size\":{},\"offsetLag\":{},\"isFuture\":{}}}",
            quoted(&replica.partition.to_string()),
            replica.size,
            replica.offset_lag,
            replica.is_future
        )
    });
    let error = match dir.error {
        ErrorCode::None => String::from("null"),
        error => quoted(error.name()),
    };
    format!(
        "{{\"partitions\":[{}],\"error\":{error},\"logDir\":{}}}",
        partitions.collect::<Vec<_>>().join(","),
        quoted(&dir.path)
    )
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::TopicPartition;
    use expect_test::expect;

    #[test]
    fn the_json_is_kafkas() {
        let replica = |topic: &str| LogDirReplica {
            partition: TopicPartition::new(topic, 0),
            size: 10,
            offset_lag: 0,
            is_future: false,
        };
        let dir = LogDir {
            path: String::from("/data/\"a\""),
            error: ErrorCode::None,
            replicas: vec![replica("t"), replica("u")],
            total_bytes: None,
            usable_bytes: None,
        };
        let text = json(&[(NodeId(1), vec![dir])], &["t"]);
        expect![[r#"{"brokers":[{"broker":1,"logDirs":[{"partitions":[{"partition":"t-0","size":10,"offsetLag":0,"isFuture":false}],"error":null,"logDir":"/data/\"a\""}]}],"version":1}"#]]
            .assert_eq(&text);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
