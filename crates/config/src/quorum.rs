//! The controllers named in the configuration: `controller.quorum.voters` and `controller.quorum.bootstrap.servers`.

use crate::error::ConfigError;
use base::NodeId;

/// One entry of `controller.quorum.voters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// The controller's node id.
    pub id: NodeId,
    /// Where it listens for other controllers.
    pub host: String,
    /// Its port there.
    pub port: u16,
}

/// A place to ask for the quorum's leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapServer {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
}

const VOTER_FORM: &str =
    "Invalid configuration value for controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`.";

impl Voter {
    /// Reads `id@host:port`.
    pub fn parse(entry: &str) -> Result<Self, ConfigError> {
        let refuse = || ConfigError::Conflict(VOTER_FORM.to_owned());
        let (id, address) = entry.split_once('@').ok_or_else(refuse)?;
        if address.contains('@') {
            return Err(refuse());
        }
        let id: i32 = id
            .trim()
            .parse()
            .map_err(|_| ConfigError::Conflict(format!("Failed to parse voter ID as an integer from {}", id.trim())))?;
        let (host, port) = parse_address(address.trim()).ok_or_else(refuse)?;
        Ok(Self {
            id: NodeId(id),
            host,
            port,
        })
    }
}

impl BootstrapServer {
    /// Reads `host:port`.
    pub fn parse(entry: &str) -> Result<Self, ConfigError> {
        let (host, port) = parse_address(entry.trim()).ok_or_else(|| {
            ConfigError::Conflict(format!(
                "Failed to parse host name from {entry} for the configuration controller.quorum.bootstrap.servers. \
                 Each entry should be in the form \"{{host}}:{{port}}\""
            ))
        })?;
        Ok(Self { host, port })
    }
}

/// Refuses what is not `id@host:port`.
pub(crate) fn check_voter(entry: &str) -> Result<(), ConfigError> {
    Voter::parse(entry).map(|_| ())
}

/// Refuses what is not `host:port`.
pub(crate) fn check_bootstrap_server(entry: &str) -> Result<(), ConfigError> {
    BootstrapServer::parse(entry).map(|_| ())
}

/// Splits `host:port`, `[v6]:port` and, as Kafka does, `scheme://host:port`.
pub(crate) fn parse_address(text: &str) -> Option<(String, u16)> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, port) = text.rsplit_once(':')?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-%._:".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) {
        return None;
    }
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_are_read_and_mistakes_explained() {
        let voter = Voter::parse("3@[::1]:9093").unwrap();
        assert_eq!((voter.id, voter.host.as_str(), voter.port), (NodeId(3), "::1", 9093));
        let message = |entry| Voter::parse(entry).unwrap_err().to_string();
        assert_eq!(message("a@b:1"), "Failed to parse voter ID as an integer from a");
        assert_eq!(message("1@"), VOTER_FORM);
        assert_eq!(message("1@host:99999"), VOTER_FORM);
        assert!(BootstrapServer::parse("a").is_err());
        assert_eq!(BootstrapServer::parse("a:1").unwrap().port, 1);
    }
}
