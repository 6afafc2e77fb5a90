//! The everyday tools against Apache Kafka and against Riverrun: one script, one transcript.
//!
//! The transcript was compared, line by line, with what Apache Kafka 4.3.1's own scripts print.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use expect_test::expect_file;
use protocol::Records;
use protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use protocol::messages::end_txn_request::EndTxnRequest;
use protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use testkit::batch::{Batch, Record};
use testkit::{Cluster, Maker, Settings, SingleNode, Wire};

/// One tool a line, which gets `--bootstrap-server`, or the broker's address where `@` stands; a line that begins with `<` is the stdin of the next one, its lines separated by `|`. A tool after
/// `until TEXT =>` or `without TEXT =>` is called until it prints the text, or no longer does: brokers take settings over a
/// moment after they were made. A tool after `&` goes on in the background until the line `kill`, which ends it by SIGTERM.
const SCRIPT: &str = include_str!("tools/script.txt");

/// The same for groups.
const GROUPS: &str = include_str!("tools/groups.txt");

/// The same for transactions.
const TRANSACTIONS: &str = include_str!("tools/transactions.txt");

/// The same for what concerns the cluster as a whole.
const CLUSTER: &str = include_str!("tools/cluster.txt");

/// How long the whole script may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn the_tools_print_the_same_with_apache_kafka() {
    let kafka = SingleNode::start(Maker::Kafka, &settings()).expect("Kafka starts");
    expect_file!["tools/transcript.txt"].assert_eq(&play(&kafka, SCRIPT));
    expect_file!["tools/groups-transcript.txt"].assert_eq(&play(&kafka, GROUPS));
    expect_file!["tools/cluster-transcript.txt"].assert_eq(&without_progress(&play(&kafka, CLUSTER)));
    leave_transactions(&kafka).expect("transactions are left");
    expect_file!["tools/transactions-transcript.txt"].assert_eq(&without_moments(&play(&kafka, TRANSACTIONS)));
}

#[test]
fn the_tools_print_the_same_with_riverrun() {
    let riverrun = SingleNode::start(Maker::Riverrun, &settings()).expect("Riverrun starts");
    expect_file!["tools/transcript.txt"].assert_eq(&play(&riverrun, SCRIPT));
    expect_file!["tools/groups-transcript.txt"].assert_eq(&play(&riverrun, GROUPS));
    expect_file!["tools/cluster-transcript.txt"].assert_eq(&without_progress(&play(&riverrun, CLUSTER)));
    leave_transactions(&riverrun).expect("transactions are left");
    expect_file!["tools/transactions-transcript.txt"].assert_eq(&without_moments(&play(&riverrun, TRANSACTIONS)));
}

/// A broker that takes records of transactions that their coordinator has not heard of.
fn settings() -> Settings {
    Settings::default()
        .with("transaction.partition.verification.enable", "false")
        .with("transaction.state.log.num.partitions", "1")
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

/// When the records of transactions were made: long ago.
const LONG_AGO: i64 = 1_700_000_000_000;

/// A broker that has only just started, or whose topic is being made, is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Leaves transactional ids that have done nothing, that are done and that are not, and a transaction that hangs.
fn leave_transactions(broker: &impl Cluster) -> anyhow::Result<()> {
    let bootstrap = broker.bootstrap();
    let (code, _, errors) = run(bootstrap, "topics --create --topic txt --partitions 3", "");
    anyhow::ensure!(code == 0, "{errors}");
    play(broker, "until txt:2:0 => get-offsets --topic txt");
    let mut wire = Wire::connect(bootstrap)?;
    let find = FindCoordinatorRequest {
        key: String::from("tx-open"),
        key_type: 1,
        ..Default::default()
    };
    wire.call(3, &find)?;
    init_producer(&mut wire, "tx-empty")?;
    let open = init_producer(&mut wire, "tx-open")?;
    add_partition(&mut wire, "tx-open", open)?;
    produce(&mut wire, 0, open)?;
    let done = init_producer(&mut wire, "tx-done")?;
    add_partition(&mut wire, "tx-done", done)?;
    produce(&mut wire, 0, done)?;
    let end = EndTxnRequest {
        transactional_id: String::from("tx-done"),
        producer_id: done.0,
        producer_epoch: done.1,
        committed: true,
    };
    anyhow::ensure!(wire.call(3, &end)?.error_code == 0, "tx-done is committed");
    produce(&mut wire, 1, (4242, 3))?;
    play(
        broker,
        "until CompleteCommit => transactions list --transactional-id-pattern tx-done",
    );
    Ok(())
}

fn init_producer(wire: &mut Wire, id: &str) -> anyhow::Result<(i64, i16)> {
    let request = InitProducerIdRequest {
        transactional_id: Some(id.to_owned()),
        transaction_timeout_ms: 900_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let started = Instant::now();
    loop {
        let answer = wire.call(4, &request)?;
        if answer.error_code == 0 {
            return Ok((answer.producer_id, answer.producer_epoch));
        }
        anyhow::ensure!(started.elapsed() < PATIENCE, "{id}: {answer:?}");
        std::thread::sleep(PAUSE);
    }
}

fn add_partition(wire: &mut Wire, id: &str, producer: (i64, i16)) -> anyhow::Result<()> {
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: id.to_owned(),
        v3_and_below_producer_id: producer.0,
        v3_and_below_producer_epoch: producer.1,
        v3_and_below_topics: vec![AddPartitionsToTxnTopic {
            name: String::from("txt"),
            partitions: vec![0],
        }],
        ..Default::default()
    };
    let answer = wire.call(3, &request)?;
    let result = &answer.results_by_topic_v3_and_below[0].results_by_partition[0];
    anyhow::ensure!(result.partition_error_code == 0, "{answer:?}");
    Ok(())
}

fn produce(wire: &mut Wire, partition: i32, producer: (i64, i16)) -> anyhow::Result<()> {
    let mut batch = Batch::new(LONG_AGO, vec![Record::value("v")]).from_producer(producer.0, producer.1, 0);
    batch.attributes |= 1 << 4;
    let request = ProduceRequest {
        transactional_id: Some(String::from("whoever")),
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![TopicProduceData {
            name: String::from("txt"),
            partition_data: vec![PartitionProduceData {
                index: partition,
                records: Some(Records::Bytes(batch.encode().into())),
            }],
            ..Default::default()
        }],
    };
    let answer = wire.call(11, &request)?;
    let error = answer.responses[0].partition_responses[0].error_code;
    anyhow::ensure!(error == 0, "{answer:?}");
    Ok(())
}

/// Moments and long durations, as other digits of the same number.
fn without_moments(transcript: &str) -> String {
    let mut result = String::new();
    let mut rest = transcript;
    while let Some(at) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let digits = from.len() - from.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        result += before;
        match digits {
            7.. => result.extend(std::iter::repeat_n('#', digits)),
            _ => result += &from[..digits],
        }
        rest = &from[digits..];
    }
    result + rest
}

/// What differs with the id of the cluster, and with how far its metadata is.
fn without_progress(transcript: &str) -> String {
    let mut result = String::new();
    for line in transcript.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let shown = match columns[..] {
            [node, _, _, lag, _, _, role, ""] => format!("{node}|{lag}|{role}"),
            _ => match [
                "Epoch: ",
                "HighWatermark: ",
                "ClusterId: ",
                "Cluster ID: ",
                "LeaderEpoch: ",
            ]
            .iter()
            .find_map(|label| Some((label, line.find(label)?)))
            {
                Some((label, at)) => format!("{}{label}..", &line[..at]),
                None => without_ids(line),
            },
        };
        writeln!(result, "{shown}").expect("a string takes any text");
    }
    result
}

/// A line without ids, addresses of controllers, directories, and ports in a column of their own.
fn without_ids(line: &str) -> String {
    let is_own = |part: &&str| part.len() == ID.len() || part.starts_with("CONTROLLER://");
    let parts = line.split('"').map(|part| if is_own(&part) { ID } else { part });
    let line = parts.collect::<Vec<_>>().join("\"");
    match (
        line.split_once("VoterNotFoundException: "),
        line.split_once("127.0.0.1 "),
    ) {
        (Some((before, _)), _) => format!("{before}VoterNotFoundException: .."),
        (None, Some((before, after))) => {
            let digits = after.find(' ').unwrap_or(after.len());
            format!("{before}127.0.0.1 {}{}", "#".repeat(digits), &after[digits..])
        }
        (None, None) => line,
    }
}

/// Something as long as an id.
const ID: &str = "iiiiiiiiiiiiiiiiiiiiii";

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
    let mut words: Vec<&str> = line.split(' ').collect();
    match words.iter().position(|word| *word == "@") {
        Some(at) => words[at] = bootstrap,
        None => drop(words.splice(1..1, ["--bootstrap-server", bootstrap])),
    }
    Command::new(env!("CARGO_BIN_EXE_riverrun"))
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
