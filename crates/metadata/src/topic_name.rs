//! What a topic may be called.

/// The longest name: it becomes a directory's name, with a partition and a suffix behind it.
const MAX_LENGTH: usize = 249;

/// Refuses a name with Kafka's reason.
///
/// # Errors
/// The sentence that Kafka sends.
pub fn validate(name: &str) -> Result<(), String> {
    reason_invalid(name).map_or(Ok(()), |reason| Err(format!("Topic name is invalid: {reason}")))
}

fn reason_invalid(name: &str) -> Option<String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match name {
        "" => Some("the empty string is not allowed".to_owned()),
        "." | ".." => Some(format!("'{name}' is not allowed")),
        // Kafka counts UTF-16 units.
        _ if name.encode_utf16().count() > MAX_LENGTH => Some(format!(
            "the length of '{name}' is longer than the max allowed length {MAX_LENGTH}"
        )),
        _ if !name.bytes().all(legal) => Some(format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        )),
        _ => None,
    }
}

/// Whether the name could collide with another: metric names turn `.` into `_`.
pub fn has_collision_chars(name: &str) -> bool {
    name.contains(['.', '_'])
}

/// The name with which all names that collide with it share.
pub fn unify_collision_chars(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_rules_and_words() {
        for good in ["a", "A.b_c-9", "__consumer_offsets", "...", &"x".repeat(249)] {
            assert_eq!(validate(good), Ok(()), "{good}");
        }
        let cases = [
            ("", "the empty string is not allowed"),
            (".", "'.' is not allowed"),
            ("..", "'..' is not allowed"),
            (
                "a b",
                "'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
            ),
            (
                "ä",
                "'ä' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
            ),
        ];
        for (bad, reason) in cases {
            assert_eq!(validate(bad), Err(format!("Topic name is invalid: {reason}")));
        }
        let long = "x".repeat(250);
        let reason = format!("Topic name is invalid: the length of '{long}' is longer than the max allowed length 249");
        assert_eq!(validate(&long), Err(reason));
    }
}
