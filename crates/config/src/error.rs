//! What can be wrong with a configuration, said so that the reader knows what to do.

/// A configuration that cannot be used. The messages for values are Kafka's own, since clients see them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A line of a properties file cannot be read.
    #[error("{file}:{line}: {reason}")]
    Syntax {
        /// The file's path.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A value is not of the key's type, or not among the values that it accepts.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Value {
        /// The key.
        key: String,
        /// The value as given.
        value: String,
        /// Why it is refused.
        reason: String,
    },
    /// A list that must hold something is empty.
    #[error("Configuration '{key}' must not be empty. Valid values include: {valid}")]
    EmptyList {
        /// The key.
        key: String,
        /// What it may hold.
        valid: String,
    },
    /// A list has an empty entry.
    #[error("Configuration '{key}' values must not be empty.")]
    EmptyEntry {
        /// The key.
        key: String,
    },
    /// A value is missing where one must be.
    #[error("Configuration '{key}' values must not be null.")]
    NullList {
        /// The key.
        key: String,
    },
    /// A key without default is not set.
    #[error("Missing required configuration \"{key}\" which has no default value.{hint}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What to write, with a leading space; empty if there is nothing to add.
        hint: &'static str,
    },
    /// Keys contradict each other, or a value makes no sense in its place.
    #[error("{0}")]
    Conflict(String),
    /// The key asks for something that Riverrun does not do yet.
    #[error("{key}={value} is not supported yet: {advice}")]
    NotBuilt {
        /// The key.
        key: String,
        /// The value as given; `[hidden]` for a secret.
        value: String,
        /// What to do instead.
        advice: String,
    },
}

impl ConfigError {
    /// A refused value of `key`.
    pub fn value(key: &str, value: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Value {
            key: key.to_owned(),
            value: value.into(),
            reason: reason.into(),
        }
    }
}
