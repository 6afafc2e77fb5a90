//! Hostile bytes: frames made by hand and seeded mutants of good ones. After each, a new client must be served.

use std::time::Duration;

use base::Rng;
use testkit::wire::Flexible;
use testkit::{Cluster, Wire};

/// The mutants of a run follow from this.
const SEED: u64 = 0x5eed_0001;

/// More than this much memory on top of what the broker had is a leak or a bomb that went off.
const MOST_GROWTH_KIB: u64 = 200 << 10;

/// Sends `count` frames, by hand and mutated, and checks after each that the broker lives.
pub fn run(broker: &dyn Cluster, count: usize) {
    let before = resident_kib(broker);
    let by_hand = by_hand();
    let mut rng = Rng::from_seed(SEED);
    let good = good();
    let mutants = (by_hand.len()..count).map(|number| (format!("mutant {number}"), mutant(&mut rng, &good)));
    for (name, bytes) in by_hand.into_iter().chain(mutants) {
        let mut wire = Wire::connect(broker.bootstrap()).expect("the broker accepts");
        wire.set_timeout(Duration::from_millis(200))
            .expect("a socket takes a timeout");
        // The broker may close before it has read everything, may answer, or may wait for more: all are well.
        let _ = wire.send_bytes(&bytes);
        let _ = wire.receive_frame();
        drop(wire);
        assert!(
            alive(broker),
            "after {name} (seed {SEED:#x}): {bytes:02x?}\n{}",
            broker.log_tail()
        );
    }
    let grown = resident_kib(broker).saturating_sub(before);
    assert!(grown < MOST_GROWTH_KIB, "{grown} KiB more than before");
}

/// Whether a new client's ApiVersions is answered.
pub fn alive(broker: &dyn Cluster) -> bool {
    let answer = Wire::connect(broker.bootstrap()).and_then(|mut wire| {
        wire.set_timeout(Duration::from_secs(20))?;
        wire.call_raw(18, 0, &[])
    });
    answer.is_ok_and(|answer| answer.starts_with(&[0, 0]))
}

/// The memory that the broker's process holds.
pub fn resident_kib(broker: &dyn Cluster) -> u64 {
    let pid = broker.pid().expect("it runs");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process has a status");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("and a size");
    line.split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("in KiB")
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = i32::try_from(bytes.len()).expect("short");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A frame of a request with this body.
fn request(key: i16, version: i16, flexible: Flexible, body: &[u8]) -> Vec<u8> {
    let mut bytes = [key.to_be_bytes(), version.to_be_bytes()].concat();
    bytes.extend_from_slice(&7_i32.to_be_bytes());
    bytes.extend_from_slice(&[0, 1, b'x']);
    if flexible == Flexible::Yes {
        bytes.push(0);
    }
    bytes.extend_from_slice(body);
    framed(&bytes)
}

/// Produce v3 to partition 0 of `t`: everything before the records.
fn produce(length: i32, records: &[u8]) -> Vec<u8> {
    let head = [
        0xff, 0xff, 0, 1, 0, 0, 3, 0xe8, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0,
    ];
    request(
        0,
        3,
        Flexible::No,
        &[&head[..], &length.to_be_bytes(), records].concat(),
    )
}

fn by_hand() -> Vec<(String, Vec<u8>)> {
    let huge = i32::MAX.to_be_bytes();
    let many = 1_000_000_000_i32.to_be_bytes();
    let bomb = {
        let mut batch = vec![0; 61 + 1000];
        batch[8..12].copy_from_slice(&1049_i32.to_be_bytes());
        batch[16] = 2;
        batch[22] = 1;
        batch[57..61].copy_from_slice(&huge);
        batch
    };
    let fetch = [
        &(-1_i32).to_be_bytes()[..],
        &[0, 0, 0, 100, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0],
        &many,
    ]
    .concat();
    let path = [
        &[0, 0, 0, 1, 0, 9][..],
        b"../../etc",
        &[0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0xe8, 0],
    ]
    .concat();
    let many_partitions = [
        &[0, 0, 0, 1, 0, 5][..],
        b"manyp",
        &many,
        &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0xe8, 0],
    ]
    .concat();
    let list: Vec<(&str, Vec<u8>)> = vec![
        ("a size below zero", (-1_i32).to_be_bytes().to_vec()),
        ("the lowest size", i32::MIN.to_be_bytes().to_vec()),
        ("a size of zero", vec![0; 4]),
        ("one byte", framed(&[0])),
        ("the greatest size, little after it", [&huge[..], &[0; 100]].concat()),
        (
            "one byte over 100 MiB",
            [&104_857_601_i32.to_be_bytes()[..], &[0; 10]].concat(),
        ),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        (
            "a TLS hello",
            [&[0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3][..], &[0; 160]].concat(),
        ),
        ("SSH", b"SSH-2.0-x\r\n".to_vec()),
        ("an unknown key", request(999, 0, Flexible::No, &[])),
        ("a key below zero", request(-1, 0, Flexible::No, &[])),
        (
            "ApiVersions of the last version",
            request(18, i16::MAX, Flexible::No, &[]),
        ),
        ("Metadata of version 99", request(3, 99, Flexible::No, &[])),
        ("Produce of version -1", request(0, -1, Flexible::No, &[])),
        (
            "a client id longer than the frame",
            framed(&[0, 18, 0, 0, 0, 0, 0, 1, 0x7f, 0xff, b'a']),
        ),
        (
            "a client id of length -2",
            framed(&[0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xfe]),
        ),
        ("2^31-1 topics", request(3, 0, Flexible::No, &huge)),
        ("-2 topics", request(3, 0, Flexible::No, &(-2_i32).to_be_bytes())),
        (
            "2^32-1 topics, compact",
            request(3, 12, Flexible::Yes, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ),
        ("a varint without end", request(3, 12, Flexible::Yes, &[0xff; 64])),
        (
            "2^28 tagged fields",
            request(18, 3, Flexible::No, &[0xff, 0xff, 0xff, 0x7f]),
        ),
        (
            "a tag of 2^31 bytes",
            request(18, 3, Flexible::No, &[1, 0, 0xff, 0xff, 0xff, 0xff, 7]),
        ),
        ("a Fetch of 10^9 topics", request(1, 4, Flexible::No, &fetch)),
        ("records of -1 bytes", produce(-1, &[])),
        ("records of garbage", produce(100, &[0xa5; 100])),
        ("2^31-1 records in one batch", produce(1061, &bomb)),
        (
            "a group of 32 KiB",
            request(10, 0, Flexible::No, &[&[0x7f, 0xff][..], &[b'g'; 32_767]].concat()),
        ),
        ("half a frame", request(18, 0, Flexible::No, &[])[..7].to_vec()),
        ("1,000 requests at once", request(18, 0, Flexible::No, &[]).repeat(1000)),
        (
            "authentication out of nowhere",
            request(36, 0, Flexible::No, &[0, 0, 0, 5, 0, b'a', 0, b'b', 0]),
        ),
        ("a topic named as a path", request(19, 2, Flexible::No, &path)),
        ("10^9 partitions", request(19, 2, Flexible::No, &many_partitions)),
        (
            "a member without a protocol",
            request(11, 0, Flexible::No, &[0, 1, b'g', 0, 0, 39, 16, 0, 0, 0, 8]),
        ),
        (
            "an empty body where there must be one",
            request(1, 17, Flexible::Yes, &[]),
        ),
    ];
    list.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// Requests that are well, to be spoilt.
fn good() -> Vec<Vec<u8>> {
    vec![
        request(18, 0, Flexible::No, &[]),
        request(3, 1, Flexible::No, &[0xff; 4]),
        request(3, 12, Flexible::Yes, &[0, 1, 0, 0]),
        request(10, 0, Flexible::No, &[0, 1, b'g']),
        request(
            2,
            1,
            Flexible::No,
            &[
                0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff,
                0xff, 0xff, 0xff,
            ],
        ),
        request(22, 0, Flexible::No, &[0xff, 0xff, 0, 0, 3, 0xe8]),
        request(32, 1, Flexible::No, &[0, 0, 0, 0, 0]),
        request(60, 0, Flexible::Yes, &[0, 0]),
        request(
            1,
            4,
            Flexible::No,
            &[
                0xff, 0xff, 0xff, 0xff, 0, 0, 0, 100, 0, 0, 0, 1, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0,
            ],
        ),
        produce(3, &[1, 2, 3]),
    ]
}

/// A good frame with a few bytes changed, put in or taken out; its length is mostly right.
fn mutant(rng: &mut Rng, good: &[Vec<u8>]) -> Vec<u8> {
    let pick = |rng: &mut Rng, below: usize| usize::try_from(rng.below(below as u64)).expect("below a length");
    let mut bytes = good[pick(rng, good.len())].clone();
    for _ in 0..=pick(rng, 5) {
        let at = 4 + pick(rng, bytes.len() - 4);
        match pick(rng, 4) {
            0 | 1 => bytes[at] = u8::try_from(pick(rng, 256)).expect("a byte"),
            2 => {
                let number: &[u8] = [&[0xff; 4][..], &[0x7f, 0xff, 0xff, 0xff], &[0x80, 0, 0, 0], &[0]][pick(rng, 4)];
                bytes.splice(at..=at, number.iter().copied());
            }
            _ if bytes.len() > 8 => drop(bytes.splice(at..bytes.len().min(at + 2), [])),
            _ => bytes.push(0),
        }
        if bytes.len() < 6 {
            bytes.resize(6, 0);
        }
    }
    let length = if pick(rng, 10) == 0 {
        i32::MAX / 2
    } else {
        i32::try_from(bytes.len() - 4).expect("short")
    };
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes
}
