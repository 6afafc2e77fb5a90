//! `riverrun storage`, call by call, against what Apache Kafka 4.3.1's `kafka-storage` said to the same calls.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const KAFKAS: &str = include_str!("storage/kafka-4.3.1.txt");

/// The files that the calls name; Kafka was given the same.
const FILES: [(&str, &str); 3] = [
    (
        "sq.properties",
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:29193
listeners=PLAINTEXT://127.0.0.1:29192,CONTROLLER://127.0.0.1:29193
advertised.listeners=PLAINTEXT://localhost:29192,CONTROLLER://localhost:29193
controller.listener.names=CONTROLLER
log.dirs=@DIR@/sq/d1,@DIR@/sq/d2
",
    ),
    (
        "sv.properties",
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:29193
listeners=PLAINTEXT://127.0.0.1:29192,CONTROLLER://127.0.0.1:29193
controller.listener.names=CONTROLLER
log.dirs=@DIR@/sq/d3
",
    ),
    (
        "sb.properties",
        "process.roles=broker
node.id=1
controller.quorum.bootstrap.servers=localhost:29193
listeners=PLAINTEXT://127.0.0.1:29192
controller.listener.names=CONTROLLER
log.dirs=@DIR@/sq/d4
",
    ),
];

#[test]
fn every_call_is_answered_as_kafka_answers_it() {
    let dir = tempfile::tempdir().unwrap();
    let shown = dir.path().display().to_string();
    for (name, text) in FILES {
        std::fs::write(dir.path().join(name), text.replace("@DIR@", &shown)).unwrap();
    }
    let mut ours = String::new();
    for line in KAFKAS.lines() {
        if let Some(args) = line.strip_prefix("$ ") {
            writeln!(ours, "{line}").unwrap();
            ours += &call(dir.path(), args).replace(&shown, "@DIR@");
        } else if let Some(path) = line.strip_prefix("! rm ") {
            writeln!(ours, "{line}").unwrap();
            std::fs::remove_dir_all(dir.path().join(path)).unwrap();
        } else if line.starts_with('#') {
            writeln!(ours, "{line}").unwrap();
        }
    }
    for (number, (kafkas, ours)) in KAFKAS.lines().zip(ours.lines()).enumerate() {
        assert_eq!(ours, kafkas, "line {} of what Kafka said", number + 1);
    }
    assert_eq!(ours.lines().count(), KAFKAS.lines().count());
}

/// What the tool says, and its exit code, without directories' ids.
fn call(dir: &Path, args: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_riverrun"))
        .arg("storage")
        .args(args.split(' '))
        .current_dir(dir)
        .output()
        .expect("the tool starts");
    let mut said = String::from_utf8(output.stdout).expect("tools print text");
    said += &String::from_utf8(output.stderr).expect("tools print text");
    let mut lines = String::new();
    for line in said.lines() {
        match line.split_once("directory.id=") {
            Some((before, rest)) => {
                let (_, after) = rest
                    .split_once(',')
                    .expect("the directory's id is not the last of the properties");
                writeln!(lines, "{before}directory.id=ID,{after}").expect("a string takes any text");
            }
            None => writeln!(lines, "{line}").expect("a string takes any text"),
        }
    }
    let code = output.status.code().expect("nobody kills the tool");
    format!("{lines}rc={code}\n")
}

#[test]
fn an_id_is_made_that_the_tool_accepts() {
    let output = Command::new(env!("CARGO_BIN_EXE_riverrun"))
        .args(["storage", "random-uuid"])
        .output()
        .unwrap();
    let id = String::from_utf8(output.stdout).unwrap();
    let id: base::Uuid = id.trim().parse().expect("an id");
    assert!(!id.is_reserved());
}
