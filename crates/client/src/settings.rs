//! How to reach a cluster: addresses, names and times, under the names of Kafka's client properties.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// A name, an IPv4 address or an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// An address without host or port.
    #[error("Invalid url in bootstrap.servers: {0}")]
    Address(String),
    /// No addresses.
    #[error("No resolvable bootstrap urls given in bootstrap.servers")]
    NoAddress,
    /// A value of the wrong kind.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that is not built yet, so that going on would be less safe than was asked for.
    #[error("{key}={value} is not supported by this client yet: {instead}")]
    NotBuilt {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What can be done.
        instead: &'static str,
    },
}

impl FromStr for Address {
    type Err = SettingError;

    /// `host:port`, `[ipv6]:port`, or either after `PROTOCOL://`.
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let refused = || SettingError::Address(text.to_owned());
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (host, port) = rest.rsplit_once(':').ok_or_else(refused)?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let port: u16 = port.parse().map_err(|_| refused())?;
        if host.is_empty() {
            return Err(refused());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// Who is behind the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// Brokers: `bootstrap.servers`.
    Brokers,
    /// Controllers: `bootstrap.controllers` (KIP-919). The cluster's nodes are the controllers then.
    Controllers,
}

/// How to reach a cluster. The defaults are those of Kafka's admin client.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `bootstrap.servers`: where to ask first.
    pub bootstrap: Vec<Address>,
    /// Who is there.
    pub entrance: Entrance,
    /// `client.id`: the name that brokers log and count quotas by.
    pub client_id: String,
    /// `socket.connection.setup.timeout.ms`: how long a connection may take.
    pub connect_timeout: Duration,
    /// `request.timeout.ms`: how long one answer may take.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`: how long one operation may take with all its attempts.
    pub api_timeout: Duration,
    /// `retry.backoff.ms`: the first pause between attempts; it doubles.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`: the longest pause.
    pub retry_backoff_max: Duration,
    /// `metadata.max.age.ms`: how long the picture of the cluster is believed.
    pub metadata_max_age: Duration,
    /// The longest answer that is accepted, in bytes; a Fetch may return more than it asked for only by one batch.
    pub max_answer: usize,
    /// `receive.buffer.bytes`: the size of a connection's receive buffer; the operating system chooses where none is given.
    pub receive_buffer: Option<u32>,
}

/// What became of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in force.
    Yes,
    /// It means nothing here; the caller should say so.
    Unknown,
}

impl Settings {
    /// Kafka's defaults, with these addresses (`host:port`, separated by commas).
    pub fn new(bootstrap: &str) -> Result<Self, SettingError> {
        Ok(Self {
            bootstrap: addresses(bootstrap)?,
            entrance: Entrance::Brokers,
            client_id: String::from("riverrun"),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(300),
            max_answer: 256 << 20,
            receive_buffer: None,
        })
    }

    /// Applies one of Kafka's client properties.
    pub fn apply(&mut self, key: &str, value: &str) -> Result<Applied, SettingError> {
        match key {
            "bootstrap.servers" => self.bootstrap = addresses(value)?,
            "client.id" => self.client_id = value.to_owned(),
            "socket.connection.setup.timeout.ms" => self.connect_timeout = millis(key, value)?,
            "request.timeout.ms" => self.request_timeout = millis(key, value)?,
            "default.api.timeout.ms" => self.api_timeout = millis(key, value)?,
            "retry.backoff.ms" => self.retry_backoff = millis(key, value)?,
            "retry.backoff.max.ms" => self.retry_backoff_max = millis(key, value)?,
            "metadata.max.age.ms" => self.metadata_max_age = millis(key, value)?,
            "security.protocol" if value.eq_ignore_ascii_case("PLAINTEXT") => {}
            "security.protocol" => {
                return Err(SettingError::NotBuilt {
                    key: key.to_owned(),
                    value: value.to_owned(),
                    instead: "use a PLAINTEXT listener, or Apache Kafka's own tools",
                });
            }
            _ => return Ok(Applied::Unknown),
        }
        Ok(Applied::Yes)
    }
}

fn addresses(text: &str) -> Result<Vec<Address>, SettingError> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let addresses = parts.map(str::parse).collect::<Result<Vec<_>, _>>()?;
    if addresses.is_empty() {
        Err(SettingError::NoAddress)
    } else {
        Ok(addresses)
    }
}

/// A number of milliseconds, at least 0.
pub(crate) fn millis(key: &str, value: &str) -> Result<Duration, SettingError> {
    number(key, value, 0).map(Duration::from_millis)
}

/// A whole number, at least `least`.
pub(crate) fn number(key: &str, value: &str, least: u64) -> Result<u64, SettingError> {
    let refused = |reason: String| SettingError::Value {
        key: key.to_owned(),
        value: value.to_owned(),
        reason,
    };
    let number: u64 = value
        .trim()
        .parse()
        .map_err(|_| refused(String::from("Not a number of at least 0")))?;
    if number < least {
        return Err(refused(format!("Value must be at least {least}")));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_kafka_reads_them() {
        let show = |text: &str| Settings::new(text).map(|settings| settings.bootstrap);
        let address = |host: &str, port| Address {
            host: host.to_owned(),
            port,
        };
        assert_eq!(show("a:1, b:2,"), Ok(vec![address("a", 1), address("b", 2)]));
        assert_eq!(show("[::1]:9092"), Ok(vec![address("::1", 9092)]));
        assert_eq!(show("PLAINTEXT://a:1"), Ok(vec![address("a", 1)]));
        assert_eq!(address("::1", 9092).to_string(), "[::1]:9092");
        for text in ["a", "a:", ":1", "a:70000", "a:b"] {
            assert_eq!(show(text), Err(SettingError::Address(text.to_owned())), "{text}");
        }
        assert_eq!(show(","), Err(SettingError::NoAddress));
    }

    #[test]
    fn what_is_not_built_is_refused_and_not_passed_over() {
        let mut settings = Settings::new("a:1").unwrap();
        assert_eq!(settings.apply("client.id", "x"), Ok(Applied::Yes));
        assert_eq!(settings.apply("no.such.key", "x"), Ok(Applied::Unknown));
        assert!(matches!(
            settings.apply("security.protocol", "SASL_SSL"),
            Err(SettingError::NotBuilt { .. })
        ));
        assert!(matches!(
            settings.apply("request.timeout.ms", "soon"),
            Err(SettingError::Value { .. })
        ));
    }
}
