//! Which command lines make sense.

use crate::command::Form;
use crate::command::options::{Options, Refusal};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    List,
    Describe,
    Delete,
    ResetOffsets,
    DeleteOffsets,
    ValidateRegex,
}

const ACTIONS: [(&str, Action); 6] = [
    ("list", Action::List),
    ("describe", Action::Describe),
    ("delete", Action::Delete),
    ("reset-offsets", Action::ResetOffsets),
    ("delete-offsets", Action::DeleteOffsets),
    ("validate-regex", Action::ValidateRegex),
];

/// The ways to choose new offsets, in the order in which Kafka's script looks at them.
const SCENARIOS: [&str; 8] = [
    "to-offset",
    "to-datetime",
    "by-duration",
    "to-earliest",
    "to-latest",
    "to-current",
    "shift-by",
    "from-file",
];

/// Flags that only mean something with others.
const ONLY_WITH: [(&str, &[&str]); 5] = [
    ("members", &["describe"]),
    ("offsets", &["describe"]),
    ("verbose", &["describe"]),
    ("state", &["describe", "list"]),
    ("type", &["list"]),
];

/// Refuses what Kafka's script refuses, in its order.
pub fn check(options: &Options, form: Form) -> Result<Action, Refusal> {
    unavailable(options)?;
    if form == Form::Script && !options.has("validate-regex") {
        options.require(&["bootstrap-server"])?;
    }
    if options.has("describe") {
        describe(options)?;
    }
    if options.has("delete") {
        groups_given(options, "delete")?;
        if options.has("topic") {
            return help("The consumer does not support topic-specific offset deletion from a consumer group.");
        }
    }
    if options.has("delete-offsets") && !(options.has("group") && options.has("topic")) {
        return help("Option [delete-offsets] takes the following options: [group], [topic]");
    }
    if options.has("reset-offsets") {
        reset(options)?;
    }
    options.exclude("group", &["all-groups", "list"])?;
    options.exclude("topic", &["list", "describe"])?;
    let mut asked = ACTIONS.iter().filter(|(flag, _)| options.has(flag));
    match (asked.next(), asked.next()) {
        (Some((_, action)), None) => Ok(*action),
        _ => {
            let all: Vec<String> = ACTIONS.iter().map(|(flag, _)| format!("--{flag}")).collect();
            help(&format!("Command must include exactly one action: {}", all.join(", ")))
        }
    }
}

fn help<T>(message: &str) -> Result<T, Refusal> {
    Err(Refusal::WithHelp(message.to_owned()))
}

fn unavailable(options: &Options) -> Result<(), Refusal> {
    let alone = ONLY_WITH
        .iter()
        .filter(|(flag, with)| options.has(flag) && !with.iter().any(|with| options.has(with)));
    let alone: Vec<&str> = alone.map(|(flag, _)| *flag).collect();
    if alone.is_empty() {
        return Ok(());
    }
    Err(Refusal::Plain(format!(
        "Option(s) [{}] are unavailable given other options on the command line",
        alone.join(", ")
    )))
}

fn groups_given(options: &Options, action: &str) -> Result<(), Refusal> {
    if options.has("group") || options.has("all-groups") {
        return Ok(());
    }
    help(&format!(
        "Option [{action}] takes one of these options: [all-groups], [group]"
    ))
}

fn describe(options: &Options) -> Result<(), Refusal> {
    groups_given(options, "describe")?;
    let parts = ["members", "offsets", "state"];
    if parts.iter().filter(|part| options.has(part)).count() > 1 {
        return help("Option [describe] takes at most one of these options: [members], [offsets], [state]");
    }
    if options.values("state").next().is_some() {
        return help("Option [describe] does not take a value for [state]");
    }
    Ok(())
}

fn reset(options: &Options) -> Result<(), Refusal> {
    if options.has("dry-run") && options.has("execute") {
        return help("Option [reset-offsets] only accepts one of [execute] and [dry-run]");
    }
    if !options.has("dry-run") && !options.has("execute") {
        eprintln!(
            "WARN: No action will be performed as the --execute option is missing. In version 5.0, this command will \
             require either --dry-run or --execute to be specified. You should add the --dry-run option explicitly if \
             you are scripting this command and want to keep the current default behavior without prompting."
        );
    }
    groups_given(options, "reset-offsets")?;
    for scenario in SCENARIOS {
        let others: Vec<&str> = SCENARIOS.into_iter().filter(|other| *other != scenario).collect();
        options.exclude(scenario, &others)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::consumer_groups::SYNTAX;

    fn checked(line: &str) -> Result<Action, String> {
        let words = line.split_whitespace().map(str::to_owned).collect();
        check(&SYNTAX.read(words).unwrap(), Form::Subcommand).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn what_kafkas_script_refuses_is_refused_in_its_words() {
        let cases = [
            (
                "--describe",
                "Option [describe] takes one of these options: [all-groups], [group]",
            ),
            (
                "--list --members",
                "Option(s) [members] are unavailable given other options on the command line",
            ),
            (
                "--describe --group g --topic t",
                "Option \"[topic]\" can't be used with option \"[describe]\"",
            ),
            (
                "--reset-offsets --dry-run --group g --to-earliest --to-latest",
                "Option \"[to-earliest]\" can't be used with option \"[to-latest]\"",
            ),
            (
                "--list --delete --all-groups",
                "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, \
                 --delete-offsets, --validate-regex",
            ),
        ];
        for (line, message) in cases {
            assert_eq!(checked(line), Err(message.to_owned()), "{line}");
        }
        assert_eq!(checked("--list --state"), Ok(Action::List));
        assert_eq!(
            checked("--describe --all-groups --state --verbose"),
            Ok(Action::Describe)
        );
        assert_eq!(
            checked("--reset-offsets --group g --all-topics --shift-by -1 --execute"),
            Ok(Action::ResetOffsets)
        );
    }
}
