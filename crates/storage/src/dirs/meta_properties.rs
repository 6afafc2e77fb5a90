//! `meta.properties`: which cluster and node a log directory belongs to, and its own id.

use base::fs::Fs;
use base::{NodeId, Timestamp, Uuid};
use std::io;
use std::path::{Path, PathBuf};

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
