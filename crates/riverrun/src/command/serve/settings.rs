//! From the command line, the environment and the file to a node's settings.

use crate::command::{config_providers, environment};
use anyhow::{Context, Result, bail};
use config::{BrokerConfig, Layered, Properties};

/// What the command line said.
#[derive(Debug, Default)]
pub(super) struct Options {
    file: Option<String>,
    data_dir: Option<String>,
    listen: Option<String>,
    assignments: Vec<String>,
}

/// What is to be done.
pub(super) enum Parsed {
    /// Serve.
    Serve(Options),
    /// Explain.
    Help,
}

/// A node's settings, and whether a new data directory may be formatted without being asked for.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: BrokerConfig,
    pub(super) format: FormatNew,
}

/// What is done with log directories that are not formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatNew {
    /// They are formatted: nobody configured anything that could be mistaken.
    Yes,
    /// The start is refused, as Kafka does: a wrong path in a file must not begin a new cluster.
    No,
}

/// Reads the command line.
pub(super) fn parse(args: Vec<String>) -> Result<Parsed> {
    let mut options = Options::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
            _ => (arg, None),
        };
        let mut value = || {
            inline
                .clone()
                .or_else(|| args.next())
                .with_context(|| format!("{name} needs a value"))
        };
        match name.as_str() {
            "--help" | "-h" => return Ok(Parsed::Help),
            "--config" | "-c" => options.file = Some(value()?),
            "--data-dir" => options.data_dir = Some(value()?),
            "--listen" => options.listen = Some(value()?),
            "--set" | "--override" => options.assignments.push(value()?),
            // kafka-server-start.sh's flag to go into the background; a service manager does that better.
            "-daemon" => bail!("-daemon is not supported: start riverrun from a service manager, or with & in a shell"),
            file if !file.starts_with('-') && options.file.is_none() => options.file = Some(file.to_owned()),
            other => bail!("riverrun serve does not know {other}; see riverrun serve --help"),
        }
    }
    Ok(Parsed::Serve(options))
}

/// Puts the sources in order and checks the whole.
pub(super) fn resolve(options: Options) -> Result<Settings> {
    let mut layered = Layered::new();
    if let Some(file) = &options.file {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {file}"))?;
        layered.add_file(file, &Properties::parse(file, &bytes)?);
    }
    layered.add_environment(environment::variables());
    if let Some(dir) = &options.data_dir {
        layered.set_data_dir(dir);
    }
    if let Some(address) = &options.listen {
        layered.set_listen(address);
    }
    for assignment in &options.assignments {
        layered.add_assignment(assignment)?;
    }
    config_providers::apply(&mut layered)?;
    let format = if options.file.is_none() {
        FormatNew::Yes
    } else {
        FormatNew::No
    };
    if options.file.is_none() {
        layered.fill_in();
    }
    for warning in layered.warnings() {
        eprintln!("warning: {warning}");
    }
    Ok(Settings {
        config: BrokerConfig::from_layers(&layered)?,
        format,
    })
}
