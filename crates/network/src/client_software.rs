//! What the libraries of clients are called, and how many connections each has (KIP-511).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of how many libraries connections are counted; those of others are not shown, as in Kafka.
const MOST_COUNTED: usize = 100;
/// Who has not told.
const UNKNOWN: &str = "unknown";

/// A library's name and its version.
type Software = (Arc<str>, Arc<str>);

/// The connections of each library to one listener.
#[derive(Debug, Default)]
pub(crate) struct SoftwareCounts {
    by_software: Mutex<BTreeMap<Software, usize>>,
}

impl SoftwareCounts {
    /// Hands over every library's name, its version and how many connections it has.
    pub(crate) fn each(&self, mut show: impl FnMut(&str, &str, usize)) {
        for ((name, version), count) in &*lock(&self.by_software) {
            show(name, version, *count);
        }
    }

    /// Counts one more, and answers as whose; nobody's where there are too many already.
    fn enter(&self, name: &str, version: &str) -> Option<Software> {
        let mut counts = lock(&self.by_software);
        let software: Software = (Arc::from(name), Arc::from(version));
        if let Some(known) = counts.get_mut(&software) {
            *known += 1;
            return counts.get_key_value(&software).map(|(known, _)| known.clone());
        }
        if counts.len() >= MOST_COUNTED {
            return None;
        }
        counts.insert(software.clone(), 1);
        Some(software)
    }

    fn leave(&self, software: &Software) {
        let mut counts = lock(&self.by_software);
        if let Some(count) = counts.get_mut(software) {
            *count -= 1;
            if *count == 0 {
                counts.remove(software);
            }
        }
    }
}

/// What a connection's client is called, as far as it is counted: at its listener, until the connection ends.
#[derive(Debug, Default)]
pub struct ClientSoftware {
    /// None where a request did not come by a connection of its own.
    counts: Option<Arc<SoftwareCounts>>,
    counted_as: Mutex<Option<Software>>,
}

impl ClientSoftware {
    /// Of a new connection, whose client has not told.
    pub(crate) fn unknown(counts: &Arc<SoftwareCounts>) -> Self {
        Self {
            counts: Some(Arc::clone(counts)),
            counted_as: Mutex::new(counts.enter(UNKNOWN, UNKNOWN)),
        }
    }

    /// The client has told.
    pub fn tell(&self, name: &str, version: &str) {
        let Some(counts) = &self.counts else { return };
        let mut counted_as = lock(&self.counted_as);
        if let Some(before) = counted_as.take() {
            counts.leave(&before);
        }
        *counted_as = counts.enter(name, version);
    }
}

impl Drop for ClientSoftware {
    fn drop(&mut self) {
        if let (Some(counts), Some(software)) = (&self.counts, lock(&self.counted_as).take()) {
            counts.leave(&software);
        }
    }
}

fn lock<T>(count: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic could leave behind is a count that is a little off.
    count.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(counts: &SoftwareCounts) -> Vec<String> {
        let mut shown = Vec::new();
        counts.each(|name, version, count| shown.push(format!("{name} {version}: {count}")));
        shown
    }

    #[test]
    fn a_connection_is_counted_as_what_its_client_told_last_until_it_ends() {
        let counts = Arc::default();
        let [first, second, third] = [(); 3].map(|()| ClientSoftware::unknown(&counts));
        assert_eq!(shown(&counts), ["unknown unknown: 3"]);
        first.tell("java", "4.3.0");
        second.tell("java", "4.3.0");
        assert_eq!(shown(&counts), ["java 4.3.0: 2", "unknown unknown: 1"]);
        first.tell("librdkafka", "2.5");
        assert_eq!(
            shown(&counts),
            ["java 4.3.0: 1", "librdkafka 2.5: 1", "unknown unknown: 1"]
        );
        drop((second, third));
        assert_eq!(shown(&counts), ["librdkafka 2.5: 1"]);
        drop(first);
        assert!(shown(&counts).is_empty());
        ClientSoftware::default().tell("of an envelope", "1");
    }

    #[test]
    fn made_up_names_take_no_memory() {
        let counts = Arc::default();
        let many: Vec<_> = (0..MOST_COUNTED + 50)
            .map(|number| {
                let client = ClientSoftware::unknown(&counts);
                client.tell(&number.to_string(), "1");
                client
            })
            .collect();
        assert_eq!(shown(&counts).len(), MOST_COUNTED);
        drop(many);
        assert!(shown(&counts).is_empty());
    }
}
