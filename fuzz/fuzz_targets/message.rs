//! Any message in any version: what can be decoded can be encoded, and that encoding is stable.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use protocol::AnyMessage;

fuzz_target!(|data: &[u8]| {
    let [which, version, body @ ..] = data else { return };
    let all = AnyMessage::all();
    let message = &all[usize::from(*which) % all.len()];
    let version = i16::from(*version);
    let Ok(encoded) = message.round_trip(version, &Bytes::copy_from_slice(body)) else { return };
    let encoded = encoded.expect("what was decoded has only what its version has");
    let again = message.round_trip(version, &encoded).expect("what was encoded can be decoded");
    assert_eq!(again, Ok(encoded));
});
