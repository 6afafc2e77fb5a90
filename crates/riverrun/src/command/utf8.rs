//! Bytes as text in the way Java shows them: what is no UTF-8 becomes replacement characters, and as many as Java makes.
//!
//! Java and Rust count differently where a sequence goes wrong after its first bytes: a surrogate is one replacement
//! character in Java and three in Rust, its first two bytes are one and two. Kafka's tools print such bytes whenever they
//! show a binary key or value as text.

/// `new String(bytes, UTF_8)` of Java 17.
pub fn java_text(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    while let Some(first) = bytes.first() {
        let (letter, used) = match first {
            0x00..=0x7f => (char::from(*first), 1),
            0xc2..=0xdf => two(bytes),
            0xe0..=0xef => three(bytes),
            0xf0..=0xf7 => four(bytes),
            _ => REPLACED,
        };
        text.push(letter);
        bytes = bytes.get(used..).unwrap_or_default();
    }
    text
}

const REPLACED: (char, usize) = replaced(1);

const fn replaced(used: usize) -> (char, usize) {
    (char::REPLACEMENT_CHARACTER, used)
}

fn continues(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// The letter of the number, or one replacement character for all its bytes.
fn letter(number: u32, used: usize) -> (char, usize) {
    char::from_u32(number).map_or(replaced(used), |letter| (letter, used))
}

fn bits(byte: u8, mask: u8) -> u32 {
    u32::from(byte & mask)
}

fn two(bytes: &[u8]) -> (char, usize) {
    match *bytes {
        [first, second, ..] if continues(second) => letter(bits(first, 0x1f) << 6 | bits(second, 0x3f), 2),
        _ => REPLACED,
    }
}

fn three(bytes: &[u8]) -> (char, usize) {
    // A second byte that cannot follow the first: too small a number, or no continuation.
    let is_wrong = |first: u8, second: u8| (first == 0xe0 && second & 0xe0 == 0x80) || !continues(second);
    match *bytes {
        [first, second, ..] if is_wrong(first, second) => REPLACED,
        [first, second, third, ..] if continues(third) => {
            letter(bits(first, 0x0f) << 12 | bits(second, 0x3f) << 6 | bits(third, 0x3f), 3)
        }
        [_, _, _, ..] => replaced(2),
        _ => replaced(bytes.len()),
    }
}

fn four(bytes: &[u8]) -> (char, usize) {
    let is_wrong = |first: u8, second: u8| {
        first > 0xf4
            || (first == 0xf0 && !(0x90..=0xbf).contains(&second))
            || (first == 0xf4 && second & 0xf0 != 0x80)
            || !continues(second)
    };
    match *bytes {
        [first, ..] if first > 0xf4 => REPLACED,
        [first, second, ..] if is_wrong(first, second) => REPLACED,
        [_, _, third, ..] if !continues(third) => replaced(2),
        [first, second, third, fourth, ..] if continues(fourth) => {
            let number = bits(first, 0x07) << 18 | bits(second, 0x3f) << 12 | bits(third, 0x3f) << 6;
            letter(number | bits(fourth, 0x3f), 4)
        }
        [_, _, _, _, ..] => replaced(3),
        _ => replaced(bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::java_text;

    /// What Java 17 makes of these bytes.
    #[test]
    fn malformed_bytes_are_replaced_as_java_replaces_them() {
        let cases: [(&[u8], &str); 14] = [
            (b"plain", "plain"),
            ("å ⛵ 🚀".as_bytes(), "å ⛵ 🚀"),
            (&[0xed, 0xb5, b'\''], "\u{fffd}'"),
            (&[0xed, 0xa0, 0x80], "\u{fffd}"),
            (&[0xc0, 0x80], "\u{fffd}\u{fffd}"),
            (&[0xc3, b'x'], "\u{fffd}x"),
            (&[0xe0, 0x80, 0x80], "\u{fffd}\u{fffd}\u{fffd}"),
            (&[0xe2, 0x82, b'x'], "\u{fffd}x"),
            (&[0xe2, 0x82], "\u{fffd}"),
            (&[0xe2, b'x'], "\u{fffd}x"),
            (&[0xf0, 0x9f, 0x9a, b'x'], "\u{fffd}x"),
            (&[0xf0, 0x9f, 0x9a], "\u{fffd}"),
            (&[0xf4, 0x90, 0x80, 0x80], "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            (&[0xf8, 0x80, 0xff], "\u{fffd}\u{fffd}\u{fffd}"),
        ];
        for (bytes, text) in cases {
            assert_eq!(java_text(bytes), text, "{bytes:x?}");
        }
    }
}
