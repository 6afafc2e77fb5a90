//! Which client metrics subscriptions are allowed (KIP-714).

use super::AlterError;
use crate::settings::{Originals, Settings};
use crate::table::CLIENT_METRICS;

/// Refuses what a client metrics subscription cannot have.
pub fn check_client_metrics(name: &str, configs: &Originals) -> Result<(), AlterError> {
    if name.is_empty() {
        return Err(AlterError::InvalidRequest(
            "Subscription name can't be empty".to_owned(),
        ));
    }
    if let Some(unknown) = configs.keys().find(|name| CLIENT_METRICS.get(name).is_none()) {
        return Err(AlterError::InvalidRequest(format!(
            "Unknown client metrics configuration: {unknown}"
        )));
    }
    if let Some(text) = configs.get("interval.ms") {
        let in_range = text
            .trim()
            .parse::<i32>()
            .is_ok_and(|interval| (100..=3_600_000).contains(&interval));
        if !in_range {
            return Err(AlterError::InvalidRequest(format!(
                "Invalid value {text} for interval.ms, interval must be between 100 and 3600000 (1 hour)"
            )));
        }
    }
    let settings = Settings::resolve(&CLIENT_METRICS, configs)?;
    let patterns: Vec<String> = settings.read("match");
    match patterns.iter().find(|pattern| !is_client_pattern(pattern)) {
        Some(pattern) => Err(AlterError::InvalidConfig(format!(
            "Illegal client matching pattern: {pattern}"
        ))),
        None => Ok(()),
    }
}

/// Whether `pattern` is `selector=regex`; of the regex only the brackets are looked at.
fn is_client_pattern(pattern: &str) -> bool {
    const SELECTORS: &[&str] = &[
        "client_instance_id",
        "client_id",
        "client_software_name",
        "client_software_version",
        "client_source_address",
        "client_source_port",
    ];
    let Some((selector, regex)) = pattern.split_once('=') else {
        return false;
    };
    let mut letters = regex.trim().chars();
    let (mut groups, mut class) = (0_u32, false);
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.next().is_none() => return false,
            '\\' => {}
            '[' => class = true,
            ']' => class = false,
            '(' if !class => groups += 1,
            ')' if !class && groups == 0 => return false,
            ')' if !class => groups -= 1,
            _ => {}
        }
    }
    SELECTORS.contains(&selector.trim()) && groups == 0 && !class
}
