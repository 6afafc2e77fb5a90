//! What a peer may send never panics and never allocates out of proportion to its size.
//!
//! Every request, response and record of every version is damaged at random from a fixed seed and decoded under an
//! allocator that counts.

mod counting;
mod vector;

use base::Rng;
use bytes::Bytes;
use counting::peak_of;
use protocol::{Api, DecodeError, decode_any_request, frame};
use vector::Vector;

/// What decoding `length` bytes may allocate: the budget of the frame.
fn bound(length: usize) -> usize {
    64 * 1024 + 16 * length
}

fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).expect("it is below a usize")
}

/// Damages `bytes` in one of the ways that lengths, counts and tags are wrong in.
fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let at = below(rng, bytes.len() + 1);
    match rng.below(7) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, rng.next_u64() as u8),
        2 => overwrite(bytes, at, &[0xff; 5]),
        3 => overwrite(bytes, at, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        4 => overwrite(bytes, at, &[0x7f, 0xff, 0xff, 0xff]),
        5 => overwrite(
            bytes,
            at,
            &u32::try_from(rng.below(70_000)).expect("it is small").to_be_bytes(),
        ),
        _ => overwrite(bytes, at, &[rng.next_u64() as u8]),
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, with) in bytes[at..].iter_mut().zip(with) {
        *byte = *with;
    }
}

#[test]
fn damaged_messages_are_refused_within_bounds() {
    let mut rng = Rng::from_seed(1);
    for Vector {
        message,
        version,
        bytes,
        ..
    } in vector::all()
    {
        for round in 0..60 {
            let mut damaged = bytes.to_vec();
            for _ in 0..=rng.below(3) {
                damage(&mut damaged, &mut rng);
            }
            if round % 20 == 0 {
                damaged.resize(damaged.len() + 5000, rng.next_u64() as u8);
            }
            let damaged = Bytes::from(damaged);
            let (_, peak) = peak_of(|| message.decode(version, &damaged));
            assert!(
                peak <= bound(damaged.len()),
                "{} {version} took {peak} for {damaged:02x?}",
                message.name
            );
        }
    }
}

#[test]
fn what_can_be_decoded_can_be_encoded_and_stays_the_same() {
    let mut rng = Rng::from_seed(4);
    let mut decoded = 0;
    for Vector {
        message,
        version,
        bytes,
        ..
    } in vector::all()
    {
        for _ in 0..20 {
            let mut damaged = bytes.to_vec();
            damage(&mut damaged, &mut rng);
            let Ok(encoded) = message.round_trip(version, &damaged.into()) else {
                continue;
            };
            let encoded = encoded.unwrap_or_else(|error| panic!("{} {version}: {error}", message.name));
            let again = message.round_trip(version, &encoded);
            assert_eq!(again, Ok(Ok(encoded)), "{} {version}", message.name);
            decoded += 1;
        }
    }
    assert!(
        decoded > 10_000,
        "only {decoded} damaged messages could still be decoded"
    );
}

#[test]
fn noise_is_refused_within_bounds() {
    let mut rng = Rng::from_seed(2);
    for api in Api::all() {
        for version in -1..20 {
            for fill in [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff] {
                let length = below(&mut rng, 4000);
                let mut noise = vec![fill; length];
                rng.fill(&mut noise[..length / 10]);
                let noise = Bytes::from(noise);
                let (_, peak) = peak_of(|| decode_any_request(api.key, version, &noise));
                assert!(
                    peak <= bound(length),
                    "{} {version} took {peak} for {noise:02x?}",
                    api.name
                );
            }
        }
    }
}

#[test]
fn damaged_headers_are_refused_within_bounds() {
    let mut rng = Rng::from_seed(3);
    let mut header = vec![0, 18, 0, 3, 0, 0, 0, 7, 0, 4];
    header.extend_from_slice(b"name\0");
    for _ in 0..20_000 {
        let mut damaged = header.clone();
        damage(&mut damaged, &mut rng);
        let damaged = Bytes::from(damaged);
        let (_, peak) = peak_of(|| frame::decode_request(&damaged));
        assert!(peak <= bound(damaged.len()), "took {peak} for {damaged:02x?}");
    }
}

#[test]
fn a_dozen_bytes_do_not_buy_gigabytes() {
    // Metadata version 1: an array of 2^31 - 1 topics.
    let bytes = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 0, 1]);
    let (outcome, peak) = peak_of(|| decode_any_request(protocol::ApiKey::Metadata, 1, &bytes));
    assert_eq!(
        outcome,
        Err(DecodeError::Count {
            count: 0x7fff_ffff,
            remaining: 2
        })
    );
    assert_eq!(peak, 0);
}

#[test]
fn the_budget_stops_arrays_of_next_to_nothing() {
    // Metadata version 9: half a million topics without a name, two bytes each, which would be 40 bytes each in memory.
    let mut bytes = vec![0xa1, 0xc2, 0x1e];
    bytes.extend([0x01, 0x00].repeat(500_000));
    bytes.extend([0, 0, 0, 0]);
    let bytes = Bytes::from(bytes);
    let (outcome, peak) = peak_of(|| decode_any_request(protocol::ApiKey::Metadata, 9, &bytes));
    assert_eq!(outcome, Err(DecodeError::Budget));
    assert!(peak <= bound(bytes.len()), "took {peak}");
}
