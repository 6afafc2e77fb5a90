//! The everyday tools against Apache Kafka and against Riverrun: one script, one transcript.
//!
//! The transcript was compared, line by line, with what Apache Kafka 4.3.1's own scripts print.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use expect_test::expect_file;
use testkit::{Cluster, KafkaBroker, RiverrunBroker, Settings};

/// One tool a line; a line that begins with `<` is the stdin of the next one, its lines separated by `|`. A tool after
/// `until TEXT =>` or `without TEXT =>` is called until it prints the text, or no longer does: brokers take settings over a
/// moment after they were made. A tool after `&` goes on in the background until the line `kill`, which ends it by SIGTERM.
const SCRIPT: &str = include_str!("tools/script.txt");

/// The same for groups.
const GROUPS: &str = include_str!("tools/groups.txt");

/// How long the whole script may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn the_tools_print_the_same_with_apache_kafka() {
    let kafka = KafkaBroker::start(&Settings::default()).expect("Kafka starts");
    expect_file!["tools/transcript.txt"].assert_eq(&play(&kafka, SCRIPT));
    expect_file!["tools/groups-transcript.txt"].assert_eq(&play(&kafka, GROUPS));
}

#[test]
fn the_tools_print_the_same_with_riverrun() {
    let riverrun = RiverrunBroker::start(&Settings::default()).expect("Riverrun starts");
    expect_file!["tools/transcript.txt"].assert_eq(&play(&riverrun, SCRIPT));
    expect_file!["tools/groups-transcript.txt"].assert_eq(&play(&riverrun, GROUPS));
}

#[test]
fn a_closed_stdout_ends_a_tool_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_riverrun"))
        .args(["dump-log", "--help"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the tool ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

fn play(broker: &impl Cluster, script: &str) -> String {
    let mut transcript = String::new();
    let mut stdin = String::new();
    let started = Instant::now();
    let mut background = Vec::new();
    for line in script.lines() {
        if let Some(line) = line.strip_prefix("& ") {
            writeln!(transcript, "& {line}").expect("a string takes any text");
            background.push(start(broker.bootstrap(), line));
            continue;
        }
        if line == "kill" {
            for child in background.drain(..) {
                let code = terminate(child);
                writeln!(transcript, "ended: {code}").expect("a string takes any text");
            }
            continue;
        }
        if let Some(input) = line.strip_prefix("< ") {
            stdin = input.replace('|', "\n") + "\n";
            continue;
        }
        let (line, awaited) = awaited(line);
        let (code, output, errors) = loop {
            let (code, output, errors) = run(broker.bootstrap(), line, &std::mem::take(&mut stdin));
            if awaited.is_none_or(|(text, wanted)| output.contains(text) == wanted) {
                break (code, output, errors);
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{line} never printed what was awaited, but: {output}"
            );
        };
        writeln!(transcript, "$ {line}").expect("a string takes any text");
        transcript += &output;
        for error in errors.lines() {
            writeln!(transcript, "stderr: {error}").expect("a string takes any text");
        }
        writeln!(transcript, "exit: {code}").expect("a string takes any text");
    }
    normal(&transcript, broker)
}

/// A line of the script without its condition, and the text with whether it must be there.
fn awaited(line: &str) -> (&str, Option<(&str, bool)>) {
    for (word, wanted) in [("until ", true), ("without ", false)] {
        if let Some((text, rest)) = line.strip_prefix(word).and_then(|rest| rest.split_once(" => ")) {
            return (rest, Some((text, wanted)));
        }
    }
    (line, None)
}

fn start(bootstrap: &str, line: &str) -> Child {
    let mut words = line.split(' ');
    Command::new(env!("CARGO_BIN_EXE_riverrun"))
        .arg(words.next().expect("a tool"))
        .args(["--bootstrap-server", bootstrap])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool starts")
}

/// Ends a tool by SIGTERM, and gives its exit code.
fn terminate(mut child: Child) -> i32 {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.expect("kill is there").success(), "{pid} is gone");
    child.wait().expect("the tool ends").code().unwrap_or(-1)
}

fn run(bootstrap: &str, line: &str, stdin: &str) -> (i32, String, String) {
    let mut child = start(bootstrap, line);
    // A tool that reads no input may be gone before it is written.
    let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("the tool ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("tools print text");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// What differs from run to run: addresses, directories, ids of topics and members.
fn normal(transcript: &str, broker: &impl Cluster) -> String {
    let directory = broker.data_dir().display().to_string();
    let text = transcript
        .replace(broker.bootstrap(), "HOST:PORT")
        .replace(&directory, "DIRECTORY");
    let mut result = String::new();
    for line in text.lines() {
        match line.split_once("\tTopicId: ") {
            Some((before, after)) => {
                let (_, rest) = after.split_once('\t').unwrap_or((after, ""));
                writeln!(result, "{before}\tTopicId: ID\t{rest}").expect("a string takes any text");
            }
            None => writeln!(result, "{}", without_uuid(line)).expect("a string takes any text"),
        }
    }
    result
}

/// A line in which the first UUID is another one of the same length.
fn without_uuid(line: &str) -> String {
    let found = line.as_bytes().windows(SOME_ID.len()).position(is_uuid);
    match found {
        Some(at) => format!("{}{SOME_ID}{}", &line[..at], &line[at + SOME_ID.len()..]),
        None => line.to_owned(),
    }
}

const SOME_ID: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

fn is_uuid(text: &[u8]) -> bool {
    let shape = SOME_ID.bytes().zip(text);
    shape.into_iter().all(|(shape, letter)| match shape {
        b'-' => *letter == b'-',
        _ => letter.is_ascii_hexdigit(),
    })
}
