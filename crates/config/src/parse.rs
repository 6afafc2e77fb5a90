//! From text to a key's value, by Kafka's rules.

use crate::error::ConfigError;
use crate::key::{Key, Type};
use crate::valid::Valid;
use crate::value::Value;

impl Key {
    /// Reads `text` as a value of this key; whether the key accepts it is for [`Valid::check`].
    pub fn parse(&self, text: &str) -> Result<Value, ConfigError> {
        let trimmed = text.trim_matches(|letter| letter <= ' ');
        let refuse = |reason: String| ConfigError::value(self.name, text, reason);
        let not_a_number = || refuse(format!("Not a number of type {}", self.kind.name()));
        Ok(match self.kind {
            Type::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
            Type::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
            Type::Boolean => return Err(refuse("Expected value to be either true or false".to_owned())),
            Type::String | Type::Class | Type::Password => Value::Text(trimmed.to_owned()),
            Type::Short => Value::Integer(trimmed.parse::<i16>().map_err(|_| not_a_number())?.into()),
            Type::Int => Value::Integer(trimmed.parse::<i32>().map_err(|_| not_a_number())?.into()),
            Type::Long => Value::Integer(trimmed.parse::<i64>().map_err(|_| not_a_number())?),
            Type::Double => Value::Double(trimmed.parse::<f64>().map_err(|_| not_a_number())?),
            Type::List => Value::List(parse_list(trimmed, &self.valid)),
        })
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
