//! Which command lines make sense, and what they ask for.

use crate::command::Form;
use crate::command::options::{Options, Refusal};
use base::Offset;
use client::consume::StartAt;
use std::time::Duration;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The topic, or the regular expression for topics.
    pub topics: PlannedTopics,
    /// The one partition and where to begin in it.
    pub partition: Option<(i32, StartAt)>,
    /// Whether to begin at the first record.
    pub from_beginning: bool,
    /// How many records to print.
    pub max_messages: Option<u64>,
    /// How long to wait for a record.
    pub timeout: Option<Duration>,
}

/// Which topics.
#[derive(Clone, Debug)]
pub enum PlannedTopics {
    /// This one.
    Named(String),
    /// Those that match a regular expression.
    Matching(String),
}

/// The group to belong to, which may be said in three places, but not differently.
pub fn group(options: &Options, in_file: Option<&str>, in_properties: Option<&str>) -> Result<Option<String>, Refusal> {
    let help = |message: String| Err(Refusal::WithHelp(message));
    let mut said: Vec<&str> = Vec::new();
    for group in [options.value("group")?, in_file, in_properties].into_iter().flatten() {
        if !said.contains(&group) {
            said.push(group);
        }
    }
    if said.len() > 1 {
        let quoted: Vec<String> = said.iter().map(|group| format!("'{group}'")).collect();
        return help(format!(
            "The group ids provided in different places (directly using '--group', via '--consumer-property', or via \
             '--consumer.config') do not match. Detected group ids: {}",
            quoted.join(", ")
        ));
    }
    if !said.is_empty() && options.has("partition") {
        return help(String::from(
            "Options group and partition cannot be specified together.",
        ));
    }
    Ok(said.first().map(|group| (*group).to_owned()))
}

/// Old names of flags, and the new ones.
const RENAMED: [(&str, &str); 3] = [
    ("consumer-property", "command-property"),
    ("consumer.config", "command-config"),
    ("property", "formatter-property"),
];

/// Refuses what Kafka's script refuses.
pub fn check(options: &Options, form: Form) -> Result<Plan, Refusal> {
    let help = |message: &str| Err(Refusal::WithHelp(message.to_owned()));
    for (old, new) in RENAMED {
        if options.has(old) && options.has(new) {
            return help(&format!("Options --{old} and --{new} cannot be specified together."));
        }
        if options.has(old) {
            println!("Warning: --{old} is deprecated and will be removed in a future version. Use --{new} instead.");
        }
    }
    let topics = match (options.value("topic")?, options.value("include")?) {
        (Some(topic), None) => PlannedTopics::Named(topic.to_owned()),
        (None, Some(pattern)) => PlannedTopics::Matching(pattern.to_owned()),
        _ => return help("Exactly one of the following arguments is required: [topic], [include]"),
    };
    let from_beginning = options.has("from-beginning");
    let partition = options.number::<i32>("partition")?;
    if partition.is_some() {
        if !options.has("topic") {
            return help("The topic is required when partition is specified.");
        }
        if from_beginning && options.has("offset") {
            return help("Options from-beginning and offset cannot be specified together.");
        }
    } else if options.has("offset") {
        return help("The partition is required when offset is specified.");
    }
    if form == Form::Script {
        options.require(&["bootstrap-server"])?;
    }
    let start = start(options, from_beginning)?;
    let max_messages = options
        .number::<i64>("max-messages")?
        .and_then(|count| u64::try_from(count).ok());
    let timeout = options
        .number::<i64>("timeout-ms")?
        .and_then(|millis| u64::try_from(millis).ok());
    Ok(Plan {
        topics,
        partition: partition.map(|partition| (partition, start)),
        from_beginning,
        max_messages,
        timeout: timeout.map(Duration::from_millis),
    })
}

fn start(options: &Options, from_beginning: bool) -> Result<StartAt, Refusal> {
    let Some(text) = options.value("offset")? else {
        return Ok(if from_beginning {
            StartAt::Earliest
        } else {
            StartAt::Latest
        });
    };
    match text.to_lowercase().as_str() {
        "earliest" => Ok(StartAt::Earliest),
        "latest" => Ok(StartAt::Latest),
        other => match other.parse() {
            Ok(offset) if offset >= 0 => Ok(StartAt::Offset(Offset(offset))),
            _ => Err(Refusal::WithHelp(format!(
                "The provided offset value '{text}' is incorrect. Valid values are 'earliest', 'latest', or a \
                 non-negative long."
            ))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::console_consumer::SYNTAX;

    fn refusal(line: &str) -> String {
        let options = SYNTAX
            .read(line.split_whitespace().map(str::to_owned).collect())
            .unwrap();
        check(&options, Form::Script).unwrap_err().to_string()
    }

    #[test]
    fn a_group_is_said_once_or_the_same() {
        let read = |line: &str| {
            SYNTAX
                .read(line.split_whitespace().map(str::to_owned).collect())
                .unwrap()
        };
        let options = read("--topic t --group g");
        assert_eq!(group(&options, Some("g"), None), Ok(Some(String::from("g"))));
        assert!(
            group(&options, None, Some("h"))
                .unwrap_err()
                .to_string()
                .ends_with("Detected group ids: 'g', 'h'")
        );
        let options = read("--topic t --partition 0");
        assert_eq!(
            group(&options, None, Some("h")).unwrap_err().to_string(),
            "Options group and partition cannot be specified together."
        );
        assert_eq!(group(&options, None, None), Ok(None));
    }

    #[test]
    fn what_kafkas_script_refuses_is_refused_in_its_words() {
        let cases = [
            ("--topic t", "Missing required argument \"[bootstrap-server]\""),
            (
                "--topic t --include u",
                "Exactly one of the following arguments is required: [topic], [include]",
            ),
            (
                "--topic t --offset 5",
                "The partition is required when offset is specified.",
            ),
            (
                "--include t --partition 5",
                "The topic is required when partition is specified.",
            ),
            (
                "--bootstrap-server a:1 --topic t --partition 0 --offset x",
                "The provided offset value 'x' is incorrect. Valid values are 'earliest', 'latest', or a non-negative \
                 long.",
            ),
            (
                "--topic t --property a=b --formatter-property c=d",
                "Options --property and --formatter-property cannot be specified together.",
            ),
        ];
        for (line, message) in cases {
            assert_eq!(refusal(line), message, "{line}");
        }
    }
}
