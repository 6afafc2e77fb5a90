//! Which topics the regular expressions of a group mean. This takes its time and is not to be done under a lock.

use super::TopicRegex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The steps that the patterns of one group may take together: about a second. An honest pattern fails on most names within
/// a few characters; a hundred thousand topics are nothing to it.
pub const BUDGET: u64 = 200_000_000;

/// The topics that each pattern matches whole, among those that whoever asks may describe. Internal topics are topics like
/// others here, as in Kafka. A pattern that cannot be read (any more), or that takes more than what is left of `budget`
/// steps, means no topic: it is logged.
pub fn resolve(
    group: &str,
    patterns: &BTreeSet<Arc<str>>,
    topics: &[Arc<str>],
    may_describe: impl Fn(&str) -> bool,
    budget: u64,
) -> BTreeMap<Arc<str>, BTreeSet<Arc<str>>> {
    let mut budget = budget;
    let mut resolved = BTreeMap::new();
    for pattern in patterns {
        let matched = matched(group, pattern, topics, &mut budget);
        let allowed = matched.into_iter().filter(|topic| may_describe(topic)).collect();
        resolved.insert(Arc::clone(pattern), allowed);
    }
    resolved
}

fn matched(group: &str, pattern: &str, topics: &[Arc<str>], budget: &mut u64) -> BTreeSet<Arc<str>> {
    let regex = match TopicRegex::compile(pattern) {
        Ok(regex) => regex,
        Err(error) => {
            tracing::error!(
                group,
                pattern,
                reason = error.reason,
                "a regular expression cannot be read and is ignored"
            );
            return BTreeSet::new();
        }
    };
    let mut matcher = regex.matcher();
    let mut matched = BTreeSet::new();
    for topic in topics {
        match matcher.matches(topic, budget) {
            Some(true) => matched.insert(Arc::clone(topic)),
            Some(false) => continue,
            None => {
                tracing::error!(group, pattern, "a regular expression is too costly and is ignored");
                return BTreeSet::new();
            }
        };
    }
    matched
}
