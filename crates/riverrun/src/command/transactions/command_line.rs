//! A command line as Kafka's newer tools read it: options of the tool, a command, options of the command. Refusals are in
//! the words of the library that those tools use.

use std::collections::BTreeMap;

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Short,
    Integer,
    Long,
}

/// One option of a command.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    name: &'static str,
    kind: Kind,
    need: Need,
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

impl Argument {
    pub const fn required(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            need: Need::Required,
            help,
        }
    }

    pub const fn optional(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            need: Need::Optional,
            help,
        }
    }
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    pub name: &'static str,
    pub help: &'static str,
    pub arguments: &'static [Argument],
}

/// What was given.
#[derive(Debug, Default)]
pub struct Values {
    texts: BTreeMap<&'static str, String>,
    numbers: BTreeMap<&'static str, i64>,
}

impl Values {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// A number, which is in the range of its kind.
    pub fn number<N: TryFrom<i64>>(&self, name: &str) -> Option<N> {
        N::try_from(*self.numbers.get(name)?).ok()
    }
}

/// What a command line asks for.
pub enum Parsed {
    Command(&'static Command, Values),
    /// Help.
    Shown(String),
    Version,
}

/// The options before the command.
const TOOL: &[Argument] = &[
    Argument::optional(
        "bootstrap-server",
        Kind::Text,
        "The brokers to ask first, as HOST:PORT,HOST:PORT.",
    ),
    Argument::optional("command-config", Kind::Text, "Client properties for the connection."),
];

/// The name in usage lines.
const SCRIPT: &str = "kafka-transactions.sh";

/// Reads a command line; the error is the text to print.
pub fn parse(commands: &'static [Command], args: &[String]) -> Result<Parsed, String> {
    let mut values = Values::default();
    let tool = |error: String| format!("{}\n{SCRIPT}: error: {error}", tool_usage(TOOL));
    let rest = match read(TOOL, args, Stop::AtCommand, &mut values).map_err(tool)? {
        Read::Rest(rest) => rest,
        Read::Help => return Ok(Parsed::Shown(tool_help(commands))),
        Read::Version => return Ok(Parsed::Version),
    };
    let Some((name, rest)) = rest.split_first() else {
        return Err(tool(String::from("too few arguments")));
    };
    let Some(command) = commands.iter().find(|command| command.name == name) else {
        let names: Vec<String> = commands.iter().map(|command| format!("'{}'", command.name)).collect();
        return Err(tool(format!(
            "invalid choice: '{name}' (choose from {})",
            names.join(", ")
        )));
    };
    let refused = |error: String| format!("{}\n{SCRIPT}: error: {error}", usage(command));
    match read(command.arguments, rest, Stop::Never, &mut values).map_err(refused)? {
        Read::Help => return Ok(Parsed::Shown(help(command))),
        Read::Rest(_) | Read::Version => {}
    }
    let given = |name: &str| values.texts.contains_key(name) || values.numbers.contains_key(name);
    let absent = |argument: &&Argument| argument.need == Need::Required && !given(argument.name);
    match command.arguments.iter().find(absent) {
        Some(argument) => Err(refused(format!("argument --{} is required", argument.name))),
        None => Ok(Parsed::Command(command, values)),
    }
}

/// What is said if an option of the tool is missing.
pub fn missing(commands: &[Command], name: &str) -> String {
    debug_assert!(!commands.is_empty(), "a tool has commands");
    format!("{}\n{SCRIPT}: error: argument --{name} is required", tool_usage(TOOL))
}

/// Whether words that are no options end the reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    AtCommand,
    Never,
}

enum Read<'a> {
    Rest(&'a [String]),
    Help,
    Version,
}

fn read<'a>(arguments: &[Argument], args: &'a [String], stop: Stop, values: &mut Values) -> Result<Read<'a>, String> {
    let mut at = 0;
    while let Some(word) = args.get(at) {
        let is_option = word.starts_with('-') && word.parse::<i64>().is_err();
        match (is_option, stop) {
            (false, Stop::AtCommand) => return Ok(Read::Rest(&args[at..])),
            (false, Stop::Never) => return Err(format!("unrecognized arguments: '{word}'")),
            (true, _) => {}
        }
        match (word.as_str(), stop) {
            ("-h" | "--help", _) => return Ok(Read::Help),
            ("-v" | "--version", Stop::AtCommand) => return Ok(Read::Version),
            _ => {}
        }
        let (flag, inline) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let argument = find(arguments, flag).ok_or_else(|| format!("unrecognized arguments: '{word}'"))?;
        at += 1;
        let value = match inline {
            Some(value) => value,
            None => {
                let next = args
                    .get(at)
                    .filter(|next| !next.starts_with('-') || next.parse::<i64>().is_ok());
                at += 1;
                let next = next.ok_or_else(|| format!("argument --{}: expected one argument", argument.name))?;
                next.clone()
            }
        };
        keep(values, argument, value)?;
    }
    Ok(Read::Rest(&[]))
}

/// The option of a name, or of the beginning of one.
fn find<'a>(arguments: &'a [Argument], flag: &str) -> Option<&'a Argument> {
    let name = flag.strip_prefix("--")?;
    if let Some(argument) = arguments.iter().find(|argument| argument.name == name) {
        return Some(argument);
    }
    let mut begun = arguments.iter().filter(|argument| argument.name.starts_with(name));
    match (begun.next(), begun.next()) {
        (Some(argument), None) => Some(argument),
        _ => None,
    }
}

fn keep(values: &mut Values, argument: &Argument, value: String) -> Result<(), String> {
    let (class, range) = match argument.kind {
        Kind::Text => {
            values.texts.insert(argument.name, value);
            return Ok(());
        }
        Kind::Short => ("Short", i64::from(i16::MIN)..=i64::from(i16::MAX)),
        Kind::Integer => ("Integer", i64::from(i32::MIN)..=i64::from(i32::MAX)),
        Kind::Long => ("Long", i64::MIN..=i64::MAX),
    };
    match value.parse::<i64>() {
        Ok(number) if range.contains(&number) => {
            values.numbers.insert(argument.name, number);
            Ok(())
        }
        _ => Err(format!(
            "argument --{}: could not convert '{value}' to {class} (For input string: \"{value}\")",
            argument.name
        )),
    }
}

fn shown(argument: &Argument) -> String {
    let text = format!("--{} {}", argument.name, argument.name.to_uppercase().replace('-', "_"));
    match argument.need {
        Need::Required => text,
        Need::Optional => format!("[{text}]"),
    }
}

fn tool_usage(arguments: &[Argument]) -> String {
    debug_assert_eq!(arguments.len(), 2, "the usage names them");
    format!("usage: {SCRIPT} [-h] [-v] [--command-config FILE] --bootstrap-server host:port COMMAND ...")
}

fn usage(command: &Command) -> String {
    let arguments: Vec<String> = command.arguments.iter().map(shown).collect();
    format!(
        "usage: {SCRIPT} --bootstrap-server host:port {} [-h] {}",
        command.name,
        arguments.join(" ")
    )
}

fn lines(arguments: &[Argument]) -> String {
    let line = |argument: &Argument| format!("\n  {:<28}{}", format!("--{}", argument.name), argument.help);
    arguments.iter().map(line).collect()
}

fn tool_help(commands: &[Command]) -> String {
    let line = |command: &Command| format!("\n  {:<28}{}", command.name, command.help);
    let commands: String = commands.iter().map(line).collect();
    format!(
        "{}\n\nShows what transactions are doing, and ends those that hang.\n{}\n\ncommands:{commands}",
        tool_usage(TOOL),
        lines(TOOL)
    )
}

fn help(command: &Command) -> String {
    format!("{}\n\n{}\n{}", usage(command), command.help, lines(command.arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMANDS: &[Command] = &[Command {
        name: "show",
        help: "",
        arguments: &[
            Argument::required("topic", Kind::Text, ""),
            Argument::optional("epoch", Kind::Short, ""),
        ],
    }];

    fn read_line(line: &str) -> Result<Values, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match parse(COMMANDS, &words)? {
            Parsed::Command(_, values) => Ok(values),
            Parsed::Shown(text) => Err(text),
            Parsed::Version => Err(String::from("version")),
        }
    }

    #[test]
    fn commands_have_options_of_their_own() {
        let values = read_line("--bootstrap-server a:1 show --topic t --epoch=-1").unwrap();
        assert_eq!(values.text("topic"), Some("t"));
        assert_eq!(values.number::<i16>("epoch"), Some(-1));
        assert_eq!(values.text("bootstrap-server"), Some("a:1"));
        assert_eq!(
            read_line("show --to t --epoch -3").unwrap().number::<i32>("epoch"),
            Some(-3)
        );
    }

    #[test]
    fn refusals_are_in_the_librarys_words() {
        let refusal = |line: &str| {
            let text = read_line(line).unwrap_err();
            text.lines()
                .last()
                .unwrap()
                .replace("kafka-transactions.sh: error: ", "")
        };
        assert_eq!(refusal(""), "too few arguments");
        assert_eq!(refusal("shw"), "invalid choice: 'shw' (choose from 'show')");
        assert_eq!(refusal("show"), "argument --topic is required");
        assert_eq!(refusal("show --topic"), "argument --topic: expected one argument");
        assert_eq!(refusal("show --topic t x"), "unrecognized arguments: 'x'");
        assert_eq!(refusal("show --nope"), "unrecognized arguments: '--nope'");
        assert_eq!(
            refusal("show --epoch 99999"),
            "argument --epoch: could not convert '99999' to Short (For input string: \"99999\")"
        );
    }
}
