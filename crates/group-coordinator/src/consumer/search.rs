//! Looking which topics the regular expressions of a group match. That takes its time: the host does it away from the
//! coordinator, and brings back what it found.

use super::group::ResolvedRegex;
use crate::regex::resolve::{BUDGET, resolve};
use crate::topics::Topics;
use base::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A group's regular expressions, and the topics to look among.
#[derive(Clone, Debug)]
pub struct Search {
    pub(crate) group: Arc<str>,
    pub(crate) patterns: BTreeSet<Arc<str>>,
    pub(crate) topics: Topics,
    pub(crate) began: Timestamp,
}

impl Search {
    /// The group.
    pub fn group(&self) -> &Arc<str> {
        &self.group
    }

    /// Looks; this may take a second.
    pub fn run(self) -> Found {
        let names: Vec<Arc<str>> = self.topics.names().cloned().collect();
        let matches = resolve(&self.group, &self.patterns, &names, |_| true, BUDGET);
        let resolved = matches.into_iter().map(|(regex, topics)| {
            let resolved = ResolvedRegex {
                topics,
                version: self.topics.version(),
                timestamp: self.began.0,
            };
            (regex, resolved)
        });
        Found {
            resolved: resolved.collect(),
            group: self.group,
        }
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    pub(crate) group: Arc<str>,
    pub(crate) resolved: BTreeMap<Arc<str>, ResolvedRegex>,
}
