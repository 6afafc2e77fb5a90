//! `meta.properties`: which cluster and node a log directory belongs to, and its own id.

use base::fs::Fs;
use base::{NodeId, Uuid};
use config::Properties;
use std::io;
use std::path::{Path, PathBuf};

const VERSION: &str = "version";
const CLUSTER_ID: &str = "cluster.id";
const NODE_ID: &str = "node.id";
const BROKER_ID: &str = "broker.id";
const DIRECTORY_ID: &str = "directory.id";

/// The file's name in the log directory.
pub const FILE_NAME: &str = "meta.properties";

/// The file's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// From ZooKeeper's time: everything is optional, the node's id is `broker.id`.
    V0,
    /// KRaft: cluster and node are required.
    V1,
}

/// The identity of a log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The file's version.
    pub version: Version,
    /// The cluster, 16 bytes of base64 by custom and any text by right.
    pub cluster_id: Option<String>,
    /// The node.
    pub node_id: Option<NodeId>,
    /// The directory; added at the first start if absent.
    pub directory_id: Option<Uuid>,
}

/// The file could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum MetaPropertiesError {
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// The file is no properties file.
    #[error("{} is not a properties file: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A required property is missing.
    #[error("{} lacks {key}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The property.
        key: &'static str,
    },
    /// A property has a value that it cannot have.
    #[error("{}: `{value}` is not a valid {key}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The property.
        key: &'static str,
        /// Its value.
        value: String,
    },
}

impl MetaProperties {
    /// The identity of a new KRaft log directory.
    pub fn v1(cluster_id: String, node_id: NodeId, directory_id: Uuid) -> Self {
        Self {
            version: Version::V1,
            cluster_id: Some(cluster_id),
            node_id: Some(node_id),
            directory_id: Some(directory_id),
        }
    }

    /// Reads the file in `log_dir`; `None` if there is none: the directory is not formatted.
    pub fn read(fs: &dyn Fs, log_dir: &Path) -> Result<Option<Self>, MetaPropertiesError> {
        let path = log_dir.join(FILE_NAME);
        match fs.read(&path) {
            Ok(bytes) => Self::parse(&path, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(MetaPropertiesError::Io { path, source }),
        }
    }

    /// Replaces the file in `log_dir`.
    pub fn write(&self, fs: &dyn Fs, log_dir: &Path) -> io::Result<()> {
        fs.replace(&log_dir.join(FILE_NAME), self.to_text().as_bytes())
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, MetaPropertiesError> {
        let properties =
            Properties::parse(&path.display().to_string(), bytes).map_err(|error| MetaPropertiesError::Syntax {
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
        let version = match properties.get(VERSION) {
            None | Some("0") => Version::V0,
            Some("1") => Version::V1,
            Some(value) => return Err(invalid(path, VERSION, value)),
        };
        let node_key = match version {
            Version::V0 => BROKER_ID,
            Version::V1 => NODE_ID,
        };
        let node_id = properties.get(node_key);
        let node_id = node_id.map(|value| {
            value
                .trim()
                .parse()
                .map(NodeId)
                .map_err(|_| invalid(path, node_key, value))
        });
        let directory_id = properties.get(DIRECTORY_ID);
        let directory_id = directory_id.map(|value| value.parse().map_err(|_| invalid(path, DIRECTORY_ID, value)));
        let read = Self {
            version,
            cluster_id: properties.get(CLUSTER_ID).map(str::to_owned),
            node_id: node_id.transpose()?,
            directory_id: directory_id.transpose()?,
        };
        match read.missing() {
            Some(key) => Err(MetaPropertiesError::Missing {
                path: path.to_owned(),
                key,
            }),
            None => Ok(read),
        }
    }

    /// The first property that the version requires and that is not there.
    fn missing(&self) -> Option<&'static str> {
        match self.version {
            Version::V0 => None,
            Version::V1 if self.cluster_id.is_none() => Some(CLUSTER_ID),
            Version::V1 if self.node_id.is_none() => Some(NODE_ID),
            Version::V1 => None,
        }
    }

    fn to_text(&self) -> String {
        let (version, node_key) = match self.version {
            Version::V0 => ("0", BROKER_ID),
            Version::V1 => ("1", NODE_ID),
        };
        let mut lines = vec![(VERSION, version.to_owned())];
        lines.extend(self.cluster_id.as_ref().map(|id| (CLUSTER_ID, escaped(id))));
        lines.extend(self.node_id.map(|id| (node_key, id.to_string())));
        lines.extend(self.directory_id.map(|id| (DIRECTORY_ID, id.to_string())));
        lines
            .into_iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect()
    }
}

/// A value as a properties file spells it.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for unit in value.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some(letter @ ('\\' | '=' | ':' | '#' | '!')) => text.extend(['\\', letter]),
            Some(' ') if text.is_empty() => text.push_str("\\ "),
            Some(letter @ ' '..='~') => text.push(letter),
            Some(_) | None => text.push_str(&format!("\\u{unit:04X}")),
        }
    }
    text
}

fn invalid(path: &Path, key: &'static str, value: &str) -> MetaPropertiesError {
    MetaPropertiesError::Invalid {
        path: path.to_owned(),
        key,
        value: value.to_owned(),
    }
}
