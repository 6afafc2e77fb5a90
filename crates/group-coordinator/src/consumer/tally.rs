//! How many members say the same.

use imbl::OrdMap;
use std::sync::Arc;

/// Counts by name; what nobody says any more is not there.
#[derive(Clone, Debug, Default)]
pub struct Tally(OrdMap<Arc<str>, usize>);

impl Tally {
    /// How many say it.
    pub fn get(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// All that is said, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.0.iter().map(|(name, count)| (name, *count))
    }

    /// Whether nobody says anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many different things are said.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What most say; of several, the first in order.
    pub fn most(&self) -> Option<&Arc<str>> {
        let best = self
            .iter()
            .max_by(|(a, ours), (b, theirs)| ours.cmp(theirs).then(b.cmp(a)));
        best.map(|(name, _)| name)
    }

    pub(crate) fn add(&mut self, name: &Arc<str>) {
        *self.0.entry(Arc::clone(name)).or_insert(0) += 1;
    }

    pub(crate) fn take(&mut self, name: &Arc<str>) {
        match self.0.get_mut(name) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                self.0.remove(name);
            }
        }
    }
}
