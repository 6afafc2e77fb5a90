//! `riverrun reassign-partitions`, Kafka's `kafka-reassign-partitions`: moves replicas to other brokers and directories.

mod assignment;
mod cancel;
mod check;
mod execute;
mod generate;
mod moves;
mod plan_file;
mod throttles;
mod verify;
mod words;

use super::Invocation;
use super::connection::{ClientProperties, LOCAL, block_on, cluster_behind};
use super::java_exception::thrown;
use super::options::{BadFlags, Options, Refusal, Syntax, switch, valued};
use anyhow::Result;
use client::admin;
use client::{ClientError, Cluster, Entrance};
use std::process::ExitCode;
use std::time::Duration;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "This tool helps to move topic partitions between replicas.",
    flags: &[
        switch(
            "additional",
            "With --execute: although other replicas are on the move already; changes their throttle, too.",
        ),
        valued(
            "bootstrap-controller",
            "bootstrap controller to connect to",
            "The controllers to ask first, instead of brokers; for --cancel and --list.",
        ),
        valued(
            "bootstrap-server",
            "Server(s) to use for bootstrapping",
            "The brokers to ask first.",
        ),
        valued(
            "broker-list",
            "brokerlist",
            "With --generate: the brokers that shall hold the replicas, as 0,1,2.",
        ),
        switch("cancel", "Let what is on the move go back."),
        valued(
            "command-config",
            "Admin client property file",
            "Client properties for the connection.",
        ),
        switch(
            "disable-rack-aware",
            "With --generate: whatever racks the brokers are in.",
        ),
        switch(
            "disallow-replication-factor-change",
            "With --execute: refuse plans that leave a partition with more or fewer replicas.",
        ),
        switch("execute", "Begin to move replicas as the plan says."),
        switch("generate", "Propose a plan, without beginning it."),
        switch("list", "List all replicas on the move."),
        switch(
            "preserve-throttles",
            "With --verify and --cancel: leave the throttles as they are.",
        ),
        valued(
            "reassignment-json-file",
            "manual assignment json file path",
            "The plan, as {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1, \"replicas\": [1,2,3], \"log_dirs\": \
             [\"dir1\",\"any\",\"any\"]}], \"version\":1}; log_dirs may be left out.",
        ),
        valued(
            "replica-alter-log-dirs-throttle",
            "replicaAlterLogDirsThrottle",
            "With --execute: at most so many bytes a second between the directories of a broker.",
        ),
        valued(
            "throttle",
            "throttle",
            "With --execute: at most so many bytes a second between brokers.",
        ),
        valued(
            "timeout",
            "timeout",
            "How many milliseconds to wait until moves between directories have begun (10000).",
        ),
        valued(
            "topics-to-move-json-file",
            "topics to reassign json file path",
            "With --generate: the topics, as {\"topics\": [{\"topic\": \"foo\"}], \"version\":1}.",
        ),
        switch(
            "verify",
            "Tell how far a plan is, and take the throttles away once it is done.",
        ),
    ],
};

/// Why nothing, or not everything, was done.
enum Failure {
    /// Said as it is.
    Said(String),
    /// An error.
    Error(String),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Error(thrown(&error))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Error(refusal.to_string())
    }
}

/// Runs the tool.
pub fn run(call: Invocation) -> Result<ExitCode> {
    SYNTAX.run(call, |options, form| {
        let action = check::action(options, form)?;
        let done = match cluster(options) {
            Ok(cluster) => block_on("waiting for the cluster", act(&cluster, action, options))?,
            Err(error) => Err(Failure::Error(error.to_string())),
        };
        // Kafka's script tells errors on stdout.
        match done {
            Ok(()) => return Ok(ExitCode::SUCCESS),
            Err(Failure::Said(text)) => println!("{text}"),
            Err(Failure::Error(text)) => println!("Error: {text}"),
        }
        Ok(ExitCode::FAILURE)
    })
}

fn cluster(options: &Options) -> Result<Cluster> {
    let (addresses, entrance) = match options.value("bootstrap-controller")? {
        Some(controllers) => (controllers, Entrance::Controllers),
        None => (options.value("bootstrap-server")?.unwrap_or(LOCAL), Entrance::Brokers),
    };
    let properties = match options.value("command-config")? {
        Some(path) => ClientProperties::from_file(path)?,
        None => ClientProperties::default(),
    };
    cluster_behind(addresses, entrance, &properties, "reassign-partitions-tool")
}

async fn act(cluster: &Cluster, action: &str, options: &Options) -> Result<(), Failure> {
    let throttles = match options.has("preserve-throttles") {
        true => throttles::AtTheEnd::Kept,
        false => throttles::AtTheEnd::Cleared,
    };
    let patience = Duration::from_millis(options.number("timeout")?.unwrap_or(10_000));
    match action {
        "verify" => verify::verify(cluster, &plan_file::read(plan(options)?)?, throttles).await,
        "generate" => generate::generate(cluster, options).await,
        "execute" => execute::execute(cluster, &execute::Execution::of(options, patience)?).await,
        "cancel" => cancel::cancel(cluster, &plan_file::read(plan(options)?)?, throttles, patience).await,
        _ => list(cluster).await,
    }
}

/// The file of the plan.
fn plan(options: &Options) -> Result<&str, Failure> {
    Ok(options.value("reassignment-json-file")?.unwrap_or_default())
}

async fn list(cluster: &Cluster) -> Result<(), Failure> {
    let mut moving = admin::list_reassignments(cluster, None).await?;
    moving.sort_by(|left, right| left.0.cmp(&right.0));
    if moving.is_empty() {
        println!("No partition reassignments found.");
        return Ok(());
    }
    println!("Current partition reassignments:");
    for (partition, moving) in moving {
        let some = |what: &str, nodes: &[base::NodeId]| match nodes {
            [] => String::new(),
            nodes => format!(" {what}: {}.", assignment::listed(nodes)),
        };
        println!(
            "{partition}: replicas: {}.{}{}",
            assignment::listed(&moving.replicas),
            some("adding", &moving.adding),
            some("removing", &moving.removing)
        );
    }
    Ok(())
}
