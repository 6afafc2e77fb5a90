//! Who this node is: what `meta.properties` in its directories says, or a new identity on the first start.

use super::settings::FormatNew;
use crate::command::storage::standalone;
use anyhow::{Context, Result, bail};
use base::clock::SystemClock;
use base::fs::Fs;
use base::{Clock, Rng, Uuid};
use broker::log_dirs::Unusable;
use config::BrokerConfig;
use metadata::MetadataVersion;
use metadata::bootstrap::bootstrap_records;
use quorum::format::{FirstVoters, Formatting, format};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::dirs::meta_properties::MetaProperties;

/// A node's identity.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) cluster_id: String,
    /// The id of the directory that holds the metadata log.
    pub(super) metadata_directory_id: Uuid,
    /// Log directories that cannot be read or written; the others serve without them.
    pub(super) unusable: Vec<Unusable>,
}

/// Reads the identity, formatting new directories if that is allowed.
pub(super) fn establish(fs: &Arc<dyn Fs>, config: &BrokerConfig, format_new: FormatNew) -> Result<Identity> {
    let mut dirs: BTreeSet<PathBuf> = config.log_dirs.iter().map(PathBuf::from).collect();
    let metadata_dir = PathBuf::from(&config.metadata_log_dir);
    dirs.insert(metadata_dir.clone());
    let mut found = Vec::new();
    let mut unusable = Vec::new();
    for dir in &dirs {
        match MetaProperties::read(&**fs, dir) {
            Ok(properties) => found.push((dir, properties)),
            Err(error) if *dir == metadata_dir => return Err(error.into()),
            Err(error) => unusable.push(Unusable {
                path: dir.clone(),
                reason: error.to_string(),
            }),
        }
    }
    if found.iter().all(|(_, properties)| properties.is_none()) {
        if format_new == FormatNew::No {
            bail!(
                "no meta.properties in {}: the directory is not formatted. Format it once with\n  \
                 riverrun storage format --standalone --cluster-id $(riverrun storage random-uuid) --config FILE",
                config.metadata_log_dir
            );
        }
        format_first_start(fs, config)?;
        return establish(fs, config, FormatNew::No);
    }
    let of_metadata = found
        .iter()
        .find(|(dir, _)| **dir == metadata_dir)
        .and_then(|(_, properties)| properties.as_ref());
    let cluster_id = of_metadata.and_then(|properties| properties.cluster_id.clone());
    let cluster_id =
        cluster_id.with_context(|| format!("no cluster.id in {}/meta.properties", metadata_dir.display()))?;
    let mut metadata_directory_id = Uuid::ZERO;
    for (dir, properties) in found {
        match directory_id(&**fs, config, dir, properties, &cluster_id) {
            Ok(id) if *dir == metadata_dir => metadata_directory_id = id,
            Ok(_) => {}
            Err(error) if *dir == metadata_dir => return Err(error),
            Err(error) => unusable.push(Unusable {
                path: dir.clone(),
                reason: format!("{error:#}"),
            }),
        }
    }
    Ok(Identity {
        cluster_id,
        metadata_directory_id,
        unusable,
    })
}

/// The directory's id, made and written down if it has none: a disk that was added, or one from before KIP-858.
fn directory_id(
    fs: &dyn Fs,
    config: &BrokerConfig,
    dir: &Path,
    properties: Option<MetaProperties>,
    cluster_id: &str,
) -> Result<Uuid> {
    if let Some(id) = properties.as_ref().and_then(|properties| properties.directory_id) {
        return Ok(id);
    }
    let id = Uuid::random_directory(&mut Rng::from_os());
    fs.create_dir(dir).with_context(|| dir.display().to_string())?;
    let written = MetaProperties::v1(cluster_id.to_owned(), config.node_id, id).write(fs, dir);
    written.with_context(|| dir.display().to_string())?;
    Ok(id)
}

/// As `storage format --standalone`, or as for a quorum whose voters are configured.
fn format_first_start(fs: &Arc<dyn Fs>, config: &BrokerConfig) -> Result<()> {
    let dirs: BTreeSet<&str> = config
        .log_dirs
        .iter()
        .map(String::as_str)
        .chain([config.metadata_log_dir.as_str()])
        .collect();
    let voters = if config.voters.is_empty() {
        standalone(config)?
    } else {
        FirstVoters::Static
    };
    let mut rng = Rng::from_os();
    let formatting = Formatting {
        cluster_id: Uuid::random(&mut rng).to_string(),
        node_id: config.node_id,
        dirs: dirs.into_iter().map(PathBuf::from).collect(),
        metadata_dir: PathBuf::from(&config.metadata_log_dir),
        bootstrap: bootstrap_records(MetadataVersion::LATEST_PRODUCTION, &[]),
        voters,
    };
    format(fs, &formatting, SystemClock::new().wall(), &mut rng)?;
    Ok(())
}
