//! Formatting a node's directories, as `kafka-storage format` does it: identity, first records, first voters.

use crate::bootstrap::BOOTSTRAP_FILE;
use crate::error::QuorumError;
use crate::snapshots::{Assignment, Content};
use base::fs::Fs;
use base::{NodeId, Rng, Timestamp, Uuid};
use protocol::metadata_records::MetadataRecord;
use raft::SnapshotId;
use raft::snapshot::SnapshotHeader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::dirs::METADATA_DIR;
use storage::dirs::meta_properties::MetaProperties;

pub use raft::voters::{Endpoint, KRaftVersionRange, Voter};
pub use raft::{ReplicaKey, VoterSet};

/// Who votes in the new cluster's quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstVoters {
    /// Those of `controller.quorum.voters`: nothing is written, `kraft.version` is 0.
    Static,
    /// This node alone, reached at these endpoints (`--standalone`).
    Standalone(Vec<Endpoint>),
    /// These (`--initial-controllers`); if this node is among them, its metadata directory takes the id given for it.
    Initial(VoterSet),
    /// Unknown: the node joins a quorum that exists (`--no-initial-controllers`, and nodes that are only brokers).
    ToBeFound,
}

/// What to format, and as what.
#[derive(Clone, Debug)]
pub struct Formatting {
    /// The cluster's id.
    pub cluster_id: String,
    /// This node.
    pub node_id: NodeId,
    /// The directories to format: only those that are not formatted yet.
    pub dirs: Vec<PathBuf>,
    /// The one of them that holds the metadata log.
    pub metadata_dir: PathBuf,
    /// The first records ([`metadata::bootstrap::bootstrap_records`]).
    pub bootstrap: Vec<MetadataRecord>,
    /// The first voters.
    pub voters: FirstVoters,
}

/// Formats the directories and returns the id that each was given. Each directory's `meta.properties` comes last: a
/// directory in which a crash left the formatting half done counts as not formatted.
///
/// # Errors
/// If the disk failed.
pub fn format(
    fs: &Arc<dyn Fs>,
    formatting: &Formatting,
    now: Timestamp,
    rng: &mut Rng,
) -> Result<Vec<(PathBuf, Uuid)>, QuorumError> {
    let mut formatted = Vec::with_capacity(formatting.dirs.len());
    for dir in &formatting.dirs {
        let is_metadata = *dir == formatting.metadata_dir;
        let given = if is_metadata { given_directory(formatting) } else { None };
        let id = given.unwrap_or_else(|| Uuid::random_directory(rng));
        fs.create_dir(dir)?;
        write(fs, dir, BOOTSTRAP_FILE.as_ref(), &formatting.bootstrap, None, now)?;
        if is_metadata && let Some(voters) = first_voters(formatting, id) {
            let log = dir.join(METADATA_DIR);
            fs.create_dir(&log)?;
            let name = SnapshotId::BOOTSTRAP.file_name();
            write(fs, &log, name.as_ref(), &[], Some(voters), now)?;
        }
        MetaProperties::v1(formatting.cluster_id.clone(), formatting.node_id, id).write(&**fs, dir)?;
        formatted.push((dir.clone(), id));
    }
    Ok(formatted)
}

/// The id that `--initial-controllers` gives this node's metadata directory.
fn given_directory(formatting: &Formatting) -> Option<Uuid> {
    match &formatting.voters {
        FirstVoters::Initial(voters) => voters.get(formatting.node_id)?.key.directory,
        FirstVoters::Static | FirstVoters::Standalone(_) | FirstVoters::ToBeFound => None,
    }
}

fn first_voters(formatting: &Formatting, directory: Uuid) -> Option<VoterSet> {
    match &formatting.voters {
        FirstVoters::Static | FirstVoters::ToBeFound => None,
        FirstVoters::Initial(voters) => Some(voters.clone()),
        FirstVoters::Standalone(endpoints) => VoterSet::new(vec![Voter {
            key: ReplicaKey {
                id: formatting.node_id,
                directory: Some(directory),
            },
            endpoints: endpoints.clone(),
            kraft_versions: KRaftVersionRange::SUPPORTED,
        }]),
    }
}

/// Writes a file in the form of the bootstrap snapshot.
fn write(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    name: &Path,
    records: &[MetadataRecord],
    voters: Option<VoterSet>,
    now: Timestamp,
) -> Result<(), QuorumError> {
    let assignment = Assignment {
        fs: Arc::clone(fs),
        dir: dir.to_owned(),
        id: SnapshotId::BOOTSTRAP,
        header: SnapshotHeader {
            // Kafka's tool dates the snapshot that holds the voters, and not the first records.
            last_contained_timestamp: if voters.is_some() { now } else { Timestamp(0) },
            kraft_version: if voters.is_some() { 1 } else { 0 },
            voters,
        },
        content: Content::Records(records.to_vec()),
        now,
    };
    assignment.write_as(name)?;
    Ok(())
}
