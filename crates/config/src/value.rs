//! A key's value, parsed and shown as Kafka does it.

use crate::error::ConfigError;
use crate::key::{Key, Type};
use crate::valid::Valid;

/// A parsed value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not set and without default.
    Null,
    /// A boolean.
    Boolean(bool),
    /// Text, a class name or a secret.
    Text(String),
    /// A 16-, 32- or 64-bit integer, within the range of its key's type.
    Integer(i64),
    /// A floating point number.
    Double(f64),
    /// Texts, without the blanks around the commas.
    List(Vec<String>),
}

impl Value {
    /// Reads `text` as a value of `key`; whether the key accepts it is for [`Valid::check`].
    pub fn parse(key: &Key, text: &str) -> Result<Self, ConfigError> {
        let trimmed = text.trim_matches(|letter| letter <= ' ');
        let refuse = |reason: String| ConfigError::value(key.name, text, reason);
        let not_a_number = || refuse(format!("Not a number of type {}", key.kind.name()));
        Ok(match key.kind {
            Type::Boolean if trimmed.eq_ignore_ascii_case("true") => Self::Boolean(true),
            Type::Boolean if trimmed.eq_ignore_ascii_case("false") => Self::Boolean(false),
            Type::Boolean => return Err(refuse("Expected value to be either true or false".to_owned())),
            Type::String | Type::Class | Type::Password => Self::Text(trimmed.to_owned()),
            Type::Short => Self::Integer(trimmed.parse::<i16>().map_err(|_| not_a_number())?.into()),
            Type::Int => Self::Integer(trimmed.parse::<i32>().map_err(|_| not_a_number())?.into()),
            Type::Long => Self::Integer(trimmed.parse::<i64>().map_err(|_| not_a_number())?),
            Type::Double => Self::Double(trimmed.parse::<f64>().map_err(|_| not_a_number())?),
            Type::List => Self::List(parse_list(trimmed, &key.valid)),
        })
    }

    /// The value as DescribeConfigs shows it; `None` for null.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Boolean(value) => Some(value.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Double(number) => Some(java_double(*number)),
            Self::List(entries) => Some(entries.join(",")),
        }
    }
}

/// Splits at commas. Kafka's newer list validators also drop repeated entries (KIP-1161).
fn parse_list(trimmed: &str, valid: &Valid) -> Vec<String> {
    if trimmed.is_empty() {
        return Vec::new();
    }
    let entries = trimmed.split(',').map(|entry| entry.trim().to_owned());
    if !matches!(valid, Valid::List { .. }) {
        return entries.collect();
    }
    let mut distinct: Vec<String> = Vec::new();
    for entry in entries {
        if !distinct.contains(&entry) {
            distinct.push(entry);
        }
    }
    distinct
}

/// A double as Java's `Double.toString` writes it: `0.5`, `3.0`, `1.7976931348623157E308`.
pub fn java_double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::java_double;

    #[test]
    fn doubles_look_as_java_shows_them() {
        let shown = [0.5, 1.0, 0.0, 100.0, 2_147_483_647.0, f64::MAX, 1e7, 0.0001].map(java_double);
        assert_eq!(
            shown.join(" "),
            "0.5 1.0 0.0 100.0 2.147483647E9 1.7976931348623157E308 1.0E7 1.0E-4"
        );
    }
}
