//! `features upgrade`, `downgrade` and `disable`: other levels, all of them or none.

use crate::command::java_exception::message;
use crate::command::storage::features::parse_release;
use crate::command::subcommands::Given;
use anyhow::{Context, Result, bail, ensure};
use client::Cluster;
use client::admin::{self, DryRun, FeatureUpdate, UpgradeType};
use metadata::MetadataVersion;
use metadata::feature::{FEATURES, default_level};
use std::collections::BTreeMap;

/// Levels that are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The command.
    verb: &'static str,
    /// The levels, by feature.
    levels: BTreeMap<String, i16>,
    upgrade: UpgradeType,
    dry_run: DryRun,
}

impl Change {
    /// What a command line asks for.
    pub(super) fn of(given: &Given) -> Result<Self> {
        let verb = given.command;
        let upgrade = match (verb, given.has("unsafe")) {
            ("upgrade", _) => UpgradeType::Upgrade,
            (_, false) => UpgradeType::SafeDowngrade,
            (_, true) => UpgradeType::UnsafeDowngrade,
        };
        let features = given.values("feature");
        let levels = match verb {
            "disable" => disabled(&features)?,
            _ => levels(given, &features, upgrade)?,
        };
        ensure!(!levels.is_empty(), "You must specify at least one feature to {verb}");
        let dry_run = match given.has("dry-run") {
            true => DryRun::Yes,
            false => DryRun::No,
        };
        Ok(Self {
            verb,
            levels,
            upgrade,
            dry_run,
        })
    }

    /// Asks for it, and tells what became of each feature; fails with a sum of the refusals.
    pub(super) async fn make(&self, cluster: &Cluster) -> Result<(), String> {
        let updates = self.levels.iter().map(|(name, level)| FeatureUpdate {
            name: name.clone(),
            level: *level,
        });
        let updates: Vec<_> = updates.collect();
        let each = match admin::update_features(cluster, &updates, self.upgrade, self.dry_run).await {
            Ok(each) => each.into_iter().collect::<BTreeMap<_, _>>(),
            // What went wrong with the call went wrong with each.
            Err(error) => updates
                .iter()
                .map(|update| (update.name.clone(), Err(error.clone())))
                .collect(),
        };
        let mut failed = 0;
        for (name, level) in &self.levels {
            match each.get(name) {
                Some(Err(error)) => {
                    failed += 1;
                    println!("{}. {}", self.refused(name, *level), message(error));
                }
                Some(Ok(())) | None => println!("{}", self.done(name, *level)),
            }
        }
        match failed {
            0 => Ok(()),
            failed => Err(format!("{failed} out of {} operation(s) failed.", self.levels.len())),
        }
    }

    fn refused(&self, name: &str, level: i16) -> String {
        let not = match self.dry_run {
            DryRun::Yes => "Can not",
            DryRun::No => "Could not",
        };
        match self.verb {
            "disable" => format!("{not} disable {name}"),
            verb => format!("{not} {verb} {name} to {level}"),
        }
    }

    fn done(&self, name: &str, level: i16) -> String {
        let was = match self.dry_run {
            DryRun::Yes => "can be",
            DryRun::No => "was",
        };
        match self.verb {
            "disable" => format!("{name} {was} disabled."),
            verb => format!("{name} {was} {verb}d to {level}."),
        }
    }
}

fn disabled(features: &[&str]) -> Result<BTreeMap<String, i16>> {
    let mut levels = BTreeMap::new();
    for name in features {
        let before = levels.insert((*name).to_owned(), 0);
        ensure!(before.is_none(), "Feature {name} was specified more than once.");
    }
    Ok(levels)
}

fn levels(given: &Given, features: &[&str], upgrade: UpgradeType) -> Result<BTreeMap<String, i16>> {
    let mut levels = BTreeMap::new();
    if let Some(release) = given.value("release-version") {
        if given.has("metadata") || !features.is_empty() {
            bail!("Can not specify `release-version` with other feature flags.");
        }
        let version = parse_release(release)?;
        for feature in FEATURES {
            let level = default_level(feature.name, version);
            if upgrade != UpgradeType::Upgrade || level > 0 {
                levels.insert(feature.name.to_owned(), level);
            }
        }
    }
    if let Some(release) = given.value("metadata") {
        println!(" `metadata` flag is deprecated and may be removed in a future release.");
        levels.insert(MetadataVersion::FEATURE_NAME.to_owned(), parse_release(release)?.0);
    }
    for text in features {
        let (name, level) = name_and_level(text)?;
        let before = levels.insert(name.to_owned(), level);
        ensure!(before.is_none(), "Feature {name} was specified more than once.");
    }
    Ok(levels)
}

/// `name=level`.
pub(super) fn name_and_level(text: &str) -> Result<(&str, i16)> {
    let (name, level) = text
        .split_once('=')
        .with_context(|| format!("Can't parse feature=level string {text}: equals sign not found."))?;
    let level = level.trim();
    let parsed = level.parse().ok();
    let parsed = parsed
        .with_context(|| format!("Can't parse feature=level string {text}: unable to parse {level} as a short."))?;
    Ok((name.trim(), parsed))
}
