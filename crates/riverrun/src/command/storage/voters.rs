//! Who votes first: from the flags and from `controller.quorum.voters`.

use super::arguments::Arguments;
use anyhow::{Context, Result, bail, ensure};
use base::{NodeId, Uuid};
use config::BrokerConfig;
use quorum::format::{Endpoint, FirstVoters, KRaftVersionRange, ReplicaKey, Voter, VoterSet};

/// The first voters, if the flags and the settings agree on them. `kraft_version` is the level asked for.
pub(super) fn first_voters(
    arguments: &Arguments,
    config: &BrokerConfig,
    kraft_version: Option<i16>,
) -> Result<FirstVoters> {
    let dynamic = arguments.has("standalone") || arguments.has("initial-controllers");
    ensure!(
        config.voters.is_empty() || !dynamic,
        "You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. If \
         you want to use dynamic quorum, please remove controller.quorum.voters and specify \
         controller.quorum.bootstrap.servers instead."
    );
    let voters = if arguments.has("standalone") {
        standalone(config)?
    } else if let Some(text) = arguments.value("initial-controllers") {
        FirstVoters::Initial(parse_voters(text, &listener(config))?)
    } else if !config.voters.is_empty() {
        FirstVoters::Static
    } else {
        ensure!(
            arguments.has("no-initial-controllers") || !config.roles.controller,
            "Because controller.quorum.voters is not set on this controller, you must specify one of the following: \
             --standalone, --initial-controllers, or --no-initial-controllers."
        );
        FirstVoters::ToBeFound
    };
    check_kraft_version(&voters, kraft_version)?;
    Ok(voters)
}

fn check_kraft_version(voters: &FirstVoters, asked: Option<i16>) -> Result<()> {
    match (voters, asked) {
        (FirstVoters::Standalone(_) | FirstVoters::Initial(_), Some(0)) => bail!(
            "Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the flags --standalone, \
             --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try removing \
             the --feature flag for kraft.version."
        ),
        (FirstVoters::Static, Some(level)) if level > 0 => bail!(
            "Cannot set kraft.version to {level} unless controller.quorum.voters is empty and one of the flags \
             --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, \
             try using one of --standalone, --initial-controllers, or --no-initial-controllers and removing \
             controller.quorum.voters."
        ),
        _ => Ok(()),
    }
}

/// The voters of the first start of a node that nobody formatted: this node alone, unless the settings name voters.
pub(in crate::command) fn standalone(config: &BrokerConfig) -> Result<FirstVoters> {
    ensure!(
        config.roles.controller,
        "You can only use --standalone on a controller."
    );
    let endpoint = config
        .advertised_controller_listeners
        .first()
        .context("No controller listeners found.")?;
    let host = if endpoint.host.is_empty() {
        "localhost"
    } else {
        &endpoint.host
    };
    Ok(FirstVoters::Standalone(vec![Endpoint {
        listener: endpoint.listener.as_str().to_owned(),
        host: host.to_owned(),
        port: endpoint.port,
    }]))
}

fn listener(config: &BrokerConfig) -> String {
    let first = config.controller_listener_names.first();
    first.map(|name| name.as_str().to_owned()).unwrap_or_default()
}

/// Reads `id@host:port:directory,..`.
fn parse_voters(text: &str, listener: &str) -> Result<VoterSet> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let voters = entries
        .map(|entry| parse_voter(entry, listener))
        .collect::<Result<Vec<_>>>()?;
    ensure!(!voters.is_empty(), "No voters given.");
    VoterSet::new(voters).context("Node id specified more than once.")
}

fn parse_voter(entry: &str, listener: &str) -> Result<Voter> {
    let (id, rest) = entry.split_once('@').context("No @ found in dynamic voter string.")?;
    let id: i32 = id
        .trim()
        .parse()
        .with_context(|| format!("Failed to parse node id in dynamic voter string {entry}."))?;
    ensure!(id >= 0, "Invalid negative node id {id} in dynamic voter string.");
    let (address, directory) = rest
        .rsplit_once(':')
        .with_context(|| format!("No directory id found in dynamic voter string {entry}."))?;
    let directory: Uuid = directory
        .trim()
        .parse()
        .with_context(|| format!("Failed to parse directory ID in dynamic voter string {entry}."))?;
    let (host, port) = address
        .rsplit_once(':')
        .with_context(|| format!("No port found in dynamic voter string {entry}."))?;
    let port: u16 = port
        .parse()
        .with_context(|| format!("Failed to parse port in dynamic voter string {entry}."))?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    ensure!(!host.is_empty(), "No host found in dynamic voter string {entry}.");
    Ok(Voter {
        key: ReplicaKey {
            id: NodeId(id),
            directory: Some(directory),
        },
        endpoints: vec![Endpoint {
            listener: listener.to_owned(),
            host: host.to_owned(),
            port,
        }],
        kraft_versions: KRaftVersionRange::SUPPORTED,
    })
}
