//! `vectors.txt`, as `cargo xtask vectors` writes it: name, version, bytes and, for records, JSON.

use bytes::Bytes;
use protocol::AnyMessage;

/// A message that Kafka encoded.
pub struct Vector {
    pub message: &'static AnyMessage,
    pub version: i16,
    pub bytes: Bytes,
    /// Empty unless it is a record.
    #[allow(dead_code, reason = "not every test compares the JSON")]
    pub json: &'static str,
}

/// All vectors.
pub fn all() -> impl Iterator<Item = Vector> {
    include_str!("../vectors.txt").lines().map(|line| {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        Vector {
            message: AnyMessage::named(word()).unwrap_or_else(|| panic!("no schema: {line}")),
            version: word().parse().unwrap_or_else(|_| panic!("no version: {line}")),
            bytes: unhex(word()).unwrap_or_else(|| panic!("no bytes: {line}")),
            json: word(),
        }
    })
}

fn unhex(digits: &str) -> Option<Bytes> {
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
