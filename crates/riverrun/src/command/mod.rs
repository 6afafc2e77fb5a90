//! Which tool was asked for: by subcommand (`riverrun topics`) or by the name the binary was called under
//! (`kafka-topics.sh`), as a table of tools.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

mod closed_pipe;
mod cluster;
mod columns;
mod config_providers;
mod configs;
mod connection;
mod console_consumer;
mod console_producer;
mod consumer_groups;
mod consumer_perf_test;
mod dump_log;
mod environment;
mod features;
mod fsck;
mod get_offsets;
mod java;
mod java_exception;
mod leader_election;
mod log_dirs;
mod metadata_quorum;
mod options;
mod producer_perf_test;
mod progress;
mod reassign_partitions;
pub mod serve;
mod storage;
mod subcommand_entrance;
mod subcommands;
mod table;
mod topic_filter;
mod topics;
mod transactions;
mod utf8;

/// How a tool was called, which decides what it may assume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `riverrun topics ..`: our own form, which has a default for `--bootstrap-server`.
    Subcommand,
    /// `kafka-topics.sh ..`: Kafka's form, which refuses what Kafka's script refuses.
    Script,
}

/// One call of a tool.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What follows the tool's name.
    pub args: Vec<String>,
    /// How it was called.
    pub form: Form,
}

/// A tool: its names, what it is for, and the function that does it.
struct Tool {
    /// The subcommand.
    name: &'static str,
    /// The name of Kafka's script, without `.sh`.
    script: &'static str,
    /// One line of help.
    summary: &'static str,
    run: fn(Invocation) -> anyhow::Result<ExitCode>,
}

/// Every tool, in the order of the help.
const TOOLS: &[Tool] = &[
    Tool {
        name: "serve",
        script: "kafka-server-start",
        summary: "run a broker, a controller, or both",
        run: |call| serve::run(call.args),
    },
    Tool {
        name: "storage",
        script: "kafka-storage",
        summary: "format log directories, show what is in them, make a cluster id",
        run: |call| storage::run(call.args),
    },
    Tool {
        name: "topics",
        script: "kafka-topics",
        summary: "create, list, describe, grow and delete topics",
        run: topics::run,
    },
    Tool {
        name: "configs",
        script: "kafka-configs",
        summary: "show and change settings and quotas",
        run: configs::run,
    },
    Tool {
        name: "console-producer",
        script: "kafka-console-producer",
        summary: "send a record for each line of stdin",
        run: console_producer::run,
    },
    Tool {
        name: "console-consumer",
        script: "kafka-console-consumer",
        summary: "print the records of topics",
        run: console_consumer::run,
    },
    Tool {
        name: "consumer-groups",
        script: "kafka-consumer-groups",
        summary: "show groups, their members and their lag; change and delete what they have committed",
        run: consumer_groups::run,
    },
    Tool {
        name: "get-offsets",
        script: "kafka-get-offsets",
        summary: "show the ends of partitions, and offsets by time",
        run: get_offsets::run,
    },
    Tool {
        name: "transactions",
        script: "kafka-transactions",
        summary: "show transactions and producers, find and end transactions that hang",
        run: transactions::run,
    },
    Tool {
        name: "log-dirs",
        script: "kafka-log-dirs",
        summary: "show what lies in the brokers' log directories",
        run: log_dirs::run,
    },
    Tool {
        name: "reassign-partitions",
        script: "kafka-reassign-partitions",
        summary: "move replicas to other brokers and directories",
        run: reassign_partitions::run,
    },
    Tool {
        name: "leader-election",
        script: "kafka-leader-election",
        summary: "elect the preferred leaders, or any where none is left",
        run: leader_election::run,
    },
    Tool {
        name: "cluster",
        script: "kafka-cluster",
        summary: "show the cluster's id and nodes, forget a broker",
        run: cluster::run,
    },
    Tool {
        name: "metadata-quorum",
        script: "kafka-metadata-quorum",
        summary: "show the controllers' quorum, and who votes in it",
        run: metadata_quorum::run,
    },
    Tool {
        name: "features",
        script: "kafka-features",
        summary: "show and change the levels of features",
        run: features::run,
    },
    Tool {
        name: "producer-perf-test",
        script: "kafka-producer-perf-test",
        summary: "send records as fast as asked for, and measure",
        run: producer_perf_test::run,
    },
    Tool {
        name: "consumer-perf-test",
        script: "kafka-consumer-perf-test",
        summary: "read records as fast as they come, and measure",
        run: consumer_perf_test::run,
    },
    Tool {
        name: "dump-log",
        script: "kafka-dump-log",
        summary: "print segments, indexes and snapshots",
        run: dump_log::run,
    },
    Tool {
        name: "fsck",
        script: "riverrun-fsck",
        summary: "look through log directories for damage, and repair what can be repaired",
        run: fsck::run,
    },
];

/// Runs the tool that the process was called for, and gives its exit code.
pub fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    let args: Result<Vec<String>, OsString> = args.map(OsString::into_string).collect();
    let args = match args {
        Ok(args) => args,
        Err(bytes) => {
            eprintln!("{}: an argument is not UTF-8", Path::new(&bytes).display());
            return ExitCode::FAILURE;
        }
    };
    dispatch(&program.to_string_lossy(), args)
}

fn dispatch(program: &str, mut args: Vec<String>) -> ExitCode {
    if let Some(tool) = by_script(program) {
        let form = Form::Script;
        return finish(tool, Invocation { args, form });
    }
    if args.is_empty() {
        eprint!("{}", overview());
        return ExitCode::FAILURE;
    }
    let name = args.remove(0);
    match name.as_str() {
        "help" | "--help" | "-h" => {
            print!("{}", overview());
            ExitCode::SUCCESS
        }
        "--version" | "-V" | "version" => {
            println!("riverrun {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        name => match TOOLS.iter().find(|tool| tool.name == name).or_else(|| by_script(name)) {
            Some(tool) => {
                let form = Form::Subcommand;
                finish(tool, Invocation { args, form })
            }
            None => {
                eprintln!("riverrun: there is no command '{name}'\n\n{}", overview());
                ExitCode::FAILURE
            }
        },
    }
}

/// The tool whose script's name a path ends in, with or without `.sh`.
fn by_script(program: &str) -> Option<&'static Tool> {
    let name = Path::new(program).file_name()?.to_str()?;
    let name = name.strip_suffix(".sh").unwrap_or(name);
    TOOLS.iter().find(|tool| tool.script == name)
}

fn finish(tool: &Tool, call: Invocation) -> ExitCode {
    if tool.name != "serve" {
        closed_pipe::end_quietly();
    }
    (tool.run)(call).unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

fn overview() -> String {
    let mut text = String::from("usage: riverrun COMMAND [ARGUMENT]...\n\n");
    for tool in TOOLS {
        text += &format!("  {:<20}{}\n", tool.name, tool.summary);
    }
    text += "\n'riverrun COMMAND --help' shows a command's options. Called through a link with the name of one of\n\
             Kafka's scripts (kafka-topics.sh), riverrun behaves as that script.\n";
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_known_by_the_name_of_the_link() {
        for path in ["kafka-storage", "kafka-storage.sh", "/opt/kafka/bin/kafka-storage.sh"] {
            assert_eq!(by_script(path).map(|tool| tool.name), Some("storage"), "{path}");
        }
        for path in ["riverrun", "/usr/bin/storage", "kafka-storage.bat", ""] {
            assert!(by_script(path).is_none(), "{path}");
        }
    }
}
