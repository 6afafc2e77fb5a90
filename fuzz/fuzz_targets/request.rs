//! A request frame as it comes off a socket: the header, then the request that the header names.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use protocol::{decode_any_request, frame};

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = frame::decode_request(&Bytes::copy_from_slice(data)) {
        let _ = decode_any_request(request.key, request.version, &request.body);
    }
});
