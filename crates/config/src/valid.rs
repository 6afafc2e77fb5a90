//! Which values a key accepts, with Kafka's messages for those that it refuses.

use crate::error::ConfigError;
use crate::quorum;
use crate::value::{Value, java_double};

/// The values that a key accepts.
#[derive(Clone, Debug, PartialEq)]
pub enum Valid {
    /// All of the key's type.
    Any,
    /// Numbers within these bounds, both included.
    Range {
        /// The least, as Kafka shows it.
        min: &'static str,
        /// The greatest, if there is one.
        max: Option<&'static str>,
    },
    /// One of these texts.
    OneOf(Vec<&'static str>),
    /// One of these texts, in upper or lower case.
    AnyCaseOneOf(Vec<&'static str>),
    /// A list with distinct entries.
    List {
        /// Whether it may be empty.
        empty: Emptiness,
        /// Whether it may be unset.
        null: Nullness,
        /// The entries it may have; any if none are named.
        of: Vec<&'static str>,
    },
    /// Text that is not empty, or null.
    NonEmpty,
    /// Anything but null.
    NonNull,
    /// -1, or 1 to 9.
    GzipLevel,
    /// `*`, or pairs `partition:broker`.
    ThrottledReplicas,
    /// `id@host:port` entries.
    Voters,
    /// `host:port` entries.
    BootstrapServers,
    /// `latest`, `earliest` or `by_duration:` and an ISO-8601 duration.
    OffsetReset,
}

/// Whether a list may have no entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptiness {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

/// Whether a list may be unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nullness {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

impl Valid {
    /// Reads the fourth column of a table.
    pub(crate) fn parse(text: &'static str) -> Option<Self> {
        let names = |text: &'static str| text.split(", ").collect::<Vec<_>>();
        Some(match text {
            "-" => Self::Any,
            "nonempty" => Self::NonEmpty,
            "nonnull" => Self::NonNull,
            "gzip-level" => Self::GzipLevel,
            "throttled-replicas" => Self::ThrottledReplicas,
            "voters" => Self::Voters,
            "bootstrap-servers" => Self::BootstrapServers,
            "offset-reset" => Self::OffsetReset,
            _ => {
                if let Some(range) = text.strip_prefix('[') {
                    let mut bounds = range.strip_suffix(']')?.split(",...");
                    let min = bounds.next()?;
                    let max = bounds.next()?.strip_prefix(',');
                    Self::Range { min, max }
                } else if let Some(list) = text.strip_prefix("one-of ") {
                    Self::OneOf(names(list))
                } else if let Some(list) = text.strip_prefix("any-case ") {
                    Self::AnyCaseOneOf(names(list))
                } else {
                    parse_list(text.strip_prefix("list")?)?
                }
            }
        })
    }

    /// Refuses what the key called `key` does not accept.
    pub fn check(&self, key: &str, value: &Value) -> Result<(), ConfigError> {
        match self {
            Self::Any => Ok(()),
            Self::Range { min, max } => check_range(key, value, min, *max),
            Self::OneOf(texts) => match value {
                Value::Text(text) => check_one_of(key, text, texts),
                _ => Err(one_of_error(key, "null", texts)),
            },
            Self::AnyCaseOneOf(texts) => match value {
                Value::Text(text) if texts.iter().any(|known| known.eq_ignore_ascii_case(text)) => Ok(()),
                other => {
                    let reason = format!("String must be one of (case insensitive): {}", texts.join(", "));
                    Err(ConfigError::value(key, shown(other), reason))
                }
            },
            Self::List { empty, null, of } => check_list(key, value, (*empty, *null), of),
            Self::NonEmpty => match value {
                Value::Text(text) if text.is_empty() => Err(ConfigError::value(key, "", "String must be non-empty")),
                _ => Ok(()),
            },
            Self::NonNull => match value {
                Value::Null => Err(ConfigError::value(key, "null", "entry must be non null")),
                _ => Ok(()),
            },
            Self::GzipLevel => match value {
                Value::Integer(-1 | 1..=9) => Ok(()),
                other => {
                    let reason = "Value must be between 1 and 9 or equal to -1";
                    Err(ConfigError::value(key, shown(other), reason))
                }
            },
            Self::ThrottledReplicas => check_throttled_replicas(key, value),
            Self::Voters => entries(value).iter().try_for_each(|entry| quorum::check_voter(entry)),
            Self::BootstrapServers => entries(value)
                .iter()
                .try_for_each(|entry| quorum::check_bootstrap_server(entry)),
            Self::OffsetReset => check_offset_reset(key, value),
        }
    }

    /// The accepted values in words, for the documentation; empty if any will do.
    pub fn describe(&self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Range { min, max: None } => format!("[{min},...]"),
            Self::Range { min, max: Some(max) } => format!("[{min},...,{max}]"),
            Self::OneOf(texts) => format!("[{}]", texts.join(", ")),
            Self::AnyCaseOneOf(texts) => format!("(case insensitive) [{}]", texts.join(", ")),
            Self::List { empty, of, .. } => match (of.is_empty(), empty) {
                (false, _) => format!("[{}]", of.join(", ")),
                (true, Emptiness::Refused) => "any non-empty value".to_owned(),
                (true, Emptiness::Allowed) => String::new(),
            },
            Self::NonEmpty => "non-empty string".to_owned(),
            Self::NonNull => "non-null string".to_owned(),
            Self::GzipLevel => "[1,...,9] or -1".to_owned(),
            Self::ThrottledReplicas => "[partitionId]:[brokerId],[partitionId]:[brokerId],...".to_owned(),
            Self::Voters | Self::BootstrapServers => "non-empty list".to_owned(),
            Self::OffsetReset => "[latest, earliest, by_duration:PnDTnHnMn.nS]".to_owned(),
        }
    }
}

fn parse_list(mut words: &'static str) -> Option<Valid> {
    let mut empty = Emptiness::Allowed;
    let mut null = Nullness::Refused;
    let mut of = Vec::new();
    if let Some(rest) = words.strip_prefix(" nonempty") {
        (words, empty) = (rest, Emptiness::Refused);
    }
    if let Some(rest) = words.strip_prefix(" nullable") {
        (words, null) = (rest, Nullness::Allowed);
    }
    if let Some(names) = words.strip_prefix(" of ") {
        (words, of) = ("", names.split(", ").collect());
    }
    words.is_empty().then_some(Valid::List { empty, null, of })
}

fn check_range(key: &str, value: &Value, min: &'static str, max: Option<&'static str>) -> Result<(), ConfigError> {
    let bound = |text: &str| text.parse::<f64>().expect("the bounds in the table are numbers");
    let number = match value {
        Value::Integer(number) => *number as f64,
        Value::Double(number) => *number,
        _ => return Err(ConfigError::value(key, "null", "Value must be non-null")),
    };
    if number < bound(min) {
        return Err(ConfigError::value(
            key,
            shown(value),
            format!("Value must be at least {min}"),
        ));
    }
    match max {
        Some(max) if number > bound(max) => Err(ConfigError::value(
            key,
            shown(value),
            format!("Value must be no more than {max}"),
        )),
        _ => Ok(()),
    }
}

fn one_of_error(key: &str, value: &str, texts: &[&'static str]) -> ConfigError {
    ConfigError::value(key, value, format!("String must be one of: {}", texts.join(", ")))
}

fn check_one_of(key: &str, value: &str, texts: &[&'static str]) -> Result<(), ConfigError> {
    if texts.contains(&value) {
        Ok(())
    } else {
        Err(one_of_error(key, value, texts))
    }
}

fn check_list(
    key: &str,
    value: &Value,
    (empty, null): (Emptiness, Nullness),
    of: &[&'static str],
) -> Result<(), ConfigError> {
    let Value::List(entries) = value else {
        return match null {
            Nullness::Allowed => Ok(()),
            Nullness::Refused => Err(ConfigError::NullList { key: key.to_owned() }),
        };
    };
    if entries.is_empty() && empty == Emptiness::Refused {
        let valid = if of.is_empty() {
            "any non-empty value".to_owned()
        } else {
            format!("[{}]", of.join(", "))
        };
        return Err(ConfigError::EmptyList {
            key: key.to_owned(),
            valid,
        });
    }
    for entry in entries {
        if entry.is_empty() {
            return Err(ConfigError::EmptyEntry { key: key.to_owned() });
        }
        if !of.is_empty() {
            check_one_of(key, entry, of)?;
        }
    }
    Ok(())
}

fn check_throttled_replicas(key: &str, value: &Value) -> Result<(), ConfigError> {
    let entries = entries(value);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_pair = |entry: &String| match entry.split_once(':') {
        Some((partition, broker)) => is_number(partition) && is_number(broker),
        None => false,
    };
    if entries == ["*"] || entries.iter().all(is_pair) {
        return Ok(());
    }
    let reason = format!(
        "{key} must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    );
    Err(ConfigError::value(key, format!("[{}]", entries.join(", ")), reason))
}

fn check_offset_reset(key: &str, value: &Value) -> Result<(), ConfigError> {
    let Value::Text(text) = value else {
        return Err(ConfigError::value(key, "null", "must not be null"));
    };
    let known = matches!(text.as_str(), "latest" | "earliest");
    if known || text.strip_prefix("by_duration:").is_some_and(is_iso_duration) {
        return Ok(());
    }
    let reason = format!(
        "Invalid value `{text}` for configuration {key}. The value must be either 'earliest', 'latest' or of the format \
         'by_duration:<PnDTnHnMn.nS>'."
    );
    Err(ConfigError::value(key, text.clone(), reason))
}

/// Whether `text` is `PnDTnHnMn.nS` with at least one part and nothing negative.
fn is_iso_duration(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let Some(rest) = upper.strip_prefix('P') else {
        return false;
    };
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return false,
        None => (rest, ""),
    };
    let mut left = days;
    if !left.is_empty() {
        let Some(number) = left.strip_suffix('D') else {
            return false;
        };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        left = "";
    }
    let mut time_left = time;
    for unit in ['H', 'M', 'S'] {
        if let Some((number, rest)) = time_left.split_once(unit) {
            let digits = if unit == 'S' {
                number.replacen('.', "", 1)
            } else {
                number.to_owned()
            };
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return false;
            }
            time_left = rest;
        }
    }
    left.is_empty() && time_left.is_empty() && !(days.is_empty() && time.is_empty())
}

fn entries(value: &Value) -> &[String] {
    match value {
        Value::List(entries) => entries,
        _ => &[],
    }
}

/// A value as Kafka's messages show it.
fn shown(value: &Value) -> String {
    match value {
        Value::Double(number) => java_double(*number),
        other => other.to_text().unwrap_or_else(|| "null".to_owned()),
    }
}
