//! From a line to a record: headers, key and value, by separators.

use crate::command::connection::ClientProperties;
use anyhow::{bail, ensure};

/// How lines are read.
#[derive(Clone, Debug)]
pub struct LineReader {
    keys: bool,
    headers: bool,
    ignore_errors: bool,
    key_separator: Vec<u8>,
    headers_delimiter: Vec<u8>,
    headers_separator: Vec<u8>,
    headers_key_separator: Vec<u8>,
    null_marker: Option<Vec<u8>>,
}

/// A header's key and its value, absent where the line gives only a key.
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Vec<Header<'a>>,
}

impl LineReader {
    /// Reads the reader's properties, and refuses separators that cannot be told apart.
    pub fn new(properties: &ClientProperties) -> anyhow::Result<Self> {
        let switch = |key| {
            properties
                .get(key)
                .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
        };
        let text = |key, otherwise: &str| properties.get(key).unwrap_or(otherwise).as_bytes().to_vec();
        let reader = Self {
            keys: switch("parse.key"),
            headers: switch("parse.headers"),
            ignore_errors: switch("ignore.error"),
            key_separator: text("key.separator", "\t"),
            headers_delimiter: text("headers.delimiter", "\t"),
            headers_separator: text("headers.separator", ","),
            headers_key_separator: text("headers.key.separator", ":"),
            null_marker: properties.get("null.marker").map(|marker| marker.as_bytes().to_vec()),
        };
        reader.check()?;
        Ok(reader)
    }

    fn check(&self) -> anyhow::Result<()> {
        let separators = [
            ("headers.delimiter", &self.headers_delimiter),
            ("headers.separator", &self.headers_separator),
            ("headers.key.separator", &self.headers_key_separator),
        ];
        for (at, (one, left)) in separators.iter().enumerate() {
            for (other, right) in &separators[at + 1..] {
                ensure!(left != right, "{one} and {other} may not be equal");
            }
        }
        let marked = [
            ("key.separator", &self.key_separator),
            ("headers.separator", &self.headers_separator),
            ("headers.delimiter", &self.headers_delimiter),
            ("headers.key.separator", &self.headers_key_separator),
        ];
        for (name, separator) in marked {
            ensure!(
                self.null_marker.as_ref() != Some(separator),
                "null.marker and {name} may not be equal"
            );
        }
        Ok(())
    }

    /// Reads line `number`, counted from 1.
    pub fn parse<'a>(&self, line: &'a [u8], number: u64) -> anyhow::Result<Parsed<'a>> {
        let mut rest = line;
        let mut headers = Vec::new();
        if self.headers
            && let Some((text, after)) = self.cut(line, rest, &self.headers_delimiter, "headers delimiter", number)?
        {
            if !self.is_null(text) {
                headers = self.split_headers(text, number)?;
            }
            rest = after;
        }
        let mut key = None;
        if self.keys
            && let Some((text, after)) = self.cut(line, rest, &self.key_separator, "key separator", number)?
        {
            key = (!self.is_null(text)).then_some(text);
            rest = after;
        }
        let value = (!self.is_null(rest)).then_some(rest);
        Ok(Parsed { key, value, headers })
    }

    fn is_null(&self, text: &[u8]) -> bool {
        self.null_marker.as_deref() == Some(text)
    }

    /// What stands before and after a separator; nothing if it is missing and that is to be ignored.
    fn cut<'a>(
        &self,
        line: &[u8],
        rest: &'a [u8],
        separator: &[u8],
        name: &str,
        number: u64,
    ) -> anyhow::Result<Option<(&'a [u8], &'a [u8])>> {
        match find(rest, separator) {
            Some(at) => Ok(Some((&rest[..at], &rest[at + separator.len()..]))),
            None if self.ignore_errors => Ok(None),
            None => bail!(
                "No {name} found on line number {number}: '{}'",
                String::from_utf8_lossy(line)
            ),
        }
    }

    fn split_headers<'a>(&self, text: &'a [u8], number: u64) -> anyhow::Result<Vec<Header<'a>>> {
        let mut headers = Vec::new();
        for pair in split(text, &self.headers_separator) {
            let Some(at) = find(pair, &self.headers_key_separator) else {
                if self.ignore_errors {
                    headers.push((pair, None));
                    continue;
                }
                bail!(
                    "No header key separator found in pair '{}' on line number {number}",
                    String::from_utf8_lossy(pair)
                );
            };
            let (key, value) = (&pair[..at], &pair[at + self.headers_key_separator.len()..]);
            if self.is_null(key) {
                bail!(
                    "Header keys should not be equal to the null marker '{}' as they can't be null",
                    String::from_utf8_lossy(key)
                );
            }
            headers.push((key, (!self.is_null(value)).then_some(value)));
        }
        Ok(headers)
    }
}

/// The parts between separators; empty ones at the end do not count, as in Java.
fn split<'a>(text: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = find(rest, separator) {
        parts.push(&rest[..at]);
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest);
    while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(properties: &[&str]) -> anyhow::Result<LineReader> {
        let mut given = ClientProperties::default();
        given.add_arguments(properties.iter().copied());
        LineReader::new(&given)
    }

    #[test]
    fn a_line_has_headers_key_and_value() {
        let reader = reader(&["parse.key=true", "parse.headers=true", "null.marker=NULL"]).unwrap();
        let parsed = reader.parse(b"h1:v1,h2:NULL\tk\tv\tw", 1).unwrap();
        let headers: Vec<(&[u8], Option<&[u8]>)> = vec![(b"h1", Some(b"v1")), (b"h2", None)];
        assert_eq!(
            parsed,
            Parsed {
                key: Some(b"k"),
                value: Some(b"v\tw"),
                headers
            }
        );
        let parsed = reader.parse(b"NULL\tNULL\tNULL", 1).unwrap();
        assert_eq!(
            parsed,
            Parsed {
                key: None,
                value: None,
                headers: Vec::new()
            }
        );
    }

    #[test]
    fn what_is_missing_is_told_in_kafkas_words() {
        let keys = reader(&["parse.key=true", "key.separator=:"]).unwrap();
        assert_eq!(
            keys.parse(b"k1", 3).unwrap_err().to_string(),
            "No key separator found on line number 3: 'k1'"
        );
        let headers = reader(&["parse.headers=true"]).unwrap();
        assert_eq!(
            headers.parse(b"h1,h2:v\tv", 1).unwrap_err().to_string(),
            "No header key separator found in pair 'h1' on line number 1"
        );
        let ignoring = reader(&["parse.key=true", "ignore.error=true"]).unwrap();
        assert_eq!(ignoring.parse(b"v", 1).unwrap().value, Some(&b"v"[..]));
        assert_eq!(
            reader(&["headers.separator=:"]).unwrap_err().to_string(),
            "headers.separator and headers.key.separator may not be equal"
        );
    }
}
