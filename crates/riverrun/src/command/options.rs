//! Command lines as Kafka's tools read them: `--name value`, `--name=value`, `-name`, unambiguous abbreviations, and the
//! refusals in the words that Kafka's scripts use.

use super::{Form, Invocation};
use std::process::ExitCode;
use std::str::FromStr;

/// What follows a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing.
    None,
    /// A value, called this in the help.
    Required(&'static str),
    /// A value or nothing, called this in the help.
    Optional(&'static str),
}

/// One flag of a tool.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// The name, without dashes.
    pub name: &'static str,
    /// What follows it.
    pub argument: Argument,
    /// The help.
    pub help: &'static str,
}

/// A flag without a value.
pub const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        argument: Argument::None,
        help,
    }
}

/// A flag with a value.
pub const fn valued(name: &'static str, value: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        argument: Argument::Required(value),
        help,
    }
}

/// The command line of a tool: its purpose in a sentence and its flags (`help` and `version` are understood).
#[derive(Clone, Copy, Debug)]
pub struct Syntax {
    /// The sentence that heads the help.
    pub purpose: &'static str,
    /// The flags, sorted by name.
    pub flags: &'static [Flag],
    /// What is shown with a flag that is not known, or used wrongly.
    pub bad_flags: BadFlags,
}

/// What Kafka's script shows with a flag that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFlags {
    /// One line.
    Line,
    /// One line and the help.
    Help,
}

/// A command line that cannot be obeyed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Said in one line.
    #[error("{0}")]
    Plain(String),
    /// Said in one line, followed by the help.
    #[error("{0}")]
    WithHelp(String),
}

/// What a command line says.
#[derive(Clone, Debug)]
pub struct Options {
    given: Vec<(&'static str, Option<String>)>,
    /// What belongs to no flag.
    pub rest: Vec<String>,
}

/// Either the options to act on, or the exit code when the command line asked only for help or the version.
pub enum Parsed {
    /// To act on.
    Act(Options),
    /// Already answered.
    Done(ExitCode),
}

const BUILT_IN: &[Flag] = &[
    switch("help", "Show this help."),
    switch("version", "Show the version."),
];

impl Syntax {
    /// Reads a command line; answers `--help`, `--version` and the empty command line itself.
    pub fn parse(&self, args: Vec<String>, form: Form) -> Result<Parsed, Refusal> {
        let nothing_given = args.is_empty();
        let options = self.read(args).map_err(|refusal| match self.bad_flags {
            BadFlags::Line => refusal,
            BadFlags::Help => Refusal::WithHelp(refusal.to_string()),
        })?;
        if nothing_given || options.has("help") {
            return Ok(Parsed::Done(self.show_help(form)));
        }
        if options.has("version") {
            println!("{}", env!("CARGO_PKG_VERSION"));
            return Ok(Parsed::Done(ExitCode::SUCCESS));
        }
        Ok(Parsed::Act(options))
    }

    /// Reads the command line and does `work` with it; a refusal is told in Kafka's way.
    pub fn run(
        &self,
        call: Invocation,
        work: impl FnOnce(&Options, Form) -> anyhow::Result<ExitCode>,
    ) -> anyhow::Result<ExitCode> {
        let form = call.form;
        let done = match self.parse(call.args, form) {
            Ok(Parsed::Done(code)) => Ok(code),
            Ok(Parsed::Act(options)) => work(&options, form),
            Err(refusal) => Err(refusal.into()),
        };
        done.or_else(|error| match error.downcast_ref::<Refusal>() {
            Some(refusal) => Ok(self.refuse(refusal)),
            None => Err(error),
        })
    }

    /// Says why a command line is refused, and gives the exit code.
    pub fn refuse(&self, refusal: &Refusal) -> ExitCode {
        eprintln!("{refusal}");
        if let Refusal::WithHelp(_) = refusal {
            eprint!("{}", self.help());
        }
        ExitCode::FAILURE
    }

    /// The help: Kafka's scripts give it on stderr and fail; our own form gives it on stdout and succeeds.
    fn show_help(&self, form: Form) -> ExitCode {
        match form {
            Form::Subcommand => {
                println!("{}", self.purpose);
                print!("{}", self.help());
                ExitCode::SUCCESS
            }
            Form::Script => {
                eprintln!("{}", self.purpose);
                eprint!("{}", self.help());
                ExitCode::FAILURE
            }
        }
    }

    /// Reads a command line; help and version are flags like others.
    pub fn read(&self, args: Vec<String>) -> Result<Options, Refusal> {
        let mut given = Vec::new();
        let mut rest = Vec::new();
        let mut args = args.into_iter().peekable();
        while let Some(arg) = args.next() {
            if arg == "--" {
                rest.extend(args);
                break;
            }
            if !looks_like_flag(&arg) {
                rest.push(arg);
                continue;
            }
            let text = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).unwrap_or(&arg);
            let (name, inline) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (text, None),
            };
            let flag = self
                .find(name)
                .ok_or_else(|| refused(format!("{name} is not a recognized option")))?;
            let value = match flag.argument {
                Argument::None if inline.is_some() => {
                    return Err(refused(format!("Option {} does not allow an argument", flag.name)));
                }
                Argument::None => None,
                Argument::Required(_) => match inline.or_else(|| args.next()) {
                    Some(value) => Some(value),
                    None => return Err(refused(format!("Option {} requires an argument", flag.name))),
                },
                Argument::Optional(_) => inline.or_else(|| args.next_if(|next| !looks_like_flag(next))),
            };
            given.push((flag.name, value));
        }
        Ok(Options { given, rest })
    }

    fn find(&self, name: &str) -> Option<Flag> {
        let all = || self.flags.iter().chain(BUILT_IN);
        if let Some(flag) = all().find(|flag| flag.name == name) {
            return Some(*flag);
        }
        let mut candidates = all().filter(|flag| flag.name.starts_with(name) && !name.is_empty());
        match (candidates.next(), candidates.next()) {
            (Some(flag), None) => Some(*flag),
            _ => None,
        }
    }

    /// The help text: one flag a paragraph.
    pub fn help(&self) -> String {
        let mut text = String::new();
        for flag in self.flags.iter().chain(BUILT_IN) {
            let value = match flag.argument {
                Argument::None => String::new(),
                Argument::Required(value) => format!(" <{value}>"),
                Argument::Optional(value) => format!(" [<{value}>]"),
            };
            let head = format!("--{}{value}", flag.name);
            if head.len() < 38 {
                text += &format!("{head:<38}  {}\n", flag.help);
            } else {
                text += &format!("{head}\n{:<38}  {}\n", "", flag.help);
            }
        }
        text
    }
}

/// `-` alone and negative numbers are values.
fn looks_like_flag(arg: &str) -> bool {
    match arg.strip_prefix('-') {
        None | Some("") => false,
        Some(text) => !text.starts_with(|first: char| first.is_ascii_digit()),
    }
}

fn refused(message: String) -> Refusal {
    Refusal::Plain(message)
}

impl Options {
    /// Whether a flag was given.
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// The value of a flag; refused if it was given twice.
    pub fn value(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.values(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Refusal::Plain(format!(
                "Found multiple arguments for option {name}, but you asked for only one"
            )));
        }
        Ok(first)
    }

    /// The values of a flag, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.given
            .iter()
            .filter(move |(given, _)| *given == name)
            .filter_map(|(_, value)| value.as_deref())
    }

    /// The value of a flag as a number.
    pub fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, Refusal> {
        let Some(text) = self.value(name)? else {
            return Ok(None);
        };
        let parsed = text.parse();
        parsed
            .map(Some)
            .map_err(|_| Refusal::Plain(format!("Cannot parse argument '{text}' of option {name}")))
    }

    /// The flags in the order they were given, with their values.
    pub fn in_order(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        self.given.iter().map(|(name, value)| (*name, value.as_deref()))
    }

    /// Refuses the absence of any of `names`, as Kafka's scripts do.
    pub fn require(&self, names: &[&str]) -> Result<(), Refusal> {
        match names.iter().find(|name| !self.has(name)) {
            Some(name) => Err(Refusal::WithHelp(format!("Missing required argument \"[{name}]\""))),
            None => Ok(()),
        }
    }

    /// Refuses `name` together with any of `others`.
    pub fn exclude(&self, name: &str, others: &[&str]) -> Result<(), Refusal> {
        if !self.has(name) {
            return Ok(());
        }
        match others.iter().find(|other| self.has(other)) {
            Some(other) => Err(Refusal::WithHelp(format!(
                "Option \"[{name}]\" can't be used with option \"[{other}]\""
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: Syntax = Syntax {
        purpose: "A tool.",
        bad_flags: BadFlags::Line,
        flags: &[
            Flag {
                name: "codec",
                argument: Argument::Optional("codec"),
                help: "",
            },
            switch("list", ""),
            valued("partitions", "count", ""),
            valued("topic", "name", ""),
            valued("topic-id", "id", ""),
        ],
    };

    fn read(line: &str) -> Result<Options, Refusal> {
        SYNTAX.read(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn flags_are_read_as_kafkas_scripts_read_them() {
        for line in [
            "--topic t --list",
            "--topic=t -list",
            "-topic t --li",
            "--list --topic t x",
        ] {
            let options = read(line).unwrap();
            assert_eq!(options.value("topic"), Ok(Some("t")), "{line}");
            assert!(options.has("list"), "{line}");
        }
        assert_eq!(read("--part -1").unwrap().number::<i32>("partitions"), Ok(Some(-1)));
        assert_eq!(read("--codec --list").unwrap().value("codec"), Ok(None));
        assert_eq!(read("--codec zstd a").unwrap().rest, ["a"]);
    }

    #[test]
    fn refusals_are_in_kafkas_words() {
        let message = |line| read(line).unwrap_err().to_string();
        assert_eq!(message("--nope"), "nope is not a recognized option");
        assert_eq!(message("--topi x"), "topi is not a recognized option");
        assert_eq!(message("--topic"), "Option topic requires an argument");
        let twice = read("--topic a --topic b").unwrap();
        assert_eq!(
            twice.value("topic").unwrap_err().to_string(),
            "Found multiple arguments for option topic, but you asked for only one"
        );
        assert_eq!(
            read("--partitions x")
                .unwrap()
                .number::<i32>("partitions")
                .unwrap_err()
                .to_string(),
            "Cannot parse argument 'x' of option partitions"
        );
        assert_eq!(
            read("--list").unwrap().require(&["topic"]).unwrap_err().to_string(),
            "Missing required argument \"[topic]\""
        );
    }
}
