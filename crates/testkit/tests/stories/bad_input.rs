//! What no honest client sends: it is refused by name, closes no one else's connection, and takes no memory.

use anyhow::{Context, Result};
use base::Uuid;
use protocol::messages::fetch_request::FetchRequest;
use protocol::messages::produce_request::ProduceRequest;
use std::time::Duration;
use testkit::batch::{Batch, Record};
use testkit::talk::{LATEST, batch_of, fetch_request, now_ms, produce_request, until};
use testkit::{Settings, Talk, Wire};

const CORRUPT_MESSAGE: i16 = 2;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC_EXCEPTION: i16 = 17;
const INVALID_REQUIRED_ACKS: i16 = 21;
const INVALID_RECORD: i16 = 87;
const UNKNOWN_TOPIC_ID: i16 = 100;

#[test]
fn wrong_produce_requests_are_refused_by_name() -> Result<()> {
    let broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;
    let good = batch_of(10).encode();
    for acks in [2, -2, i16::MAX] {
        assert_eq!(
            talk.produce("t", 0, acks, good.clone())?.error_code,
            INVALID_REQUIRED_ACKS,
            "acks={acks}"
        );
    }
    for index in [1, -1, i32::MAX] {
        assert_eq!(
            talk.produce("t", index, -1, good.clone())?.error_code,
            UNKNOWN_TOPIC_OR_PARTITION,
            "t-{index}"
        );
    }
    let mut by_id = produce_request("", 0, -1, good.clone());
    for id in [Uuid([9; 16]), Uuid::ZERO, Uuid::ONE] {
        by_id.topic_data[0].topic_id = id;
        let answer = talk.ask(&by_id, 13)?;
        assert_eq!(
            answer.responses[0].partition_responses[0].error_code, UNKNOWN_TOPIC_ID,
            "{id}"
        );
    }

    let with = |change: fn(&mut Batch)| {
        let mut batch = Batch::new(now_ms(), vec![Record::value("v")]);
        change(&mut batch);
        batch.encode()
    };
    let flipped = {
        let mut bytes = good.clone();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        bytes
    };
    let cases: [(&str, Vec<u8>, i16); 8] = [
        ("a checksum that does not fit", flipped, CORRUPT_MESSAGE),
        ("a cut batch", good[..good.len() - 3].to_vec(), INVALID_RECORD),
        ("a header and nothing more", good[..61].to_vec(), INVALID_RECORD),
        ("half a header", good[..30].to_vec(), INVALID_RECORD),
        ("two batches", [good.clone(), good.clone()].concat(), INVALID_RECORD),
        ("no record", with(|batch| batch.records.clear()), INVALID_RECORD),
        ("a control batch", with(|batch| batch.attributes = 0x20), INVALID_RECORD),
        (
            "records that are no records",
            with(|batch| batch.body = Some(vec![0; 40])),
            INVALID_RECORD,
        ),
    ];
    for (what, bytes, error) in cases {
        assert_eq!(talk.produce("t", 0, -1, bytes)?.error_code, error, "{what}");
    }
    assert_eq!(talk.offset("t", 0, LATEST)?, 0, "nothing of it was taken");

    talk.create_topic("__consumer_offsets", 1, &[("cleanup.policy", "compact")])?;
    let keyed = Batch::new(now_ms(), vec![Record::keyed("k", "v")]).encode();
    let answer = talk.produce("__consumer_offsets", 0, -1, keyed)?;
    assert_eq!(
        answer.error_code, INVALID_TOPIC_EXCEPTION,
        "a topic of the broker's own"
    );

    // With acks=0 there is no answer that could name the error: the connection says it.
    let mut silent = Talk::to(&*broker)?;
    silent.send(&produce_request("nobody", 0, 0, good.clone()), 9)?;
    assert!(
        silent.wire().closed_within(Duration::from_secs(20))?,
        "acks=0 to nobody"
    );
    let mut silent = Talk::to(&*broker)?;
    silent.send(&produce_request("t", 0, 0, good), 9)?;
    // Nobody waits for the disk with acks=0, so the record may be shown a little later.
    until("acks=0 that worked goes on", || {
        let answer = silent.ask(&fetch_request("t", 0, 0), 12)?;
        Ok(answer.responses[0].partitions[0].high_watermark == 1)
    })?;
    Ok(())
}

/// Resident memory of a process in bytes.
fn memory(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("VmRSS")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kilobytes << 10)
}

#[test]
fn frames_that_lie_take_no_memory() -> Result<()> {
    let broker = super::broker(&Settings::default().with("socket.request.max.bytes", 10 << 20))?;
    let pid = broker.pid().context("it runs")?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;

    let before = memory(pid)?;
    let mut half_open = Vec::new();
    for _ in 0..200 {
        let mut wire = Wire::connect(broker.bootstrap())?;
        wire.send_bytes(&(10_i32 << 20).to_be_bytes())?;
        wire.send_bytes(&[0, 1, 0, 12, 0, 0, 0, 1])?;
        half_open.push(wire);
    }
    for _ in 0..20 {
        talk.append("t", 0, 100)?;
    }
    // Ten megabytes were announced two hundred times; a broker that believes it holds two gigabytes.
    let grown = memory(pid)?.saturating_sub(before);
    assert!(grown < 400 << 20, "200 half-open frames took {grown} bytes");

    for length in [-1, i32::MIN, (10 << 20) + 1, i32::MAX] {
        let mut wire = Wire::connect(broker.bootstrap())?;
        wire.send_bytes(&length.to_be_bytes())?;
        wire.send_bytes(&[0; 16])?;
        assert!(
            wire.closed_within(Duration::from_secs(20))?,
            "a frame of {length} bytes"
        );
    }
    // A body whose arrays claim what their bytes cannot hold.
    for (key, version) in [(0_i16, 9_i16), (1, 12), (1, 16), (3, 12), (19, 7), (44, 1), (18, 3)] {
        let mut wire = Wire::connect(broker.bootstrap())?;
        let mut frame = [key.to_be_bytes(), version.to_be_bytes()].concat();
        frame.extend_from_slice(&[0, 0, 0, 7, 0xff, 0xff, 0]);
        frame.extend_from_slice(&[0xff; 64]);
        wire.send_frame(&frame)?;
        assert!(closed_or_refused(&mut wire)?, "api {key} version {version}");
    }
    let mut unknown = Wire::connect(broker.bootstrap())?;
    unknown.send_frame(&[0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff])?;
    assert!(
        unknown.closed_within(Duration::from_secs(20))?,
        "an api that does not exist"
    );
    let mut http = Wire::connect(broker.bootstrap())?;
    http.send_bytes(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")?;
    assert!(http.closed_within(Duration::from_secs(20))?, "a browser");

    assert_eq!(talk.append("t", 0, 100)?, 20, "honest clients notice nothing");
    drop(half_open);
    let grown = memory(pid)?.saturating_sub(before);
    assert!(grown < 400 << 20, "all of it took {grown} bytes");
    Ok(())
}

/// Closed, or (ApiVersions) answered with an error.
fn closed_or_refused(wire: &mut Wire) -> Result<bool> {
    match wire.closed_within(Duration::from_secs(20)) {
        Ok(closed) => Ok(closed),
        Err(error) if error.to_string().contains("an answer") => Ok(true),
        Err(error) => Err(error),
    }
}

#[test]
fn requests_out_of_their_limits_are_refused_and_the_next_is_served() -> Result<()> {
    let broker = super::broker(&Settings::default())?;
    let mut talk = Talk::to(&*broker)?;
    talk.create_topic("t", 1, &[])?;
    talk.append("t", 0, 100)?;
    let odd = FetchRequest {
        min_bytes: -5,
        max_wait_ms: -5,
        ..fetch_request("t", 0, 0)
    };
    assert_eq!(talk.ask(&odd, 12)?.responses[0].partitions[0].error_code, 0);
    let nothing = ProduceRequest {
        acks: 1,
        ..Default::default()
    };
    assert_eq!(talk.ask(&nothing, 9)?.responses.len(), 0);
    assert_eq!(talk.offset("t", 0, LATEST)?, 1);
    Ok(())
}
