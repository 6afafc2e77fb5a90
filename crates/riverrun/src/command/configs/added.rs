//! What `--add-config`, `--add-config-file` and `--delete-config` say.

use crate::command::connection::ClientProperties;
use crate::command::options::Options;
use anyhow::{bail, ensure};

/// The settings to add, in order, each key once.
pub fn added(options: &Options) -> anyhow::Result<Vec<(String, String)>> {
    let mut settings: Vec<(String, String)> = Vec::new();
    if let Some(path) = options.value("add-config-file")? {
        for (key, value) in ClientProperties::from_file(path)?.pairs() {
            put(&mut settings, key, value);
        }
    }
    if let Some(text) = options.value("add-config")? {
        for (key, value) in parse(text)? {
            put(&mut settings, &key, &value);
        }
    }
    for (key, _) in &settings {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "$._-".contains(letter);
        ensure!(
            key.chars().all(allowed),
            "Invalid character found for config key: {key}"
        );
    }
    Ok(settings)
}

/// The keys to remove.
pub fn deleted(options: &Options) -> Vec<String> {
    options
        .values("delete-config")
        .flat_map(|keys| keys.split(','))
        .map(|key| key.trim().to_owned())
        .collect()
}

fn put(settings: &mut Vec<(String, String)>, key: &str, value: &str) {
    settings.retain(|(known, _)| known != key);
    settings.push((key.to_owned(), value.to_owned()));
}

/// Splits at commas that are not within brackets; the brackets go.
fn parse(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    for part in split(text) {
        let Some((key, value)) = part.split_once('=') else {
            bail!("{FORM}")
        };
        let value = value.replace(['[', ']'], "");
        settings.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(settings)
}

const FORM: &str = "requirement failed: Invalid entity config: all configs to be added must be in the format \
                    \"key=val\" or  \"key=[val1,val2]\" to group values which contain commas.";

fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_hold_values_with_commas() {
        let parsed = parse("retention.ms=1000,cleanup.policy=[compact,delete],empty=").unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            parsed,
            [
                pair("retention.ms", "1000"),
                pair("cleanup.policy", "compact,delete"),
                pair("empty", "")
            ]
        );
        assert_eq!(parse("foo").unwrap_err().to_string(), FORM);
    }
}
