//! `riverrun leader-election`, Kafka's `kafka-leader-election`: elects the preferred leaders, or any where none is left.

mod partitions;

use super::Invocation;
use super::connection::{ClientProperties, block_on, bootstrap};
use super::java::partition_hash_order;
use super::java_exception::thrown;
use super::options::{BadFlags, Options, Refusal, Syntax, switch, valued};
use anyhow::{Result, anyhow, bail, ensure};
use base::TopicPartition;
use client::admin::{self, ElectionType};
use client::{Applied, ClientError, Cluster, Settings};
use protocol::ErrorCode;
use std::process::ExitCode;
use std::time::Duration;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "This tool attempts to elect a new leader for a set of topic partitions. The type of elections supported are \
              preferred replicas and unclean replicas.",
    flags: &[
        valued("admin.config", "config file", "The old name of --command-config."),
        switch("all-topic-partitions", "Elect wherever there is something to do."),
        valued("bootstrap-server", "host:port", "The brokers to ask first."),
        valued("command-config", "Config file", "Client properties for the connection."),
        valued(
            "election-type",
            "election type",
            "'preferred': the first replica leads again, if it is in sync; 'unclean': any replica that lives leads where \
             nobody does, and what it has not got is lost.",
        ),
        valued("partition", "partition id", "The partition of the topic."),
        valued(
            "path-to-json-file",
            "Path to JSON file",
            "The partitions, as {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1}]}.",
        ),
        valued("topic", "topic name", "The topic."),
    ],
};

/// How long the tool waits for elections, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the tool.
pub fn run(call: Invocation) -> Result<ExitCode> {
    SYNTAX.run(call, |options, form| {
        options.exclude("admin.config", &["command-config"])?;
        if options.has("admin.config") {
            println!(
                "Option --admin.config has been deprecated and will be removed in a future version. Use --command-config \
                 instead."
            );
        }
        let addresses = bootstrap(options, form)?;
        let mut missing = Vec::new();
        if addresses.is_none() {
            missing.push("bootstrap-server");
        }
        if !options.has("election-type") {
            missing.push("election-type");
        }
        let Some(addresses) = addresses.filter(|_| missing.is_empty()) else {
            bail!("Missing required option(s): {}", missing.join(", "));
        };
        let election = election(options)?;
        let partitions = partitions(options)?;
        let cluster = Cluster::new(settings(options, &addresses)?);
        let work = elect(&cluster, election, partitions.as_deref());
        block_on(&format!("waiting for {addresses}"), work)??;
        Ok(ExitCode::SUCCESS)
    })
}

fn election(options: &Options) -> Result<ElectionType, Refusal> {
    let text = options.value("election-type")?.unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "preferred" => Ok(ElectionType::Preferred),
        "unclean" => Ok(ElectionType::Unclean),
        _ => Err(Refusal::Plain(format!(
            "Cannot parse argument '{text}' of option election-type"
        ))),
    }
}

/// The partitions that are named; none means all.
fn partitions(options: &Options) -> Result<Option<Vec<TopicPartition>>> {
    let partition = options.number::<i32>("partition")?;
    let ways = ["topic", "all-topic-partitions", "path-to-json-file"];
    ensure!(
        ways.iter().filter(|way| options.has(way)).count() == 1,
        "One and only one of the following options is required: {}",
        ways.join(", ")
    );
    match (options.value("topic")?, partition) {
        (Some(topic), Some(partition)) => return Ok(Some(vec![TopicPartition::new(topic, partition)])),
        (Some(_), None) => bail!("Missing required option(s): partition"),
        (None, Some(_)) => bail!("Option partition is only allowed if topic is used"),
        (None, None) => {}
    }
    options
        .value("path-to-json-file")?
        .map(partitions::from_file)
        .transpose()
}

fn settings(options: &Options, addresses: &str) -> Result<Settings> {
    let mut settings = Settings::new(addresses)?;
    "adminclient-1".clone_into(&mut settings.client_id);
    settings.api_timeout = PATIENCE;
    settings.request_timeout = PATIENCE / 2;
    let path = match options.value("command-config")? {
        Some(path) => Some(path),
        None => options.value("admin.config")?,
    };
    if let Some(path) = path {
        ClientProperties::from_file(path)?.apply(|key, value| match key {
            "bootstrap.servers" => Ok(Applied::Yes),
            key => settings.apply(key, value),
        })?;
    }
    Ok(settings)
}

async fn elect(cluster: &Cluster, election: ElectionType, partitions: Option<&[TopicPartition]>) -> Result<()> {
    let each = match admin::elect_leaders(cluster, election, partitions).await {
        Ok(each) => each,
        Err(ClientError::TimedOut { .. }) => return Err(said("Timeout waiting for election results")),
        Err(error) if error.code() == Some(ErrorCode::ClusterAuthorizationFailed) => {
            return Err(said("Not authorized to perform leader election"));
        }
        Err(error) => bail!("java.util.concurrent.ExecutionException: {}", thrown(&error)),
    };
    let kind = match election {
        ElectionType::Preferred => "PREFERRED",
        ElectionType::Unclean => "UNCLEAN",
    };
    let (mut elected, mut led, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (partition, result) in each {
        match result {
            Ok(()) => elected.push((partition, ())),
            Err(error) if error.code() == Some(ErrorCode::ElectionNotNeeded) => led.push((partition, ())),
            Err(error) => failed.push((partition, error)),
        }
    }
    if !elected.is_empty() {
        println!(
            "Successfully completed leader election ({kind}) for partitions {}",
            listed(elected)
        );
    }
    if !led.is_empty() {
        println!("Valid replica already elected for partitions {}", listed(led));
    }
    let count = failed.len();
    for (partition, error) in partition_hash_order(failed) {
        println!(
            "Error completing leader election ({kind}) for partition: {partition}: {}",
            thrown(&error)
        );
    }
    match count {
        0 => Ok(()),
        count => Err(anyhow!("{count} replica(s) could not be elected")),
    }
}

/// What is told on stdout as well as on stderr.
fn said(message: &'static str) -> anyhow::Error {
    println!("{message}");
    anyhow!(message)
}

fn listed(partitions: Vec<(TopicPartition, ())>) -> String {
    let partitions = partition_hash_order(partitions).into_iter();
    partitions
        .map(|(partition, ())| partition.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
