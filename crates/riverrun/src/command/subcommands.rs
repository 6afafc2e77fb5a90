//! A command line with commands, as Kafka's newer tools read it: options of the tool, a command, options of the command.
//! Usage lines and refusals are in the words of the library that those tools use.

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// No value.
    Nothing,
    /// Any text; the last one counts.
    Text,
    /// Any text, as often as it is given.
    Texts,
    /// A number of 32 bits.
    Integer,
}

/// Whether an option must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It need not.
    Optional,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// The name, without dashes.
    pub name: &'static str,
    /// The short form, if there is one.
    pub short: Option<char>,
    /// What follows it.
    pub takes: Takes,
    /// Whether it must be given.
    pub need: Need,
    /// The help.
    pub help: &'static str,
}

/// An option that need not be given.
pub const fn optional(name: &'static str, takes: Takes, help: &'static str) -> Argument {
    Argument {
        name,
        short: None,
        takes,
        need: Need::Optional,
        help,
    }
}

impl Argument {
    /// The same with a short form.
    pub const fn or(self, short: char) -> Self {
        Self {
            short: Some(short),
            ..self
        }
    }

    /// The same, but it must be given.
    pub const fn required(self) -> Self {
        Self {
            need: Need::Required,
            ..self
        }
    }

    fn shown(&self) -> String {
        match self.short {
            Some(short) => format!("--{}/-{short}", self.name),
            None => format!("--{}", self.name),
        }
    }

    fn with_value(&self) -> String {
        match self.takes {
            Takes::Nothing => format!("--{}", self.name),
            Takes::Text | Takes::Texts | Takes::Integer => {
                format!("--{} {}", self.name, self.name.to_uppercase().replace('-', "_"))
            }
        }
    }
}

/// Options: each by itself, then those of which only one may be given.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    /// Each by itself.
    pub single: &'static [Argument],
    /// Only one of these.
    pub one_of: &'static [Argument],
    /// Whether one of these must be given.
    pub need: Need,
}

impl Arguments {
    /// No options.
    pub const NONE: Self = Self::of(&[]);

    /// Options each by itself.
    pub const fn of(single: &'static [Argument]) -> Self {
        Self {
            single,
            one_of: &[],
            need: Need::Optional,
        }
    }

    fn all(&self) -> impl Iterator<Item = &'static Argument> + Clone {
        self.one_of.iter().chain(self.single)
    }

    /// The pieces of a usage line.
    fn usage(&self) -> Vec<String> {
        let single = self.single.iter().map(|argument| match argument.need {
            Need::Required => argument.with_value(),
            Need::Optional => format!("[{}]", argument.with_value()),
        });
        single.chain(self.usage_of_one()).collect()
    }

    fn usage_of_one(&self) -> Vec<String> {
        let (open, close) = match self.need {
            Need::Required => ("(", ")"),
            Need::Optional => ("[", "]"),
        };
        let last = self.one_of.len().saturating_sub(1);
        let piece = |(at, argument): (usize, &Argument)| {
            let before = if at == 0 { open } else { "" };
            let after = if at == last { close } else { " |" };
            format!("{before}{}{after}", argument.with_value())
        };
        self.one_of.iter().enumerate().map(piece).collect()
    }

    /// What of the tool's options stands before a command's name in its usage line.
    fn usage_before_command(&self) -> Vec<String> {
        match self.need {
            Need::Required => self.usage_of_one(),
            Need::Optional => Vec::new(),
        }
    }
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Its options.
    pub arguments: Arguments,
}

/// A tool with commands.
#[derive(Clone, Copy, Debug)]
pub struct CommandLine {
    /// The name in usage lines.
    pub program: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// The options before the command.
    pub arguments: Arguments,
    /// The commands.
    pub commands: &'static [Command],
}

/// What was given.
#[derive(Debug)]
pub struct Given {
    /// The command.
    pub command: &'static str,
    values: Vec<(&'static str, String)>,
}

impl Given {
    /// Whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The value of an option, the last if it was given twice.
    pub fn value(&self, name: &str) -> Option<&str> {
        let found = self.values.iter().rfind(|(given, _)| *given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of an option.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let found = self.values.iter().filter(|(given, _)| *given == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of an option that is a number.
    pub fn number(&self, name: &str) -> Option<i32> {
        self.value(name)?.parse().ok()
    }
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Parsed {
    /// To be done.
    Command(Given),
    /// Help, to be shown.
    Help(String),
}

/// Why a command line is refused.
#[derive(Debug)]
pub struct Refused {
    /// The usage line.
    pub usage: String,
    /// What is wrong.
    pub error: String,
}

impl CommandLine {
    /// Reads a command line. `entrance` says whether one of the addresses must be given.
    pub fn parse(&self, args: &[String], entrance: Need) -> Result<Parsed, Refused> {
        let refused = |error: String| Refused {
            usage: self.usage(),
            error,
        };
        let mut values = Vec::new();
        let rest = match read(self.arguments, args, Until::Command, &mut values).map_err(refused)? {
            Some(rest) => rest,
            None => return Ok(Parsed::Help(self.help())),
        };
        let Some((name, rest)) = rest.split_first() else {
            return Err(refused(String::from("too few arguments")));
        };
        let Some(command) = self.commands.iter().find(|command| command.name == name) else {
            return Err(refused(self.no_such_command(name)));
        };
        let refused_by_command = |error: String| Refused {
            usage: self.usage_of(command),
            error,
        };
        if read(command.arguments, rest, Until::End, &mut values)
            .map_err(refused_by_command)?
            .is_none()
        {
            return Ok(Parsed::Help(self.help_of(command)));
        }
        complete(command.arguments, &values, entrance).map_err(refused_by_command)?;
        complete(self.arguments, &values, entrance).map_err(refused)?;
        Ok(Parsed::Command(Given {
            command: command.name,
            values,
        }))
    }

    fn no_such_command(&self, name: &str) -> String {
        let names: Vec<String> = self.commands.iter().map(|known| format!("'{}'", known.name)).collect();
        format!("invalid choice: '{name}' (choose from {})", names.join(", "))
    }

    fn usage(&self) -> String {
        let names: Vec<&str> = self.commands.iter().map(|command| command.name).collect();
        let mut pieces = vec![String::from("[-h]")];
        pieces.extend(self.arguments.usage());
        pieces.push(format!("{{{}}}", names.join(",")));
        pieces.push(String::from("..."));
        self.wrapped(&pieces)
    }

    fn usage_of(&self, command: &Command) -> String {
        let mut pieces = self.arguments.usage_before_command();
        pieces.extend([command.name.to_owned(), String::from("[-h]")]);
        pieces.extend(command.arguments.usage());
        self.wrapped(&pieces)
    }

    /// Pieces in lines of 75 columns, the second and later ones indented.
    fn wrapped(&self, pieces: &[String]) -> String {
        let mut text = format!("usage: {}", self.program);
        let indent = text.len();
        let mut column = indent;
        for (at, piece) in pieces.iter().enumerate() {
            if column + 1 + piece.len() > COLUMNS && at > 0 {
                text += "\n";
                text.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            }
            text += " ";
            text += piece;
            column += 1 + piece.len();
        }
        text
    }

    fn help(&self) -> String {
        let commands = self
            .commands
            .iter()
            .map(|command| (command.name.to_owned(), command.help));
        format!(
            "{}\n\n{}\n\ncommands:\n{}\noptions:\n{}",
            self.usage(),
            self.purpose,
            paragraphs(commands),
            options(self.arguments)
        )
    }

    fn help_of(&self, command: &Command) -> String {
        format!("{}\n\noptions:\n{}", self.usage_of(command), options(command.arguments))
    }
}

const COLUMNS: usize = 75;

fn options(arguments: Arguments) -> String {
    let help = (String::from("-h, --help"), "show this help message and exit");
    let all = arguments.all().map(|argument| {
        let short = argument.short.map(|short| format!(", -{short}")).unwrap_or_default();
        (format!("{}{short}", argument.with_value()), argument.help)
    });
    paragraphs(std::iter::once(help).chain(all))
}

fn paragraphs<'a>(items: impl Iterator<Item = (String, &'a str)>) -> String {
    items
        .map(|(name, help)| format!("  {name}\n        {help}\n"))
        .collect()
}

/// What ends the options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The first word that is none.
    Command,
    /// The end of the line.
    End,
}

/// Reads options; gives what is left, or nothing where help is asked for.
fn read<'a>(
    arguments: Arguments,
    args: &'a [String],
    until: Until,
    values: &mut Vec<(&'static str, String)>,
) -> Result<Option<&'a [String]>, String> {
    let mut at = 0;
    while let Some(word) = args.get(at) {
        if !looks_like_option(word) {
            match until {
                Until::Command => return Ok(Some(&args[at..])),
                Until::End => return Err(format!("unrecognized arguments: '{word}'")),
            }
        }
        if matches!(word.as_str(), "-h" | "--help") {
            return Ok(None);
        }
        at += 1;
        let Some((argument, inline)) = find(arguments, word) else {
            return Err(format!("unrecognized arguments: '{word}'"));
        };
        let value = match (argument.takes, inline) {
            (Takes::Nothing, None) => String::new(),
            (Takes::Nothing, Some(inline)) => {
                return Err(format!(
                    "argument {}: ignored explicit argument '{inline}'",
                    argument.shown()
                ));
            }
            (_, Some(inline)) => inline,
            (_, None) => {
                let next = args.get(at).filter(|next| !looks_like_option(next));
                at += 1;
                next.cloned()
                    .ok_or_else(|| format!("argument {}: expected one argument", argument.shown()))?
            }
        };
        check(arguments, argument, &value, values)?;
        values.push((argument.name, value));
    }
    Ok(Some(&[]))
}

/// Negative numbers are values.
fn looks_like_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && word.parse::<i64>().is_err()
}

/// The option that a word is, or is the beginning of, and the value that hangs on it.
fn find(arguments: Arguments, word: &str) -> Option<(&'static Argument, Option<String>)> {
    let (flag, inline) = match word.split_once('=') {
        Some((flag, value)) => (flag, Some(value.to_owned())),
        None => (word, None),
    };
    let Some(name) = flag.strip_prefix("--") else {
        let mut letters = word.strip_prefix('-')?.chars();
        let short = letters.next()?;
        let argument = arguments.all().find(|argument| argument.short == Some(short))?;
        let rest = letters.as_str();
        return Some((argument, (!rest.is_empty()).then(|| rest.to_owned())));
    };
    if let Some(argument) = arguments.all().find(|argument| argument.name == name) {
        return Some((argument, inline));
    }
    let mut begun = arguments.all().filter(|argument| argument.name.starts_with(name));
    match (begun.next(), begun.next()) {
        (Some(argument), None) => Some((argument, inline)),
        _ => None,
    }
}

fn check(
    arguments: Arguments,
    argument: &Argument,
    value: &str,
    values: &[(&'static str, String)],
) -> Result<(), String> {
    let is_one = |name: &str| arguments.one_of.iter().find(|one| one.name == name);
    if is_one(argument.name).is_some() {
        let other = values
            .iter()
            .find_map(|(given, _)| is_one(given).filter(|one| one.name != argument.name));
        if let Some(other) = other {
            let (shown, other) = (argument.shown(), other.shown());
            return Err(format!("argument {shown}: not allowed with argument {other}"));
        }
    }
    if argument.takes == Takes::Integer && value.parse::<i32>().is_err() {
        return Err(format!(
            "argument {}: could not convert '{value}' to Integer (For input string: \"{value}\")",
            argument.shown()
        ));
    }
    Ok(())
}

/// Whether everything that must be given was.
fn complete(arguments: Arguments, values: &[(&'static str, String)], entrance: Need) -> Result<(), String> {
    let is_given = |argument: &&Argument| values.iter().any(|(name, _)| *name == argument.name);
    let absent = |argument: &&Argument| argument.need == Need::Required && !is_given(argument);
    // The last one first, as that library does.
    if let Some(argument) = arguments.single.iter().rev().find(absent) {
        return Err(format!("argument {} is required", argument.shown()));
    }
    let must = arguments.need == Need::Required && entrance == Need::Required;
    if must && !arguments.one_of.iter().any(|argument| is_given(&argument)) {
        let names: Vec<String> = arguments.one_of.iter().map(Argument::shown).collect();
        return Err(format!("one of the arguments {} is required", names.join(" ")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: CommandLine = CommandLine {
        program: "kafka-metadata-quorum",
        purpose: "A tool.",
        arguments: Arguments {
            single: &[optional("command-config", Takes::Text, "")],
            one_of: &[
                optional("bootstrap-server", Takes::Text, ""),
                optional("bootstrap-controller", Takes::Text, ""),
            ],
            need: Need::Required,
        },
        commands: &[
            Command {
                name: "describe",
                help: "",
                arguments: Arguments::of(&[
                    optional("status", Takes::Nothing, ""),
                    optional("replication", Takes::Nothing, ""),
                    optional("human-readable", Takes::Nothing, ""),
                ]),
            },
            Command {
                name: "remove-controller",
                help: "",
                arguments: Arguments::of(&[
                    optional("controller-id", Takes::Integer, "").or('i').required(),
                    optional("controller-directory-id", Takes::Text, "").or('d').required(),
                    optional("dry-run", Takes::Nothing, ""),
                ]),
            },
        ],
    };

    fn parse(line: &str) -> Result<Parsed, Refused> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        LINE.parse(&args, Need::Required)
    }

    #[test]
    fn options_are_read_in_every_form() {
        let Ok(Parsed::Command(given)) =
            parse("--bootstrap-server=a:1 remove-controller -i2 --controller-d x --dry-run")
        else {
            panic!("it is a command line of Kafka's");
        };
        assert_eq!(given.value("bootstrap-server"), Some("a:1"));
        assert_eq!((given.number("controller-id"), given.has("dry-run")), (Some(2), true));
        assert_eq!(given.value("controller-directory-id"), Some("x"));
    }

    #[test]
    fn usage_is_wrapped_as_kafkas() {
        let usage = parse("").unwrap_err().usage;
        let lines: Vec<&str> = usage.lines().map(str::trim_start).collect();
        assert_eq!(
            lines,
            [
                "usage: kafka-metadata-quorum [-h] [--command-config COMMAND_CONFIG]",
                "(--bootstrap-server BOOTSTRAP_SERVER |",
                "--bootstrap-controller BOOTSTRAP_CONTROLLER)",
                "{describe,remove-controller} ...",
            ]
        );
        let usage = parse("--bootstrap-server a remove-controller").unwrap_err().usage;
        assert!(usage.ends_with("[--dry-run]"), "{usage}");
        assert!(usage.contains("remove-controller [-h]\n"), "{usage}");
    }

    #[test]
    fn refusals_are_kafkas() {
        for (line, says) in [
            ("", "too few arguments"),
            (
                "nope",
                "invalid choice: 'nope' (choose from 'describe', 'remove-controller')",
            ),
            (
                "describe",
                "one of the arguments --bootstrap-server --bootstrap-controller is required",
            ),
            (
                "--bootstrap-server a --bootstrap-controller b describe",
                "argument --bootstrap-controller: not allowed with argument --bootstrap-server",
            ),
            (
                "--bootstrap-server a remove-controller -i 1",
                "argument --controller-directory-id/-d is required",
            ),
            (
                "--bootstrap-server a remove-controller -i x",
                "argument --controller-id/-i: could not convert 'x' to Integer (For input string: \"x\")",
            ),
            (
                "--bootstrap-server a describe --nope",
                "unrecognized arguments: '--nope'",
            ),
        ] {
            assert_eq!(parse(line).unwrap_err().error, says, "{line}");
        }
    }
}
