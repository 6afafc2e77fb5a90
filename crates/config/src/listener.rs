//! Listeners: the names, protocols and addresses in `listeners`, `advertised.listeners` and their relatives.

use crate::error::ConfigError;
use std::collections::BTreeMap;
use std::fmt;

/// A listener's name, always in upper case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerName(String);

impl ListenerName {
    /// The name, made upper case as Kafka does.
    pub fn new(name: &str) -> Self {
        Self(name.trim().to_uppercase())
    }

    /// What keys begin with that are for this listener alone.
    pub fn config_prefix(&self) -> String {
        format!("listener.name.{}.", self.0.to_lowercase())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How a listener protects its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL over plain TCP.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// The protocol called `name`, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.trim().to_uppercase().as_str() {
            "PLAINTEXT" => Self::Plaintext,
            "SSL" => Self::Ssl,
            "SASL_PLAINTEXT" => Self::SaslPlaintext,
            "SASL_SSL" => Self::SaslSsl,
            _ => return None,
        })
    }

    /// Kafka's name of the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// The protocol's number in registrations and Metadata.
    pub fn id(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }
}

/// Where a listener listens, or where clients are told to find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name.
    pub listener: ListenerName,
    /// How it protects its connections.
    pub protocol: SecurityProtocol,
    /// The host; empty means every interface.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "{}://[{}]:{}", self.listener, self.host, self.port)
        } else {
            write!(out, "{}://{}:{}", self.listener, self.host, self.port)
        }
    }
}

/// Which protocol each listener name speaks (`listener.security.protocol.map`).
pub type ProtocolMap = BTreeMap<ListenerName, SecurityProtocol>;

/// Reads `NAME:PROTOCOL,NAME:PROTOCOL`.
pub fn parse_protocol_map(text: &str) -> Result<ProtocolMap, ConfigError> {
    const KEY: &str = "listener.security.protocol.map";
    let mut map = ProtocolMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let Some((name, protocol)) = entry.rsplit_once(':') else {
            let reason = format!("`{entry}` is not NAME:PROTOCOL, for example INTERNAL:PLAINTEXT");
            return Err(ConfigError::value(KEY, text, reason));
        };
        let protocol = SecurityProtocol::parse(protocol).ok_or_else(|| {
            ConfigError::Conflict(format!(
                "Invalid security protocol `{}` defined in {KEY}",
                protocol.trim()
            ))
        })?;
        map.insert(ListenerName::new(name), protocol);
    }
    Ok(map)
}

/// The listener name in front of an address.
pub fn listener_name(address: &str) -> Option<ListenerName> {
    address.split_once("://").map(|(name, _)| ListenerName::new(name))
}

/// Reads one `NAME://host:port` of the key called `key`.
pub fn parse_endpoint(key: &str, address: &str, protocols: &ProtocolMap) -> Result<Endpoint, ConfigError> {
    let refuse = |reason: &str| ConfigError::value(key, address, reason);
    let form = "each listener is written NAME://host:port, for example PLAINTEXT://localhost:9092";
    let (name, place) = address.split_once("://").ok_or_else(|| refuse(form))?;
    if name.trim().is_empty() {
        return Err(refuse(form));
    }
    let listener = ListenerName::new(name);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.starts_with('[') || host.ends_with(']') => (host, port),
        Some(_) | None => {
            return Err(refuse(
                "the port is missing; write NAME://host:port, for example PLAINTEXT://localhost:9092",
            ));
        }
    };
    let port: u16 = port
        .parse()
        .map_err(|_| refuse("the port must be a number from 0 to 65535"))?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-%._:".contains(&byte);
    if !host.bytes().all(is_host) {
        return Err(refuse("the host has characters that no host name has"));
    }
    let protocol = *protocols.get(&listener).ok_or_else(|| {
        refuse(&format!(
            "No security protocol defined for listener {listener}: add {listener}:PLAINTEXT to \
             listener.security.protocol.map"
        ))
    })?;
    Ok(Endpoint {
        listener,
        protocol,
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<String, String> {
        let protocols = parse_protocol_map("PLAINTEXT:PLAINTEXT,internal:SASL_SSL").unwrap();
        parse_endpoint("listeners", address, &protocols)
            .map(|endpoint| format!("{endpoint} {}", endpoint.protocol.name()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(parse("PLAINTEXT://:9092").unwrap(), "PLAINTEXT://:9092 PLAINTEXT");
        assert_eq!(parse("internal://[::1]:0").unwrap(), "INTERNAL://[::1]:0 SASL_SSL");
    }

    #[test]
    fn mistakes_are_explained() {
        for (address, says) in [
            ("localhost:9092", "NAME://host:port"),
            ("PLAINTEXT://localhost", "the port is missing"),
            ("PLAINTEXT://[::1]", "the port is missing"),
            ("PLAINTEXT://localhost:99999", "0 to 65535"),
            (
                "OTHER://localhost:1",
                "add OTHER:PLAINTEXT to listener.security.protocol.map",
            ),
        ] {
            let message = parse(address).unwrap_err();
            assert!(message.contains(says), "{address}: {message}");
        }
    }
}
