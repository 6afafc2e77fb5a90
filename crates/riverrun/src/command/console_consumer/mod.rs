//! `riverrun console-consumer`, Kafka's `kafka-console-consumer`: prints the records of topics.
//!
//! Without `--group` it names its partitions itself; nothing that Kafka's script prints depends on the group that it makes
//! up for itself.

mod assign;
mod check;
mod format;
mod print;
mod source;

use super::connection::{ClientProperties, LOCAL};
use super::options::{BadFlags, Options, Syntax, switch, valued};
use super::{Form, Invocation, progress};
use anyhow::Context;
use assign::Wanted;
use check::{Plan, PlannedTopics, check};
use client::consume::group::{GroupConsumer, GroupSettings, Subscription};
use client::consume::{Consumer, ConsumerSettings, OffsetReset};
use client::{Applied, Cluster, Settings};
use format::Formatter;
use print::{Ended, Limits, print_records};
use regex_lite::Regex;
use source::Source;
use std::process::ExitCode;
use std::sync::Arc;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Help,
    purpose: "This tool helps to read data from Kafka topics and outputs it to standard output.",
    flags: &[
        valued(
            "bootstrap-server",
            "server to connect to",
            "The brokers to ask first, as HOST:PORT,HOST:PORT.",
        ),
        valued("command-config", "config file", "Consumer properties."),
        valued(
            "command-property",
            "consumer_prop",
            "A consumer property as key=value; may be repeated.",
        ),
        valued(
            "consumer-property",
            "consumer_prop",
            "The old name of --command-property.",
        ),
        valued("consumer.config", "config file", "The old name of --command-config."),
        switch("enable-systest-events", "Print shutdown_complete at the end."),
        valued(
            "formatter",
            "class",
            "How records are printed (DefaultMessageFormatter).",
        ),
        valued("formatter-config", "config file", "Properties of the formatter."),
        valued(
            "formatter-property",
            "prop",
            "print.timestamp, print.key, print.offset, print.epoch, print.partition, print.headers, print.value, \
             key.separator, line.separator, headers.separator, null.literal, key.deserializer, value.deserializer, \
             headers.deserializer; as key=value; may be repeated.",
        ),
        switch("from-beginning", "Begin at the first record, not at the end."),
        valued(
            "group",
            "consumer group id",
            "The group to belong to: it shares the partitions with its other members and goes on where it was.",
        ),
        valued("include", "Java regex (String)", "The topics, by a regular expression."),
        valued(
            "isolation-level",
            "String",
            "read_uncommitted (the default) or read_committed.",
        ),
        valued(
            "key-deserializer",
            "deserializer for keys",
            "The same as the property key.deserializer.",
        ),
        valued(
            "max-messages",
            "Integer: num_messages",
            "How many records to print; all if not given.",
        ),
        valued(
            "offset",
            "consume offset",
            "Where to begin: an offset, earliest or latest.",
        ),
        valued("partition", "Integer: partition", "The partition; all if not given."),
        valued("property", "prop", "The old name of --formatter-property."),
        switch("skip-message-on-error", "Go on after a record that cannot be printed."),
        valued(
            "timeout-ms",
            "Long: timeout_ms",
            "Stop when no record has come for so long.",
        ),
        valued("topic", "topic", "The topic."),
        valued(
            "value-deserializer",
            "deserializer for values",
            "The same as the property value.deserializer.",
        ),
    ],
};

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    SYNTAX.run(call, |options, form| {
        let plan = check(options, form)?;
        let formatter = Formatter::new(options)?;
        let all = settings(options, form, &plan)?;
        let mut runtime = match all.group {
            // Heartbeats go on while stdout does not take the records.
            Some(_) => tokio::runtime::Builder::new_multi_thread(),
            None => tokio::runtime::Builder::new_current_thread(),
        };
        let runtime = runtime.worker_threads(1).enable_all().build()?;
        let ended = runtime.block_on(consume(all, &plan, formatter));
        runtime.shutdown_background();
        if options.has("enable-systest-events") {
            println!("shutdown_complete");
        }
        Ok(match ended? {
            Ended::Done => ExitCode::SUCCESS,
            // What a shell expects of a program that was interrupted, or ended.
            Ended::Interrupted => ExitCode::from(130),
            Ended::Terminated => ExitCode::from(143),
        })
    })
}

/// How to reach the cluster, and how to read from it.
struct AllSettings {
    reaching: Settings,
    consuming: ConsumerSettings,
    group: Option<GroupSettings>,
}

fn settings(options: &Options, form: Form, plan: &Plan) -> anyhow::Result<AllSettings> {
    let mut properties = match options.value("consumer.config")?.or(options.value("command-config")?) {
        Some(path) => ClientProperties::from_file(path)?,
        None => ClientProperties::default(),
    };
    let mut arguments = ClientProperties::default();
    arguments.add_arguments(
        options
            .values("consumer-property")
            .chain(options.values("command-property")),
    );
    let group = check::group(options, properties.get("group.id"), arguments.get("group.id"))?;
    for (key, value) in arguments.pairs() {
        properties.set(key, value);
    }
    if let Some(reset) = properties.get("auto.offset.reset")
        && plan.from_beginning
        && reset != "earliest"
    {
        anyhow::bail!(
            "Can't simultaneously specify --from-beginning and 'auto.offset.reset={reset}', please remove one option"
        );
    }
    let addresses = options
        .value("bootstrap-server")?
        .or((form == Form::Subcommand).then_some(LOCAL));
    properties.set("bootstrap.servers", addresses.context("no bootstrap server")?);
    if properties.get("client.id").is_none() {
        properties.set("client.id", "console-consumer");
    }
    match options.value("isolation-level")? {
        Some(level) => properties.set("isolation.level", level),
        None if properties.get("isolation.level").is_none() => properties.set("isolation.level", "read_uncommitted"),
        None => {}
    }
    let mut settings = Settings::new(LOCAL)?;
    let mut consuming = ConsumerSettings::default();
    if plan.from_beginning {
        consuming.reset = OffsetReset::Earliest;
    }
    let mut group = group.map(|group| GroupSettings::new(&group));
    properties.apply(|key, value| {
        if settings.apply(key, value)? == Applied::Yes || consuming.apply(key, value)? == Applied::Yes {
            return Ok(Applied::Yes);
        }
        group
            .as_mut()
            .map_or(Ok(Applied::Unknown), |group| group.apply(key, value))
    })?;
    Ok(AllSettings {
        reaching: settings,
        consuming,
        group,
    })
}

async fn consume(all: AllSettings, plan: &Plan, formatter: Formatter) -> anyhow::Result<Ended> {
    let reset = all.consuming.reset;
    let cluster = Cluster::new(all.reaching);
    let addresses: Vec<String> = cluster.settings().bootstrap.iter().map(ToString::to_string).collect();
    let mut source = match all.group {
        Some(group) => Source::Group(GroupConsumer::new(cluster, group, all.consuming, subscription(plan)?)),
        None => {
            let mut consumer = Consumer::new(cluster.clone(), all.consuming);
            let mut wanted = Wanted::new(cluster, plan, reset)?;
            let waiting = format!("waiting for {}", addresses.join(","));
            progress::shown(&waiting, wanted.assign(&mut consumer)).await?;
            Source::Partitions { consumer, wanted }
        }
    };
    let limits = Limits {
        messages: plan.max_messages,
        idle: plan.timeout,
    };
    let ended = print_records(&mut source, &formatter, limits).await;
    if let Err(error) = &ended.outcome {
        eprintln!("ERROR Error processing message, terminating consumer process: {error:#}");
    }
    source.close().await;
    eprintln!("Processed a total of {} messages", ended.count);
    // Kafka's script ends well after an error while it reads, too.
    Ok(ended.outcome.unwrap_or(Ended::Done))
}

fn subscription(plan: &Plan) -> anyhow::Result<Subscription> {
    Ok(match &plan.topics {
        PlannedTopics::Named(topic) => Subscription::Named(vec![topic.clone()]),
        PlannedTopics::Matching(pattern) => {
            let pattern = Regex::new(&format!("^(?:{pattern})$"))?;
            Subscription::Matching(Arc::new(move |topic| pattern.is_match(topic)))
        }
    })
}
