//! The command line of the storage tool: a subcommand, then flags in a long and a short form.

use std::fmt::Write;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Info,
    Format,
    VersionMapping,
    FeatureDependencies,
    RandomUuid,
}

/// How often a flag may be given, and whether a value follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    Values,
}

struct Flag {
    long: &'static str,
    short: char,
    takes: Takes,
    required: Required,
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Required {
    Yes,
    No,
}

struct Subcommand {
    command: Command,
    name: &'static str,
    help: &'static str,
    /// Those required first, in the order in which their absence is reported.
    flags: &'static [Flag],
    /// Flags of which at most one may be given.
    exclusive: &'static [&'static str],
}

const fn flag(long: &'static str, short: char, takes: Takes, required: Required, help: &'static str) -> Flag {
    Flag {
        long,
        short,
        takes,
        required,
        help,
    }
}

const CONFIG: Flag = flag(
    "config",
    'c',
    Takes::Value,
    Required::Yes,
    "the node's server.properties",
);

const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        command: Command::Info,
        name: "info",
        help: "show what is in the log directories of this node",
        flags: &[CONFIG],
        exclusive: &[],
    },
    Subcommand {
        command: Command::Format,
        name: "format",
        help: "format the log directories of this node",
        flags: &[
            flag(
                "cluster-id",
                't',
                Takes::Value,
                Required::Yes,
                "the cluster's id, the same on all its nodes",
            ),
            CONFIG,
            flag(
                "add-scram",
                'S',
                Takes::Values,
                Required::No,
                "a SCRAM credential to begin with (not built yet)",
            ),
            flag(
                "ignore-formatted",
                'g',
                Takes::Nothing,
                Required::No,
                "leave directories that are formatted already as they are, instead of refusing",
            ),
            flag(
                "release-version",
                'r',
                Takes::Value,
                Required::No,
                "the release whose feature levels the cluster begins with, from 3.3-IV3 to 4.3-IV0 (the default)",
            ),
            flag(
                "feature",
                'f',
                Takes::Values,
                Required::No,
                "one feature's level, such as group.version=1; may be repeated",
            ),
            flag(
                "standalone",
                's',
                Takes::Nothing,
                Required::No,
                "this controller begins as the only voter of a quorum that can grow; controller.quorum.voters must not \
                 be set, controller.quorum.bootstrap.servers is set instead",
            ),
            flag(
                "no-initial-controllers",
                'N',
                Takes::Nothing,
                Required::No,
                "the voters are not known yet: this node will find them through controller.quorum.bootstrap.servers",
            ),
            flag(
                "initial-controllers",
                'I',
                Takes::Value,
                Required::No,
                "the first voters, id@host:port:directory separated by commas, the same on all of them",
            ),
        ],
        exclusive: &["standalone", "no-initial-controllers", "initial-controllers"],
    },
    Subcommand {
        command: Command::VersionMapping,
        name: "version-mapping",
        help: "show the feature levels that a release begins with",
        flags: &[flag(
            "release-version",
            'r',
            Takes::Value,
            Required::No,
            "the release; the latest if not given",
        )],
        exclusive: &[],
    },
    Subcommand {
        command: Command::FeatureDependencies,
        name: "feature-dependencies",
        help: "show which other levels a feature's level rests on",
        flags: &[flag(
            "feature",
            'f',
            Takes::Values,
            Required::Yes,
            "a feature's level, such as group.version=1; may be repeated",
        )],
        exclusive: &[],
    },
    Subcommand {
        command: Command::RandomUuid,
        name: "random-uuid",
        help: "print a new id, for a cluster or a directory",
        flags: &[],
        exclusive: &[],
    },
];

/// What the command line says.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) command: Command,
    given: Vec<(&'static str, String)>,
}

impl Arguments {
    /// Whether the flag was given.
    pub(super) fn has(&self, long: &str) -> bool {
        self.value(long).is_some()
    }

    /// The flag's value; the last if there are several.
    pub(super) fn value(&self, long: &str) -> Option<&str> {
        let found = self.given.iter().rfind(|(name, _)| *name == long);
        found.map(|(_, value)| value.as_str())
    }

    /// All the flag's values.
    pub(super) fn values(&self, long: &str) -> Vec<&str> {
        let of_flag = self.given.iter().filter(|(name, _)| *name == long);
        of_flag.map(|(_, value)| value.as_str()).collect()
    }
}

/// Either something to do, or the help.
#[derive(Debug)]
pub(super) enum Parsed {
    Run(Arguments),
    Help(String),
}

/// Reads the command line; a refusal is the text to print.
pub(super) fn parse(args: Vec<String>) -> Result<Parsed, String> {
    let names = || SUBCOMMANDS.iter().map(|known| known.name).collect::<Vec<_>>();
    let mut args = args.into_iter();
    let Some(name) = args.next() else {
        return Err(refusal(None, "too few arguments"));
    };
    if matches!(name.as_str(), "-h" | "--help") {
        return Ok(Parsed::Help(overview()));
    }
    let Some(subcommand) = SUBCOMMANDS.iter().find(|known| known.name == name) else {
        let message = format!("invalid choice: '{name}' (choose from '{}')", names().join("', '"));
        return Err(refusal(None, &message));
    };
    parse_flags(subcommand, args)
}

fn parse_flags(subcommand: &Subcommand, mut args: impl Iterator<Item = String>) -> Result<Parsed, String> {
    let refuse = |message: &str| Err(refusal(Some(subcommand), message));
    let mut given: Vec<(&'static str, String)> = Vec::new();
    while let Some(arg) = args.next() {
        if matches!(arg.as_str(), "-h" | "--help") {
            return Ok(Parsed::Help(help(subcommand)));
        }
        let Some((flag, inline)) = find(subcommand, &arg) else {
            return refuse(&format!("unrecognized arguments: '{arg}'"));
        };
        let value = match (
            flag.takes,
            inline.or_else(|| (flag.takes != Takes::Nothing).then(|| args.next()).flatten()),
        ) {
            (Takes::Nothing, None) => String::new(),
            (Takes::Nothing, Some(_)) => {
                return refuse(&format!("argument {}: ignored explicit argument", shown(flag)));
            }
            (Takes::Value | Takes::Values, Some(value)) => value,
            (Takes::Value | Takes::Values, None) => {
                return refuse(&format!("argument {}: expected one argument", shown(flag)));
            }
        };
        let clash = |name: &str| subcommand.exclusive.contains(&name) && name != flag.long;
        if let Some((other, _)) = given.iter().find(|(name, _)| clash(name))
            && subcommand.exclusive.contains(&flag.long)
            && let Some(other) = subcommand.flags.iter().find(|known| known.long == *other)
        {
            return refuse(&format!(
                "argument {}: not allowed with argument {}",
                shown(flag),
                shown(other)
            ));
        }
        given.push((flag.long, value));
    }
    let is_given = |flag: &Flag| given.iter().any(|(name, _)| *name == flag.long);
    let missing = subcommand
        .flags
        .iter()
        .find(|flag| flag.required == Required::Yes && !is_given(flag));
    match missing {
        Some(flag) => refuse(&format!("argument {} is required", shown(flag))),
        None => Ok(Parsed::Run(Arguments {
            command: subcommand.command,
            given,
        })),
    }
}

/// The flag that `arg` names, and the value attached to it (`--name=value`, `-nvalue`).
fn find(subcommand: &Subcommand, arg: &str) -> Option<(&'static Flag, Option<String>)> {
    if let Some(long) = arg.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        return subcommand
            .flags
            .iter()
            .find(|flag| flag.long == name)
            .map(|flag| (flag, value));
    }
    let mut letters = arg.strip_prefix('-')?.chars();
    let short = letters.next()?;
    let rest = letters.as_str();
    let flag = subcommand.flags.iter().find(|flag| flag.short == short)?;
    Some((flag, (!rest.is_empty()).then(|| rest.to_owned())))
}

fn shown(flag: &Flag) -> String {
    format!("--{}/-{}", flag.long, flag.short)
}

fn refusal(subcommand: Option<&Subcommand>, message: &str) -> String {
    let usage = subcommand.map_or_else(usage_of_tool, usage);
    format!("{usage}kafka-storage: error: {message}\n")
}

fn usage_of_tool() -> String {
    let names: Vec<&str> = SUBCOMMANDS.iter().map(|known| known.name).collect();
    format!(
        "usage: kafka-storage [-h]\n                     {{{}}}\n                     ...\n",
        names.join(",")
    )
}

fn usage(subcommand: &Subcommand) -> String {
    let mut text = format!("usage: kafka-storage {} [-h]", subcommand.name);
    for flag in subcommand.flags {
        let value = if flag.takes == Takes::Nothing {
            String::new()
        } else {
            format!(" {}", value_name(flag))
        };
        let _ = match flag.required {
            Required::Yes => write!(text, " --{}{value}", flag.long),
            Required::No => write!(text, " [--{}{value}]", flag.long),
        };
    }
    text + "\n"
}

fn value_name(flag: &Flag) -> String {
    flag.long.to_uppercase().replace('-', "_")
}

fn overview() -> String {
    let mut text = usage_of_tool() + "\nThe Kafka storage tool.\n\npositional arguments:\n";
    for subcommand in SUBCOMMANDS {
        let _ = writeln!(text, "    {:<22} {}", subcommand.name, subcommand.help);
    }
    text + "\noptional arguments:\n  -h, --help               show this help message and exit\n"
}

fn help(subcommand: &Subcommand) -> String {
    let mut text = usage(subcommand) + "\noptional arguments:\n  -h, --help\n        show this help message and exit\n";
    for flag in subcommand.flags {
        let value = if flag.takes == Takes::Nothing {
            String::new()
        } else {
            format!(" {}", value_name(flag))
        };
        let _ = writeln!(
            text,
            "  --{}{value}, -{}{value}\n        {}",
            flag.long, flag.short, flag.help
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Parsed, String> {
        parse(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn both_forms_of_flags_are_read() {
        let Ok(Parsed::Run(arguments)) = parse_text("format -cfile --cluster-id=x -s -f a=1 --feature b=2") else {
            panic!("it is a command line of Kafka's");
        };
        assert_eq!(
            (arguments.value("config"), arguments.value("cluster-id")),
            (Some("file"), Some("x"))
        );
        assert_eq!(arguments.values("feature"), ["a=1", "b=2"]);
        assert!(arguments.has("standalone") && !arguments.has("ignore-formatted"));
    }

    #[test]
    fn refusals_are_kafkas() {
        for (text, says) in [
            ("", "kafka-storage: error: too few arguments\n"),
            (
                "nope",
                "invalid choice: 'nope' (choose from 'info', 'format', 'version-mapping', 'feature-dependencies', 'random-uuid')\n",
            ),
            ("info", "kafka-storage: error: argument --config/-c is required\n"),
            (
                "format -c f",
                "kafka-storage: error: argument --cluster-id/-t is required\n",
            ),
            (
                "format -c f -t x -N -s",
                "argument --standalone/-s: not allowed with argument --no-initial-controllers/-N\n",
            ),
            ("feature-dependencies -f a=1 b=2", "unrecognized arguments: 'b=2'\n"),
        ] {
            let refusal = parse_text(text).unwrap_err();
            assert!(
                refusal.starts_with("usage: kafka-storage") && refusal.ends_with(says),
                "{text}: {refusal}"
            );
        }
    }
}
