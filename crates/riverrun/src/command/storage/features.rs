//! Releases and feature levels: which the tool knows, which go together, and what it prints of them.

use anyhow::{Context, Result, bail, ensure};
use metadata::MetadataVersion;
use metadata::feature::{self, DEPENDENCIES, FEATURES};
use std::process::ExitCode;

/// `version-mapping`: the levels that a release begins with.
pub(in crate::command) fn version_mapping(release: Option<&str>) -> Result<ExitCode> {
    let latest = MetadataVersion::LATEST_PRODUCTION.to_string();
    let release = release.unwrap_or(&latest);
    let version = parse_release(release)?;
    println!("metadata.version={} ({release})", version.0);
    for feature in FEATURES.iter().skip(1) {
        println!("{}={}", feature.name, feature::default_level(feature.name, version));
    }
    Ok(ExitCode::SUCCESS)
}

/// `feature-dependencies`: the levels that each of `features` (`name=level`) rests on.
pub(super) fn dependencies(features: &[&str]) -> Result<ExitCode> {
    for text in features {
        let (name, level) = text
            .split_once('=')
            .with_context(|| format!("Can't parse feature=level string {text}: equals sign not found."))?;
        let level: i16 = level
            .parse()
            .with_context(|| format!("Invalid version format: {level} for feature {name}"))?;
        if name == MetadataVersion::FEATURE_NAME {
            let version = MetadataVersion::from_feature_level(level)
                .with_context(|| format!("Unknown metadata.version {level}"))?;
            println!("{name}={level} ({version}) has no dependencies.");
            continue;
        }
        let feature = feature::find(name).with_context(|| format!("Unknown feature: {name}"))?;
        ensure!(
            (feature.min..=feature.kafka_max).contains(&level),
            "Feature level {level} is not supported for feature {name}"
        );
        print_dependencies(name, level);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the levels that a level rests on.
pub(in crate::command) fn print_dependencies(name: &str, level: i16) {
    let rests_on: Vec<_> = DEPENDENCIES
        .iter()
        .filter(|dependency| dependency.feature == name && dependency.level == level)
        .collect();
    if rests_on.is_empty() {
        println!("{name}={level} has no dependencies.");
        return;
    }
    println!("{name}={level} requires:");
    for dependency in rests_on {
        let (requires, at_least) = (dependency.requires, dependency.at_least);
        if requires == MetadataVersion::FEATURE_NAME {
            println!("    {requires}={at_least} ({})", MetadataVersion(at_least));
        } else {
            println!("    {requires}={at_least}");
        }
    }
}

/// The level of a release such as `4.3` or `3.7-IV2`.
pub(in crate::command) fn parse_release(text: &str) -> Result<MetadataVersion> {
    text.parse().ok().with_context(|| {
        let levels = MetadataVersion::MINIMUM.0..=MetadataVersion::LATEST_PRODUCTION.0;
        let known: Vec<String> = levels.map(|level| MetadataVersion(level).to_string()).collect();
        format!(
            "Unknown metadata.version '{text}'. Supported metadata.version are: {}",
            known.join(", ")
        )
    })
}

/// What `--release-version` and `--feature` ask for.
pub(super) struct Levels {
    /// `metadata.version`.
    pub(super) version: MetadataVersion,
    /// The other features' levels that were asked for, `kraft.version` among them.
    pub(super) asked: Vec<(String, i16)>,
}

impl Levels {
    /// The level asked for `kraft.version`.
    pub(super) fn kraft_version(&self) -> Option<i16> {
        let asked = self.asked.iter().rfind(|(name, _)| name == feature::KRAFT_VERSION);
        asked.map(|(_, level)| *level)
    }
}

/// Reads and checks the levels asked for.
pub(super) fn levels(release: Option<&str>, features: &[&str]) -> Result<Levels> {
    let mut asked = Vec::new();
    for text in features {
        let (name, level) = text
            .split_once('=')
            .with_context(|| format!("Can't parse feature=level string {text}: equals sign not found."))?;
        let level = level.trim();
        let parsed: i16 = level
            .parse()
            .ok()
            .with_context(|| format!("Can't parse feature=level string {text}: unable to parse {level} as a short."))?;
        asked.push((name.trim().to_owned(), parsed));
    }
    let of_metadata = asked.iter().position(|(name, _)| name == MetadataVersion::FEATURE_NAME);
    let version = match (of_metadata.map(|at| asked.remove(at).1), release) {
        (Some(_), Some(_)) => {
            bail!("Use --release-version instead of --feature metadata.version=X to avoid ambiguity.")
        }
        (Some(level), None) => MetadataVersion::from_feature_level(level).with_context(|| {
            let (least, greatest) = (MetadataVersion::MINIMUM.0, MetadataVersion::LATEST_PRODUCTION.0);
            format!(
                "No MetadataVersion with feature level {level}. Valid feature levels are from {least} to {greatest}."
            )
        })?,
        (None, Some(release)) => parse_release(release)?,
        (None, None) => MetadataVersion::LATEST_PRODUCTION,
    };
    check(version, &asked)?;
    Ok(Levels { version, asked })
}

fn check(version: MetadataVersion, asked: &[(String, i16)]) -> Result<()> {
    for (name, level) in asked {
        let Some(feature) = feature::find(name) else {
            let mut known: Vec<&str> = FEATURES.iter().skip(1).map(|feature| feature.name).collect();
            known.sort_unstable();
            bail!(
                "Unsupported feature: {name}. Supported features are: {}",
                known.join(", ")
            );
        };
        ensure!(
            (feature.min..=feature.max).contains(level),
            "No feature:{name} with feature level {level}"
        );
        let unmet = DEPENDENCIES.iter().find(|dependency| {
            let of_it = dependency.feature == name && dependency.level == *level;
            let has = match dependency.requires {
                MetadataVersion::FEATURE_NAME => version.0,
                other => {
                    let asked = asked.iter().find(|(name, _)| name == other);
                    asked.map_or_else(|| feature::default_level(other, version), |(_, level)| *level)
                }
            };
            of_it && has < dependency.at_least
        });
        if let Some(unmet) = unmet {
            bail!(
                "{name} could not be set to {level} because it depends on {} level {}",
                unmet.requires,
                unmet.at_least
            );
        }
    }
    Ok(())
}
