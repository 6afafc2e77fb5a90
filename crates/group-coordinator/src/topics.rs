//! The topics of the cluster, as far as groups need to know them.

use base::Uuid;
use imbl::OrdMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use twox_hash::XxHash3_64;

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: i32,
    /// Of all that an assignment may depend on (KIP-1101): when it changes, so may the assignment.
    pub hash: i64,
}

impl Topic {
    /// A topic; `racks` are, for each of its partitions, those of the replicas, each once for every replica there.
    pub fn new(name: Arc<str>, id: Uuid, racks: Vec<Vec<&str>>) -> Self {
        let partitions = i32::try_from(racks.len()).unwrap_or(i32::MAX);
        let hash = hash(&name, id, partitions, racks);
        Self {
            name,
            id,
            partitions,
            hash,
        }
    }
}

/// The bytes that Kafka 4.3 hashes, in its order; numbers are little-endian, text is UTF-16 with its length behind.
fn hash(name: &str, id: Uuid, partitions: i32, racks: Vec<Vec<&str>>) -> i64 {
    let mut bytes = vec![0];
    for half in id.0.chunks(8) {
        bytes.extend(half.iter().rev());
    }
    put_text(&mut bytes, name);
    bytes.extend(partitions.to_le_bytes());
    for (partition, mut racks) in (0_i32..).zip(racks) {
        bytes.extend(partition.to_le_bytes());
        racks.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
        for rack in racks {
            bytes.extend(utf16_len(rack).to_le_bytes());
            put_text(&mut bytes, rack);
        }
    }
    XxHash3_64::oneshot(&bytes).cast_signed()
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes.extend(utf16_len(text).to_le_bytes());
}

fn utf16_len(text: &str) -> i32 {
    i32::try_from(text.encode_utf16().count()).unwrap_or(i32::MAX)
}

/// All topics at one version of the cluster's metadata. A clone shares everything with the original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    by_name: OrdMap<Arc<str>, Arc<Topic>>,
    by_id: OrdMap<Uuid, Arc<Topic>>,
    version: i64,
    newest: i64,
}

impl Topics {
    /// A topic by name.
    pub fn get(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_name.get(name)
    }

    /// A topic by id.
    pub fn get_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.by_id.get(&id)
    }

    /// The id behind a name.
    pub fn id(&self, name: &str) -> Option<Uuid> {
        self.get(name).map(|topic| topic.id)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    pub(crate) fn by_name(&self) -> &OrdMap<Arc<str>, Arc<Topic>> {
        &self.by_name
    }

    /// The version of the metadata.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The version in which a topic was last created: regular expressions resolved before it may match more by now.
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// Begins another version: what is inserted and removed afterwards belongs to it.
    pub fn begin(&mut self, version: i64) {
        self.version = version;
    }

    /// Puts a topic in, in the place of one of the same name.
    pub fn insert(&mut self, topic: Topic) {
        let topic = Arc::new(topic);
        self.by_id.insert(topic.id, Arc::clone(&topic));
        let before = self.by_name.insert(Arc::clone(&topic.name), Arc::clone(&topic));
        if before.as_ref().is_none_or(|before| before.id != topic.id) {
            self.newest = self.version;
        }
        if let Some(before) = before.filter(|before| before.id != topic.id) {
            self.by_id.remove(&before.id);
        }
    }

    /// Takes a topic out.
    pub fn remove(&mut self, id: Uuid) {
        let Some(topic) = self.by_id.remove(&id) else { return };
        if self.by_name.get(&topic.name).is_some_and(|named| named.id == id) {
            self.by_name.remove(&topic.name);
        }
    }

    /// The hash over the topics that a group reads, of those that exist.
    pub fn hash<'a>(&self, names: impl IntoIterator<Item = &'a Arc<str>>) -> i64 {
        let known = names.into_iter().filter_map(|name| self.get(name));
        let sorted: BTreeMap<&Arc<str>, i64> = known.map(|topic| (&topic.name, topic.hash)).collect();
        if sorted.is_empty() {
            return 0;
        }
        let bytes: Vec<u8> = sorted.into_values().flat_map(i64::to_le_bytes).collect();
        XxHash3_64::oneshot(&bytes).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::{Topic, Topics};
    use base::Uuid;
    use std::sync::Arc;

    /// What Apache Kafka 4.3.1 wrote for a group that reads one topic of one partition on a broker without a rack.
    #[test]
    fn a_groups_hash_is_kafkas() {
        let id = Uuid([
            0x6e, 0x98, 0x09, 0x7b, 0xe1, 0x63, 0x4b, 0x54, 0x8f, 0xe9, 0xfc, 0xce, 0x61, 0x4f, 0x29, 0xc8,
        ]);
        let mut topics = Topics::default();
        topics.insert(Topic::new("g-txn".into(), id, vec![Vec::new()]));
        let read: Vec<Arc<str>> = vec!["g-txn".into(), "absent".into()];
        assert_eq!(topics.hash(&read), 0x5c0b_a509_2e85_89cf);
        assert_eq!(topics.hash(&read[1..]), 0);
    }
}
