//! Lines as those tools are given them.

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
    let Ok(Parsed::Command(given)) = parse("--bootstrap-server=a:1 remove-controller -i2 --controller-d x --dry-run")
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
