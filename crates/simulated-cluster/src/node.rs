//! A node's settings and its directory, and its life from the start to the end: all by the code of `serve`.

use crate::host::Told;
use anyhow::Result;
use base::fs::Fs;
use base::{NodeId, Rng, Timestamp};
use config::{BrokerConfig, Layered};
use metadata::MetadataVersion;
use metadata::bootstrap::bootstrap_records;
use quorum::format::{FirstVoters, Formatting, format};
use riverrun::command::serve::{FormatNew, node};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Where everything lies.
pub(crate) const DIR: &str = "/data";
/// The log directories of every node; the metadata log lies in the first.
pub const LOG_DIRS: [&str; 2] = ["/data/a", "/data/b"];
const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAABQ";

/// The settings of a combined node, and what the simulation adds.
pub(crate) fn config(id: usize, addresses: &[IpAddr], more: &[String]) -> Result<BrokerConfig> {
    let own = addresses[id];
    let voter = |(id, address): (usize, &IpAddr)| format!("{}@{address}:9093", id + 1);
    let voters: Vec<String> = addresses.iter().enumerate().map(voter).collect();
    let mut layered = Layered::new();
    let settings = [
        format!("node.id={}", id + 1),
        "process.roles=broker,controller".to_owned(),
        format!("listeners=PLAINTEXT://{own}:9092,CONTROLLER://{own}:9093"),
        format!("advertised.listeners=PLAINTEXT://{own}:9092,CONTROLLER://{own}:9093"),
        "controller.listener.names=CONTROLLER".to_owned(),
        format!("controller.quorum.voters={}", voters.join(",")),
        format!("log.dirs={}", LOG_DIRS.join(",")),
        // The opening of logs would use threads, and the cleaner has some of its own.
        "num.recovery.threads.per.data.dir=1".to_owned(),
        "log.cleaner.enable=false".to_owned(),
    ];
    for setting in settings.iter().chain(more) {
        layered.add_assignment(setting)?;
    }
    Ok(BrokerConfig::from_layers(&layered)?)
}

/// Formats a node's directory, as `storage format` does.
pub(crate) fn format_disk(fs: &Arc<dyn Fs>, id: usize, now: Timestamp, rng: &mut Rng) -> Result<()> {
    let formatting = Formatting {
        cluster_id: CLUSTER.to_owned(),
        node_id: NodeId(i32::try_from(id)? + 1),
        dirs: LOG_DIRS.map(PathBuf::from).to_vec(),
        metadata_dir: PathBuf::from(LOG_DIRS[0]),
        bootstrap: bootstrap_records(MetadataVersion::LATEST_PRODUCTION, &[]),
        voters: FirstVoters::Static,
    };
    format(fs, &formatting, now, rng)?;
    Ok(())
}

/// Runs a node until it is told to stop.
pub(crate) async fn live(
    config: BrokerConfig,
    world: node::World,
    told: Arc<Mutex<Told>>,
    stop: watch::Receiver<bool>,
) {
    let ended = serve(config, world, &told, stop)
        .await
        .map_err(|error| format!("{error:#}"));
    told.lock().unwrap_or_else(PoisonError::into_inner).ended = Some(ended);
}

async fn serve(
    config: BrokerConfig,
    world: node::World,
    told: &Mutex<Told>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let parts = node::prepare(config, FormatNew::No, world).await?;
    let mut node = node::start(parts).await?;
    let broker = node.broker.as_ref().map(|running| Arc::clone(&running.broker));
    told.lock().unwrap_or_else(PoisonError::into_inner).broker = broker;
    let end = tokio::select! {
        // Who could say so is gone only together with this.
        _ = stop.wait_for(|stop| *stop) => Ok(node::End::Asked),
        lost = node.lost() => lost,
    };
    told.lock().unwrap_or_else(PoisonError::into_inner).broker = None;
    node.end(end?).await
}
