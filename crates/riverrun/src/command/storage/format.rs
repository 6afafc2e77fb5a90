//! `storage format`: log directories for a new node.

use super::arguments::Arguments;
use super::features;
use super::info::directories;
use super::voters::first_voters;
use anyhow::{Result, ensure};
use base::fs::{Fs, RealFs};
use base::{Clock, Rng};
use config::BrokerConfig;
use metadata::MetadataVersion;
use metadata::bootstrap::bootstrap_records;
use protocol::metadata_records::MetadataRecord;
use quorum::format::{FirstVoters, Formatting, format};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use storage::dirs::meta_properties::MetaProperties;

pub(super) fn run(arguments: &Arguments, config: &BrokerConfig) -> Result<ExitCode> {
    ensure!(
        !arguments.has("add-scram"),
        "--add-scram is not supported yet: SASL is not built. Format without it."
    );
    let levels = features::levels(arguments.value("release-version"), &arguments.values("feature"))?;
    let voters = first_voters(arguments, config, levels.kraft_version())?;
    let cluster_id = arguments.value("cluster-id").unwrap_or_default().to_owned();
    let unformatted = unformatted(arguments, config, &cluster_id)?;
    if unformatted.is_empty() {
        println!("All of the log directories are already formatted.");
        return Ok(ExitCode::SUCCESS);
    }
    let metadata_dir = PathBuf::from(&config.metadata_log_dir);
    let formatting = Formatting {
        cluster_id,
        node_id: config.node_id,
        dirs: unformatted,
        metadata_dir: metadata_dir.clone(),
        bootstrap: bootstrap_records(levels.version, &levels.asked),
        voters,
    };
    println!("{}", describe(&formatting.bootstrap, levels.version));
    for dir in &formatting.dirs {
        let kind = if *dir == metadata_dir {
            kind(&formatting)
        } else {
            "data directory"
        };
        println!(
            "Formatting {kind} {} with metadata.version {}.",
            dir.display(),
            levels.version
        );
    }
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let now = base::clock::SystemClock::new().wall();
    format(&fs, &formatting, now, &mut Rng::from_os())?;
    Ok(ExitCode::SUCCESS)
}

/// The directories without `meta.properties`, the metadata directory last: it is the one that a start looks for, so that
/// a format that was cut short is noticed.
fn unformatted(arguments: &Arguments, config: &BrokerConfig, cluster_id: &str) -> Result<Vec<PathBuf>> {
    let metadata_dir = config.metadata_log_dir.as_str();
    let others = directories(config).into_iter().filter(|dir| *dir != metadata_dir);
    let mut formatted = Vec::new();
    let mut unformatted = Vec::new();
    for dir in others.chain([metadata_dir]).map(Path::new) {
        match MetaProperties::read(&RealFs, dir)? {
            None => unformatted.push(dir.to_owned()),
            Some(properties) => {
                let file = dir.join("meta.properties");
                if let Some(found) = properties.cluster_id.filter(|found| found != cluster_id) {
                    let file = file.display();
                    anyhow::bail!("Invalid cluster.id in: {file}. Expected {cluster_id}, but read {found}");
                }
                if let Some(found) = properties.node_id.filter(|found| *found != config.node_id) {
                    let (file, id) = (file.display(), config.node_id);
                    anyhow::bail!("Stored node id {found} doesn't match previous node id {id} in {file}");
                }
                formatted.push(dir);
            }
        }
    }
    if let Some(first) = formatted.first() {
        ensure!(
            arguments.has("ignore-formatted"),
            "Log directory {} is already formatted. Use --ignore-formatted to ignore this directory and format the \
             others.",
            first.display()
        );
    }
    Ok(unformatted)
}

/// Kafka's words for the directory that holds the metadata log.
fn kind(formatting: &Formatting) -> &'static str {
    match &formatting.voters {
        FirstVoters::Static | FirstVoters::ToBeFound => "metadata directory",
        FirstVoters::Standalone(_) => "dynamic metadata voter directory",
        FirstVoters::Initial(voters) if voters.get(formatting.node_id).is_some() => "dynamic metadata voter directory",
        FirstVoters::Initial(_) => "dynamic metadata directory",
    }
}

/// The first records as Kafka's tool shows them.
fn describe(records: &[MetadataRecord], version: MetadataVersion) -> String {
    let shown: Vec<String> = records
        .iter()
        .map(|record| match record {
            MetadataRecord::FeatureLevel(record) => format!(
                "ApiMessageAndVersion(FeatureLevelRecord(name='{}', featureLevel={}) at version 0)",
                record.name, record.feature_level
            ),
            other => format!("{other:?}"),
        })
        .collect();
    format!(
        "Bootstrap metadata: BootstrapMetadata(records=[{}], metadataVersionLevel={}, source=format command)",
        shown.join(", "),
        version.0
    )
}
