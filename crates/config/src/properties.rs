//! Java's properties files, by Java's rules.
//!
//! Bytes are Latin-1, as `Properties.load` reads them: other letters are written `\uXXXX`.

use crate::error::ConfigError;

/// One `key=value` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The key, unescaped.
    pub key: String,
    /// The value, unescaped, without the blanks before it.
    pub value: String,
    /// The line on which it begins, counted from 1.
    pub line: usize,
}

/// The entries of a file in their order; a later entry of the same key wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// The entries.
    pub entries: Vec<Property>,
}

impl Properties {
    /// Reads `bytes`; `file` is only for messages.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, ConfigError> {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        Self::parse_text(file, &text)
    }

    /// Reads what is text already; `file` is only for messages.
    pub fn parse_text(file: &str, text: &str) -> Result<Self, ConfigError> {
        let mut entries = Vec::new();
        for (line, content) in logical_lines(text) {
            let syntax = |reason| ConfigError::Syntax {
                file: file.to_owned(),
                line,
                reason,
            };
            let (key, value) = split(&content);
            entries.push(Property {
                key: unescape(key).map_err(syntax)?,
                value: unescape(value).map_err(syntax)?,
                line,
            });
        }
        Ok(Self { entries })
    }

    /// The value of `key`, if the file has it.
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.entries.iter().rfind(|property| property.key == key)?;
        Some(&found.value)
    }
}

/// Lines without comments and blank lines, with continuations joined, each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, natural) in text.split('\n').enumerate() {
        let trimmed = natural.trim_start_matches(is_blank);
        let (number, mut content) = match open.take() {
            Some(begun) => begun,
            None if trimmed.is_empty() || trimmed.starts_with(['#', '!']) => continue,
            None => (at + 1, String::new()),
        };
        let slashes = trimmed.bytes().rev().take_while(|byte| *byte == b'\\').count();
        if slashes % 2 == 1 {
            content.push_str(&trimmed[..trimmed.len() - 1]);
            open = Some((number, content));
        } else {
            content.push_str(trimmed);
            lines.push((number, content));
        }
    }
    // A file may end in the middle of a continuation.
    lines.extend(open.filter(|(_, content)| !content.is_empty()));
    lines
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\u{c}')
}

/// Splits at the first unescaped `=`, `:` or blank; the blanks around it, and one `=` or `:`, belong to neither side.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|letter| {
        let ends = !escaped && (matches!(letter, '=' | ':') || is_blank(letter));
        escaped = letter == '\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_blank))
}

fn unescape(text: &str) -> Result<String, &'static str> {
    const MALFORMED: &str = "Malformed \\uxxxx encoding: four hexadecimal digits must follow \\u";
    if !text.contains('\\') {
        return Ok(text.to_owned());
    }
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    let mut buffer = [0; 2];
    while let Some(letter) = letters.next() {
        let plain = match letter {
            '\\' => match letters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits = letters.as_str().get(..4).ok_or(MALFORMED)?;
                    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                        return Err(MALFORMED);
                    }
                    units.push(u16::from_str_radix(digits, 16).map_err(|_| MALFORMED)?);
                    letters = letters.as_str()[4..].chars();
                    continue;
                }
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut buffer));
    }
    String::from_utf16(&units).map_err(|_| "half of a surrogate pair in \\uxxxx")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, usize)> {
        let properties = Properties::parse("test.properties", text.as_bytes()).unwrap();
        properties
            .entries
            .into_iter()
            .map(|found| (found.key, found.value, found.line))
            .collect()
    }

    #[test]
    fn javas_rules_hold() {
        let text = "# comment\n! another\n\n  a=1\nb : 2 \nc 3\nd\ne\\=f=g=h\nlong=one,\\\n    two,\\\n  # three\nu=\\u00e9\\t\\q\n\
                    path=C\\:\\\\x\\\\\nempty=\r\nlast=x\\";
        let found: Vec<String> = read(text)
            .into_iter()
            .map(|(key, value, line)| format!("{line} {key:?} {value:?}"))
            .collect();
        let expected = [
            r#"4 "a" "1""#,
            r#"5 "b" "2 ""#,
            r#"6 "c" "3""#,
            r#"7 "d" """#,
            r#"8 "e=f" "g=h""#,
            r##"9 "long" "one,two,# three""##,
            r#"12 "u" "é\tq""#,
            r#"13 "path" "C:\\x\\""#,
            r#"14 "empty" """#,
            r#"15 "last" "x""#,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_bad_escape_names_file_and_line() {
        let error = Properties::parse("server.properties", b"a=1\nb=\\u12g4\n").unwrap_err();
        assert!(
            error.to_string().starts_with("server.properties:2: Malformed"),
            "{error}"
        );
    }

    #[test]
    fn bytes_are_latin_1_and_anything_is_survived() {
        assert_eq!(Properties::parse("f", &[b'a', b'=', 0xe9]).unwrap().get("a"), Some("é"));
        let mut rng = base::Rng::from_seed(1);
        for _ in 0..2000 {
            let mut bytes = vec![0; 64];
            rng.fill(&mut bytes);
            for byte in &mut bytes {
                *byte = b"\\\\u=: \n\r#!a0\t\xff"[usize::from(*byte) % 14];
            }
            let _ = Properties::parse("random", &bytes);
        }
    }
}
