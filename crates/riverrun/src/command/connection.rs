//! From a command line to a cluster: addresses, Kafka's client properties, the runtime.

use super::Form;
use super::options::{Options, Refusal};
use super::progress;
use anyhow::Context;
use client::{Applied, Cluster, Entrance, SettingError, Settings};
use config::Properties;
use std::future::Future;

/// Where `riverrun topics` and its like look if no `--bootstrap-server` is given; Kafka's scripts insist on one.
pub const LOCAL: &str = "127.0.0.1:9092";

/// Client properties, the last value of a key winning.
#[derive(Clone, Debug, Default)]
pub struct ClientProperties(Vec<(String, String)>);

impl ClientProperties {
    /// The properties of a file in Kafka's form.
    pub fn from_file(path: &str) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.to_owned())?;
        let read = Properties::parse(path, &bytes)?;
        let pairs = read.entries.into_iter().map(|property| (property.key, property.value));
        Ok(Self(pairs.collect()))
    }

    /// Adds `key=value` arguments; a value may be missing, which makes it empty.
    pub fn add_arguments<'a>(&mut self, arguments: impl Iterator<Item = &'a str>) {
        for argument in arguments {
            let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
            self.set(key, value);
        }
    }

    /// Sets a key.
    pub fn set(&mut self, key: &str, value: &str) {
        self.0.push((key.to_owned(), value.to_owned()));
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// Keys and values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Hands each property to the settings it is for, and warns of the ones that mean nothing here.
    pub fn apply(&self, mut to: impl FnMut(&str, &str) -> Result<Applied, SettingError>) -> Result<(), SettingError> {
        for (key, value) in &self.0 {
            if self.get(key) != Some(value) {
                continue;
            }
            if to(key, value)? == Applied::Unknown {
                eprintln!("warning: the property '{key}' is not known to this client and has no effect");
            }
        }
        Ok(())
    }
}

/// The addresses of a command line; ours has a default, Kafka's has not.
pub fn bootstrap(options: &Options, form: Form) -> Result<Option<String>, Refusal> {
    let given = options.value("bootstrap-server")?.map(str::to_owned);
    Ok(given.or_else(|| (form == Form::Subcommand).then(|| LOCAL.to_owned())))
}

/// The cluster that an administration tool talks to: `--bootstrap-server` and `--command-config`.
pub fn admin_cluster(options: &Options, bootstrap: &str, client_id: &str) -> anyhow::Result<Cluster> {
    Ok(Cluster::new(admin_settings(options, bootstrap, client_id)?))
}

/// How an administration tool reaches its cluster.
pub fn admin_settings(options: &Options, bootstrap: &str, client_id: &str) -> anyhow::Result<Settings> {
    let mut settings = Settings::new(bootstrap)?;
    client_id.clone_into(&mut settings.client_id);
    if let Some(path) = options.value("command-config")? {
        let mut properties = ClientProperties::from_file(path)?;
        properties.0.retain(|(key, _)| key != "bootstrap.servers");
        properties.apply(|key, value| settings.apply(key, value))?;
    }
    Ok(settings)
}

/// The cluster behind the addresses of brokers or of controllers, with the client properties of a file.
pub fn cluster_behind(
    addresses: &str,
    entrance: Entrance,
    properties: &ClientProperties,
    client_id: &str,
) -> anyhow::Result<Cluster> {
    let mut settings = Settings::new(addresses)?;
    settings.entrance = entrance;
    client_id.clone_into(&mut settings.client_id);
    properties.apply(|key, value| match key {
        "bootstrap.servers" | "bootstrap.controllers" => Ok(Applied::Yes),
        key => settings.apply(key, value),
    })?;
    Ok(Cluster::new(settings))
}

/// Runs a tool's work to its end, on this thread alone: a tool lives for milliseconds.
pub fn block_on<T>(what: &str, work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(progress::shown(what, work));
    // A read of stdin that is still under way must not keep the process.
    runtime.shutdown_background();
    Ok(done)
}
