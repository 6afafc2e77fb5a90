//! What the coordinator knows of the cluster around it.

use crate::settings::GroupOverrides;
use crate::topics::{Topic, Topics};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use std::sync::Arc;

/// A picture of the cluster, replaced whole. A clone shares everything with the original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// The topics.
    pub topics: Topics,
    /// What is set for single groups.
    pub overrides: OrdMap<Arc<str>, GroupOverrides>,
}

impl Topics {
    /// The names of the topics that differ, are new or are gone.
    pub(crate) fn changed<'a>(&'a self, newer: &'a Self) -> impl Iterator<Item = &'a Arc<str>> {
        let topic = |item: DiffItem<'a, 'a, Arc<str>, Arc<Topic>>| match item {
            DiffItem::Add(name, _) | DiffItem::Remove(name, _) => name,
            DiffItem::Update { new: (name, _), .. } => name,
        };
        self.by_name().diff(newer.by_name()).map(topic)
    }
}
