//! What comes over a socket, good and bad: an independent codec reads every answer, hostile bytes do no harm, idle and
//! unfinished connections cost next to nothing.

#[path = "wire/hostile.rs"]
mod hostile;

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::suite::{python, run};
use testkit::wire::Flexible;
use testkit::{Cluster, Maker, Settings, SingleNode, Wire, dependencies};

fn kafka() -> SingleNode {
    SingleNode::start(Maker::Kafka, &Settings::default()).expect("Kafka starts")
}

fn riverrun() -> SingleNode {
    SingleNode::start(Maker::Riverrun, &Settings::default()).expect("Riverrun starts")
}

/// PASS or what went wrong, by message and version.
fn conformance(cluster: &dyn Cluster) -> BTreeMap<String, String> {
    let program = dependencies::workspace().join("tests/wire/conformance.py");
    let mut command = python(&program).expect("Python is installed");
    let output = run("conformance", command.arg(cluster.bootstrap())).expect("the program ends well");
    let verdicts = output.lines().filter_map(|line| line.split_once('\t'));
    verdicts
        .map(|(name, verdict)| (name.to_owned(), verdict.to_owned()))
        .collect()
}

/// Kafka itself fails a few versions, since a plain request means nothing there; what Kafka passes, Riverrun passes,
/// as far as it advertises the API at all.
#[test]
fn an_independent_codec_reads_every_answer() {
    let of_kafka = conformance(&kafka());
    let ours = conformance(&riverrun());
    assert!(
        of_kafka.values().filter(|verdict| *verdict == "PASS").count() > 150,
        "{of_kafka:#?}"
    );
    assert!(ours.len() > 60, "too few: {ours:#?}");
    let worse: Vec<_> = ours
        .iter()
        .filter(|(name, verdict)| *verdict != "PASS" && of_kafka[*name] == "PASS")
        .collect();
    assert!(worse.is_empty(), "{worse:#?}");
}

#[test]
fn hostile_bytes_do_no_harm_to_kafka() {
    hostile::run(&kafka(), 60);
}

#[test]
fn hostile_bytes_do_no_harm_to_riverrun() {
    hostile::run(&riverrun(), 300);
}

#[test]
fn two_thousand_idle_and_unfinished_connections_cost_little() {
    let broker = riverrun();
    let before = hostile::resident_kib(&broker);
    let mut held = Vec::new();
    for number in 0..2_000 {
        let mut wire = Wire::connect(broker.bootstrap()).expect("the broker accepts");
        // Every other one begins a frame of a megabyte and never ends it.
        if number % 2 == 0 {
            wire.send_bytes(&(1_i32 << 20).to_be_bytes()).expect("four bytes fit");
            wire.send_bytes(&[0; 10]).expect("ten bytes fit");
        }
        held.push(wire);
    }
    assert!(hostile::alive(&broker), "a new client is served beside them");
    let grown = hostile::resident_kib(&broker).saturating_sub(before);
    assert!(grown < 100 << 10, "{grown} KiB for 2,000 connections");
    drop(held);
    assert!(hostile::alive(&broker), "and after them");
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let broker = riverrun();
    let mut wire = Wire::connect(broker.bootstrap()).expect("the broker accepts");
    let ids: Vec<_> = (0..1_000)
        .map(|number| {
            let (key, body): (i16, &[u8]) = if number % 3 == 0 { (3, &[0, 0, 0, 0]) } else { (18, &[]) };
            let version = i16::from(key == 3);
            wire.send_request(key, version, Flexible::No, body).expect("it is sent")
        })
        .collect();
    for id in ids {
        wire.receive_answer(id, Flexible::No)
            .expect("the answer to this very request");
    }
}

#[test]
fn a_frame_over_the_limit_closes_the_connection() {
    let broker = SingleNode::start(
        Maker::Riverrun,
        &Settings::default().with("socket.request.max.bytes", 10_000),
    )
    .expect("it starts");
    let mut wire = Wire::connect(broker.bootstrap()).expect("the broker accepts");
    wire.send_bytes(&10_001_i32.to_be_bytes()).expect("four bytes fit");
    assert!(
        wire.closed_within(Duration::from_secs(10)).expect("no answer"),
        "closed"
    );
    assert!(hostile::alive(&broker));
}
