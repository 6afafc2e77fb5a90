//! Compressed records of any codec: refused, or decompressed within the cap.

#![no_main]

use libfuzzer_sys::fuzz_target;
use records::compression::{Codec, decompress};

const CAP: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let codec = Codec::ALL[usize::from(*first) % Codec::ALL.len()];
    let mut output = Vec::new();
    if decompress(codec, rest, CAP, &mut output).is_ok() {
        assert!(output.len() <= CAP);
    }
});
