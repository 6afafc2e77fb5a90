//! `metadata-quorum add-controller` and `remove-controller`.

use super::describe::{Failure, url};
use crate::command::connection::ClientProperties;
use crate::command::subcommands::Given;
use anyhow::{Context, Result, bail, ensure};
use base::fs::RealFs;
use base::{NodeId, Uuid};
use client::admin::{self, DryRun, VoterEndpoint};
use client::{Address, Cluster};
use std::path::Path;
use storage::dirs::meta_properties::MetaProperties;

const IS_IT: &str = "Is this a valid controller configuration file?";

/// A controller that shall vote, as its own properties and directory describe it.
pub(super) struct Newcomer {
    id: i32,
    directory: Uuid,
    endpoints: Vec<VoterEndpoint>,
}

impl Newcomer {
    pub(super) fn from_properties(properties: &ClientProperties) -> Result<Self> {
        let id = node_id(properties)?;
        let directory = directory(metadata_directory(properties)?)?;
        let endpoints = endpoints(properties)?;
        Ok(Self {
            id,
            directory,
            endpoints,
        })
    }

    pub(super) async fn add(self, cluster: &Cluster, dry_run: DryRun) -> Result<(), Failure> {
        let done = match dry_run {
            DryRun::Yes => "DRY RUN of adding",
            DryRun::No => {
                admin::add_raft_voter(cluster, NodeId(self.id), self.directory, &self.endpoints).await?;
                "Added"
            }
        };
        let endpoints: Vec<String> = self.endpoints.iter().map(url).collect();
        println!(
            "{done} controller {} with directory id {} and endpoints: {}",
            self.id,
            self.directory,
            endpoints.join(", ")
        );
        Ok(())
    }
}

fn node_id(properties: &ClientProperties) -> Result<i32> {
    let Some(text) = properties.get("node.id") else {
        bail!("node.id not found in configuration file. {IS_IT}");
    };
    let id: i32 = text
        .parse()
        .ok()
        .with_context(|| format!("For input string: \"{text}\""))?;
    ensure!(id >= 0, "node.id was negative in configuration file. {IS_IT}");
    ensure!(
        properties
            .get("process.roles")
            .unwrap_or_default()
            .contains("controller"),
        "process.roles did not contain 'controller' in configuration file. {IS_IT}"
    );
    Ok(id)
}

fn metadata_directory(properties: &ClientProperties) -> Result<&str> {
    if let Some(directory) = properties.get("metadata.log.dir") {
        return Ok(directory);
    }
    match properties.get("log.dirs") {
        Some(directories) => Ok(directories.trim().split(',').next().unwrap_or_default()),
        None => bail!("Neither metadata.log.dir nor log.dirs were found. {IS_IT}"),
    }
}

fn directory(path: &str) -> Result<Uuid> {
    let Ok(Some(properties)) = MetaProperties::read(&RealFs, Path::new(path)) else {
        bail!("Unable to read meta.properties from {path}");
    };
    properties
        .directory_id
        .with_context(|| format!("No directory id found in {path}"))
}

/// The controller's listeners, as it advertises them.
fn endpoints(properties: &ClientProperties) -> Result<Vec<VoterEndpoint>> {
    let mut listeners: Vec<VoterEndpoint> = Vec::new();
    for key in ["listeners", "advertised.listeners"] {
        for text in properties.get(key).unwrap_or_default().split(',') {
            if let Some(endpoint) = endpoint(text.trim()) {
                listeners.retain(|known| known.listener != endpoint.listener);
                listeners.push(endpoint);
            }
        }
    }
    let Some(names) = properties.get("controller.listener.names") else {
        bail!("controller.listener.names was not found. {IS_IT}");
    };
    let found = names.split(',').map(|name| {
        let name = name.trim().to_uppercase();
        let found = listeners.iter().find(|known| known.listener == name).cloned();
        found.with_context(|| format!("Cannot find information about controller listener name: {name}"))
    });
    found.collect()
}

fn endpoint(text: &str) -> Option<VoterEndpoint> {
    let (name, rest) = text.split_once("://")?;
    let (host, port) = rest.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some(VoterEndpoint {
        listener: name.to_uppercase(),
        address: Address {
            host: String::from(if host.is_empty() { "localhost" } else { host }),
            port: port.parse().ok()?,
        },
    })
}

/// A controller that shall not vote any more.
pub(super) struct Leaver {
    id: i32,
    directory: Uuid,
}

impl Leaver {
    pub(super) fn of(given: &Given) -> Result<Self> {
        let id = given.number("controller-id").expect("it is required, and a number");
        let directory = given.value("controller-directory-id").expect("it is required");
        ensure!(id >= 0, "Invalid negative --controller-id: {id}");
        let directory = directory.parse().ok().with_context(|| {
            let why = why_no_uuid(directory);
            format!("Failed to parse --controller-directory-id: {why}")
        })?;
        Ok(Self { id, directory })
    }

    pub(super) async fn remove(self, cluster: &Cluster, dry_run: DryRun) -> Result<(), Failure> {
        let done = match dry_run {
            DryRun::Yes => "DRY RUN of removing ",
            DryRun::No => {
                admin::remove_raft_voter(cluster, NodeId(self.id), self.directory).await?;
                "Removed "
            }
        };
        let (id, directory) = (self.id, self.directory);
        println!("{done} KRaft controller {id} with directory id {directory}");
        Ok(())
    }
}

/// Kafka's words for a text that is no id.
fn why_no_uuid(text: &str) -> String {
    let is_digit = |digit: &u8| digit.is_ascii_alphanumeric() || matches!(digit, b'-' | b'_' | b'=');
    match (text.len(), text.bytes().find(|digit| !is_digit(digit))) {
        (25.., _) => {
            let prefix: String = text.chars().take(24).collect();
            format!("Input string with prefix `{prefix}` is too long to be decoded as a base64 UUID")
        }
        (1, _) => String::from("Input byte[] should at least have 2 bytes for base64 bytes"),
        (_, Some(digit)) => format!("Illegal base64 character {digit:x}"),
        (digits, None) => format!(
            "Input string `{text}` decoded as {} bytes, which is not equal to the expected 16 bytes of a base64-encoded \
             UUID",
            digits * 3 / 4
        ),
    }
}
