//! Records as JSON, in the form that Kafka's tools print: fields in the schema's order and in camel case, ids in their
//! text form, bytes in base64, tagged fields only where they differ from their defaults.

use base::Uuid;
use bytes::Bytes;
use serde_json::Value;

/// What has a JSON form.
pub trait Json {
    /// The value's form, with the fields that `version` has.
    fn to_json(&self, version: i16) -> Value;
}

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl Json for $kind {
            fn to_json(&self, _version: i16) -> Value {
                Value::from(self.clone())
            }
        }
    )*};
}

plain!(bool, i8, i16, i32, i64, u16, u32, f64, String);

impl Json for Uuid {
    fn to_json(&self, _version: i16) -> Value {
        Value::String(self.to_string())
    }
}

impl Json for Bytes {
    fn to_json(&self, _version: i16) -> Value {
        Value::String(base64(self))
    }
}

impl<T: Json> Json for Option<T> {
    fn to_json(&self, version: i16) -> Value {
        self.as_ref().map_or(Value::Null, |value| value.to_json(version))
    }
}

impl<T: Json> Json for Vec<T> {
    fn to_json(&self, version: i16) -> Value {
        Value::Array(self.iter().map(|value| value.to_json(version)).collect())
    }
}

/// Padded base64 with the ordinary alphabet.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes(word);
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [
            ("", ""),
            ("a", "YQ=="),
            ("ab", "YWI="),
            ("abc", "YWJj"),
            ("\u{fb}\u{ff}", "w7vDvw=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
