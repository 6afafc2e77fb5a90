//! `features feature-dependencies`: which other levels a level rests on.

use super::update::name_and_level;
use crate::command::storage::features::print_dependencies;
use anyhow::{Context, Result, ensure};
use metadata::MetadataVersion;
use metadata::feature;

/// Prints the levels that each of `features` (`name=level`) rests on.
pub(super) fn print(features: &[&str]) -> Result<()> {
    for text in features {
        let (name, level) = name_and_level(text)?;
        if name == MetadataVersion::FEATURE_NAME {
            let version = MetadataVersion::from_feature_level(level)
                .with_context(|| format!("Unknown metadata.version {level}"))?;
            println!("{name}={level} ({version}) has no dependencies.");
            continue;
        }
        let feature = feature::find(name).with_context(|| format!("Unknown feature: {name}"))?;
        let known = (feature.min..=feature.kafka_max).contains(&level);
        ensure!(known, "No feature:{name} with feature level {level}");
        print_dependencies(name, level);
    }
    Ok(())
}
