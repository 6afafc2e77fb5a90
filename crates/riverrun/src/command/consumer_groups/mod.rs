//! `riverrun consumer-groups`, Kafka's `kafka-consumer-groups`: groups, their members, what they have committed, and how
//! to change that.

mod check;
mod date_time;
mod delete;
mod describe;
mod duration;
mod groups;
mod list;
mod offsets;
mod plan_file;
mod reset;
mod validate_regex;

use super::connection::{LOCAL, admin_settings, block_on};
use super::options::{Argument, BadFlags, Flag, Options, Refusal, Syntax, switch, valued};
use super::{Form, Invocation};
use check::Action;
use client::{Cluster, SettingError};
use std::process::ExitCode;
use std::time::Duration;

/// How long one call may take if `--timeout` says nothing.
const TIMEOUT: i64 = 5000;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or \
              reset consumer group offsets.",
    flags: &[
        switch("all-groups", "All groups of consumers."),
        switch(
            "all-topics",
            "With --reset-offsets: all partitions that the group has committed.",
        ),
        valued(
            "bootstrap-server",
            "server to connect to",
            "The brokers to ask first, as HOST:PORT,HOST:PORT.",
        ),
        valued("by-duration", "duration", "Reset to this long ago, as in PT1H30M."),
        valued(
            "command-config",
            "command config property file",
            "Client properties for the connection.",
        ),
        switch("delete", "Delete groups that have no members, with their offsets."),
        switch(
            "delete-offsets",
            "Delete committed offsets of topics that the group does not read.",
        ),
        switch(
            "describe",
            "Show offsets and lag of groups, their members or their state.",
        ),
        switch(
            "dry-run",
            "With --reset-offsets: only show what would be done (the default).",
        ),
        switch("execute", "With --reset-offsets: do it."),
        switch("export", "With --reset-offsets: print the new offsets as CSV."),
        valued(
            "from-file",
            "path to CSV file",
            "Reset to the offsets in a file that --export made.",
        ),
        valued("group", "consumer group", "The group; may be repeated."),
        switch("list", "List groups."),
        switch("members", "With --describe: the members."),
        switch("offsets", "With --describe: the offsets (the default)."),
        switch("reset-offsets", "Change what groups without members have committed."),
        valued(
            "shift-by",
            "number-of-offsets",
            "Reset to so many records later, or earlier if negative.",
        ),
        Flag {
            name: "state",
            argument: Argument::Optional("states"),
            help: "With --describe: the state of groups. With --list: show it, or only groups in one of these states.",
        },
        valued("timeout", "timeout (ms)", "How long one call may take (5000)."),
        switch("to-current", "Reset to what is committed, or to the end."),
        valued(
            "to-datetime",
            "datetime",
            "Reset to this time, as in 2024-01-31T12:00:00.000.",
        ),
        switch("to-earliest", "Reset to the first record."),
        switch("to-latest", "Reset to the end."),
        valued("to-offset", "offset", "Reset to this offset."),
        valued(
            "topic",
            "topic",
            "A topic, or topic:0,1 for some of its partitions; may be repeated.",
        ),
        Flag {
            name: "type",
            argument: Argument::Optional("types"),
            help: "With --list: show the type (classic or consumer), or only groups of one of these types.",
        },
        valued(
            "validate-regex",
            "regex",
            "Say whether members can subscribe to this pattern.",
        ),
        switch("verbose", "With --describe: more of it."),
    ],
};

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    SYNTAX.run(call, |options, form| {
        let action = check::check(options, form)?;
        if action == Action::ValidateRegex {
            validate_regex::validate_regex(options.value("validate-regex")?.unwrap_or_default());
            return Ok(ExitCode::SUCCESS);
        }
        match act(options, form, action) {
            Ok(()) => {}
            Err(error) if matches!(error.downcast_ref(), Some(Refusal::WithHelp(_))) => return Err(error),
            // Kafka's script succeeds all the same.
            Err(error) => println!("\nError: Executing consumer group command failed due to {error:#}"),
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn act(options: &Options, form: Form, action: Action) -> anyhow::Result<()> {
    let given = options.value("bootstrap-server")?;
    let addresses = given
        .or((form == Form::Subcommand).then_some(LOCAL))
        .unwrap_or_default();
    let mut settings = admin_settings(options, addresses, "adminclient-1")?;
    let timeout = options.number::<i64>("timeout")?.unwrap_or(TIMEOUT);
    settings.api_timeout = Duration::from_millis(u64::try_from(timeout).map_err(|_| SettingError::Value {
        key: String::from("timeout"),
        value: timeout.to_string(),
        reason: String::from("Value must be at least 0"),
    })?);
    let cluster = Cluster::new(settings);
    block_on(&format!("waiting for {addresses}"), async {
        match action {
            Action::List => list::list(&cluster, options).await,
            Action::Describe => describe::describe(&cluster, options).await,
            Action::Delete => delete::delete_groups(&cluster, options).await,
            Action::DeleteOffsets => delete::delete_offsets(&cluster, options).await,
            Action::ResetOffsets => reset::reset_offsets(&cluster, options).await,
            Action::ValidateRegex => Ok(()),
        }
    })?
}
