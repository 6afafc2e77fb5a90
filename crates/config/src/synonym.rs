//! Broker keys that stand for each other in different units, and keys that belong to one listener.

use crate::key::Key;
use crate::table::{BROKER, BROKER_DYNAMIC};

const GROUPS: &[&[&str]] = &[
    &["log.roll.ms", "log.roll.hours"],
    &["log.roll.jitter.ms", "log.roll.jitter.hours"],
    &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
];

/// The names under which `name` may have been set, the strongest first, `name` among them.
///
/// `log.flush.interval.ms` falls back to the scheduler's interval, but not the other way round.
pub fn broker_synonyms(name: &str) -> Vec<&str> {
    if let Some(group) = GROUPS.iter().find(|group| group.contains(&name)) {
        return group.to_vec();
    }
    if name == "log.flush.interval.ms" {
        return vec![name, "log.flush.scheduler.interval.ms"];
    }
    match listener_key(name) {
        Some(base) => vec![name, base],
        None => vec![name],
    }
}

/// The key behind `listener.name.NAME.KEY` or, for keys of SASL mechanisms, `listener.name.NAME.MECHANISM.KEY`.
pub fn listener_key(name: &str) -> Option<&str> {
    const OF_MECHANISMS: &[&str] = &[
        "sasl.login.class",
        "sasl.jaas.config",
        "sasl.login.callback.handler.class",
        "connections.max.reauth.ms",
        "sasl.server.callback.handler.class",
    ];
    let (_, base) = name.strip_prefix("listener.name.")?.split_once('.')?;
    let of_mechanism = OF_MECHANISMS.iter().find(|key| base.ends_with(*key));
    Some(of_mechanism.map_or(base, |key| &base[base.len() - key.len()..]))
}

/// The key that says what `name` holds: itself, or the one behind a listener's prefix.
pub fn broker_key(name: &str) -> Option<&'static Key> {
    let find = |name: &str| BROKER.get(name).or_else(|| BROKER_DYNAMIC.get(name));
    find(name).or_else(|| find(listener_key(name)?))
}
