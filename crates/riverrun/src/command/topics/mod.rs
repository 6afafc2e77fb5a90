//! `riverrun topics`, Kafka's `kafka-topics`: create, list, describe, grow and delete topics.

mod change;
mod describe;
mod new_topic;

use super::connection::{admin_cluster, block_on, bootstrap};
use super::options::{BadFlags, Options, Refusal, Syntax, switch, valued};
use super::topic_filter::{TopicFilter, is_internal};
use super::{Form, Invocation};
use client::{Cluster, admin};
use std::process::ExitCode;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "This tool helps to create, delete, describe, or change a topic.",
    flags: &[
        switch("alter", "Raise the number of partitions."),
        switch(
            "at-min-isr-partitions",
            "With --describe: only partitions with exactly as many in sync as they need.",
        ),
        valued(
            "bootstrap-server",
            "server to connect to",
            "The brokers to ask first, as HOST:PORT,HOST:PORT.",
        ),
        valued(
            "command-config",
            "command config property file",
            "Client properties for the connection.",
        ),
        valued(
            "config",
            "name=value",
            "With --create: a setting of the topic; may be repeated.",
        ),
        switch("create", "Create a topic."),
        switch("delete", "Delete topics."),
        valued("delete-config", "name", "No longer supported; see the configs tool."),
        switch("describe", "Show topics and their partitions."),
        switch(
            "exclude-internal",
            "With --list or --describe: leave Kafka's own topics out.",
        ),
        switch(
            "if-exists",
            "With --alter, --delete or --describe: do nothing if there is no such topic.",
        ),
        switch("if-not-exists", "With --create: a topic that exists is no error."),
        switch("list", "List the topics."),
        valued(
            "partition-size-limit-per-response",
            "maximum number of partitions per response",
            "With --describe: how many partitions to ask for at a time (2000).",
        ),
        valued(
            "partitions",
            "# of partitions",
            "How many partitions the topic has, or shall have.",
        ),
        valued(
            "replica-assignment",
            "broker:broker,broker:broker,...",
            "The brokers of each partition, the preferred leader first.",
        ),
        valued(
            "replication-factor",
            "replication factor",
            "With --create: how many replicas each partition has.",
        ),
        valued(
            "topic",
            "topic",
            "The topic; except with --create, a regular expression.",
        ),
        valued("topic-id", "topic-id", "With --describe: the topic by its id."),
        switch(
            "topics-with-overrides",
            "With --describe: only topics with settings of their own.",
        ),
        switch(
            "unavailable-partitions",
            "With --describe: only partitions whose leader is not available.",
        ),
        switch(
            "under-min-isr-partitions",
            "With --describe: only partitions with fewer in sync than they need.",
        ),
        switch(
            "under-replicated-partitions",
            "With --describe: only partitions with replicas out of sync.",
        ),
    ],
};

const ACTIONS: [&str; 5] = ["list", "describe", "create", "alter", "delete"];

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    SYNTAX.run(call, |options, form| {
        check(options, form)?;
        let addresses = bootstrap(options, form)?.unwrap_or_default();
        let cluster = admin_cluster(options, &addresses, "riverrun-topics")?;
        let done = block_on(&format!("waiting for {addresses}"), act(&cluster, options))?;
        Ok(match done {
            Ok(()) => ExitCode::SUCCESS,
            // Kafka's script says so on stdout, and people look for it there.
            Err(error) => {
                println!("Error while executing topic command : {error:#}");
                ExitCode::FAILURE
            }
        })
    })
}

async fn act(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    if options.has("create") {
        change::create(cluster, options).await
    } else if options.has("alter") {
        change::alter(cluster, options).await
    } else if options.has("list") {
        let names = matching(cluster, options).await?;
        println!("{}", names.join("\n"));
        Ok(())
    } else if options.has("describe") {
        describe::describe(cluster, options).await
    } else {
        change::delete(cluster, options).await
    }
}

/// The names of the topics that `--topic` and `--exclude-internal` mean, sorted.
async fn matching(cluster: &Cluster, options: &Options) -> anyhow::Result<Vec<String>> {
    let filter = options.value("topic")?.map(TopicFilter::new).transpose()?;
    let without_internal = options.has("exclude-internal");
    let topics = admin::list_topics(cluster).await?;
    let wanted = topics.iter().map(|topic| topic.name.as_str()).filter(|name| {
        filter.as_ref().is_none_or(|filter| filter.allows(name)) && !(without_internal && is_internal(name))
    });
    Ok(wanted.map(str::to_owned).collect())
}

/// Fails if a topic was named, none was found and that matters.
fn must_exist(found: &[String], options: &Options) -> anyhow::Result<()> {
    match options.value("topic")? {
        Some(name) if !name.is_empty() && found.is_empty() && !options.has("if-exists") => {
            anyhow::bail!("Topic '{name}' does not exist as expected")
        }
        _ => Ok(()),
    }
}

fn check(options: &Options, form: Form) -> Result<(), Refusal> {
    if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
        return Err(Refusal::WithHelp(String::from(
            "Command must include exactly one action: --list, --describe, --create, --alter or --delete",
        )));
    }
    if options.has("delete-config") {
        eprintln!(
            "delete-config option is no longer supported and deprecated since version 4.0. \
             The config will be fully removed in future releases."
        );
    }
    if form == Form::Script && !options.has("bootstrap-server") {
        return Err(Refusal::Plain(String::from("--bootstrap-server must be specified")));
    }
    check_required(options)?;
    check_combinations(options)
}

fn check_required(options: &Options) -> Result<(), Refusal> {
    if options.has("describe") && options.has("if-exists") {
        if !options.has("topic") && !options.has("topic-id") {
            let message = String::from("--topic or --topic-id is required to describe a topic");
            return Err(Refusal::WithHelp(message));
        }
        if options.has("topic") && options.has("topic-id") {
            println!(
                "Only topic id will be used when both --topic and --topic-id are specified and topicId is not \
                 Uuid.ZERO_UUID"
            );
        }
    }
    if !options.has("list") && !options.has("describe") {
        options.require(&["topic"])?;
    }
    if options.has("alter") {
        if options.has("config") {
            return Err(Refusal::WithHelp(String::from(
                "Option combination \"[[bootstrap-server], [config]]\" can't be used with option \"[alter]\" \
                 (To alter topic configurations, the kafka-configs tool can be used.)",
            )));
        }
        options.require(&["partitions"])?;
    }
    Ok(())
}

/// Each flag with the actions it goes with.
const GOES_WITH: [(&str, &[&str]); 12] = [
    ("config", &["alter", "create"]),
    ("partitions", &["alter", "create"]),
    ("replication-factor", &["create"]),
    ("replica-assignment", &["alter", "create"]),
    ("under-replicated-partitions", &["describe"]),
    ("under-min-isr-partitions", &["describe"]),
    ("at-min-isr-partitions", &["describe"]),
    ("unavailable-partitions", &["describe"]),
    ("topics-with-overrides", &["describe"]),
    ("if-exists", &["alter", "delete", "describe"]),
    ("if-not-exists", &["create"]),
    ("exclude-internal", &["list", "describe"]),
];

/// The reports on partitions, which exclude the report on topics.
const REPORTS: [&str; 4] = [
    "under-replicated-partitions",
    "under-min-isr-partitions",
    "at-min-isr-partitions",
    "unavailable-partitions",
];

fn check_combinations(options: &Options) -> Result<(), Refusal> {
    for (flag, actions) in GOES_WITH {
        let others: Vec<&str> = ACTIONS.into_iter().filter(|action| !actions.contains(action)).collect();
        options.exclude(flag, &others)?;
    }
    if options.has("create") {
        options.exclude("replica-assignment", &["partitions", "replication-factor"])?;
    }
    for report in REPORTS {
        options.exclude(report, &["topics-with-overrides"])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn refused(line: &str, expected: &Expect) {
        let options = SYNTAX
            .read(line.split_whitespace().map(str::to_owned).collect())
            .unwrap();
        let refusal = check(&options, Form::Script).unwrap_err();
        expected.assert_eq(&refusal.to_string());
    }

    #[test]
    fn what_kafkas_script_refuses_is_refused_in_its_words() {
        refused("--list", &expect!["--bootstrap-server must be specified"]);
        refused(
            "--create --list",
            &expect!["Command must include exactly one action: --list, --describe, --create, --alter or --delete"],
        );
        refused(
            "--bootstrap-server a:1 --create",
            &expect![[r#"Missing required argument "[topic]""#]],
        );
        refused(
            "--bootstrap-server a:1 --alter --topic t",
            &expect![[r#"Missing required argument "[partitions]""#]],
        );
        refused(
            "--bootstrap-server a:1 --list --if-exists",
            &expect![[r#"Option "[if-exists]" can't be used with option "[list]""#]],
        );
        refused(
            "--bootstrap-server a:1 --create --topic t --replica-assignment 1 --partitions 2",
            &expect![[r#"Option "[replica-assignment]" can't be used with option "[partitions]""#]],
        );
        refused(
            "--bootstrap-server a:1 --alter --topic t --partitions 3 --config a=b",
            &expect![[r#"
                Option combination "[[bootstrap-server], [config]]" can't be used with option "[alter]" (To alter topic configurations, the kafka-configs tool can be used.)"#]],
        );
    }
}
