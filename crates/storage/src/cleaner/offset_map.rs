//! The last offset of every key in the dirty part of a log, in bounded memory.
//!
//! Keys are not kept, only 128 bits of a hash that nobody outside can know the key of (SipHash with a secret): two keys
//! that fell together would lose one of them.

use base::Offset;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// A key's hash and its last offset; an empty slot has the hash 0.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: (u64, u64),
    offset: Offset,
}

const EMPTY: Slot = Slot {
    hash: (0, 0),
    offset: Offset::NONE,
};

/// Last offsets by key, by open addressing.
#[derive(Debug)]
pub struct OffsetMap {
    secret: (u64, u64),
    most_slots: usize,
    load_factor: f64,
    slots: Vec<Slot>,
    count: usize,
    latest: Option<Offset>,
}

/// The map takes no more keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl OffsetMap {
    /// Bytes that a key takes, as in Kafka.
    pub const SLOT_BYTES: usize = size_of::<Slot>();

    /// An empty map that takes at most `bytes`, and fills them up to `load_factor`.
    pub fn new(bytes: usize, load_factor: f64, secret: (u64, u64)) -> Self {
        Self {
            secret,
            most_slots: (bytes / Self::SLOT_BYTES).max(2),
            load_factor: load_factor.clamp(0.0, 1.0),
            slots: Vec::new(),
            count: 0,
            latest: None,
        }
    }

    /// Empties the map and takes the memory that `keys` need, as far as it may.
    pub(crate) fn begin(&mut self, keys: u64) {
        let wanted = keys as f64 / self.load_factor.max(0.01) + 2.0;
        let slots = if wanted < self.most_slots as f64 {
            wanted as usize
        } else {
            self.most_slots
        };
        self.slots.clear();
        self.slots.resize(slots, EMPTY);
        (self.count, self.latest) = (0, None);
    }

    /// Gives the memory back.
    pub(crate) fn release(&mut self) {
        self.slots = Vec::new();
        (self.count, self.latest) = (0, None);
    }

    /// How many keys fit at least: one, whatever the settings.
    pub(crate) fn capacity(&self) -> usize {
        let filled = (self.slots.len() as f64 * self.load_factor) as usize;
        // One slot stays empty, where every search ends.
        filled.clamp(1, self.slots.len().saturating_sub(1).max(1))
    }

    /// How full the map is, from 0 to 1.
    pub(crate) fn utilization(&self) -> f64 {
        self.count as f64 / self.slots.len().max(1) as f64
    }

    /// Notes that `key` is at `offset`, which is greater than those before it.
    pub(crate) fn put(&mut self, key: &[u8], offset: Offset) -> Result<(), Full> {
        if self.count >= self.capacity() {
            return Err(Full);
        }
        let hash = self.hash(key);
        let at = self.find(hash);
        if self.slots[at].hash == EMPTY.hash {
            self.count += 1;
        }
        self.slots[at] = Slot { hash, offset };
        Ok(())
    }

    /// The key's last offset, if it is in the dirty part.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Offset> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = self.slots[self.find(self.hash(key))];
        (slot.hash != EMPTY.hash).then_some(slot.offset)
    }

    /// Everything up to `offset` is in the map.
    pub(crate) fn reached(&mut self, offset: Offset) {
        self.latest = Some(self.latest.map_or(offset, |latest| latest.max(offset)));
    }

    /// Up to which offset the keys are in the map, itself included; none if nothing is.
    pub(crate) fn latest(&self) -> Option<Offset> {
        self.latest
    }

    /// The slot with `hash`, or the empty one where it belongs.
    fn find(&self, hash: (u64, u64)) -> usize {
        let len = self.slots.len();
        let mut at = ((u128::from(hash.0) * len as u128) >> 64) as usize;
        while self.slots[at].hash != EMPTY.hash && self.slots[at].hash != hash {
            at += 1;
            if at == len {
                at = 0;
            }
        }
        at
    }

    fn hash(&self, key: &[u8]) -> (u64, u64) {
        let mut hasher = SipHasher13::new_with_keys(self.secret.0, self.secret.1);
        hasher.write(key);
        let hash = hasher.finish128();
        if (hash.h1, hash.h2) == EMPTY.hash {
            (1, 0)
        } else {
            (hash.h1, hash.h2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Rng;
    use std::collections::BTreeMap;

    #[test]
    fn the_map_says_what_an_unbounded_one_says_and_stops_at_its_load() {
        let mut rng = Rng::from_seed(7);
        let mut map = OffsetMap::new(24 * 1000, 0.9, (rng.next_u64(), rng.next_u64()));
        map.begin(u64::MAX);
        let mut model = BTreeMap::new();
        for offset in 0..5000 {
            let key = rng.below(850).to_be_bytes();
            map.put(&key, Offset(offset)).expect("850 keys fit 1000 slots");
            model.insert(key, Offset(offset));
        }
        for key in 0..1000_u64 {
            let key = key.to_be_bytes();
            assert_eq!(map.get(&key), model.get(&key).copied());
        }
        assert!((map.utilization() - model.len() as f64 / 1000.0).abs() < 1e-9);
        for new in 10_000..10_000 + 900 - model.len() as u64 {
            map.put(&new.to_be_bytes(), Offset(6000))
                .expect("room up to the load factor");
        }
        assert_eq!(map.put(b"one more", Offset(7000)), Err(Full));
        map.begin(3);
        assert_eq!((map.get(b"one more"), map.capacity()), (None, 4));
    }

    #[test]
    fn one_key_always_fits() {
        let mut map = OffsetMap::new(0, 0.0, (1, 2));
        map.begin(1);
        assert_eq!(map.put(b"k", Offset(3)), Ok(()));
        assert_eq!((map.get(b"k"), map.get(b"l")), (Some(Offset(3)), None));
    }
}
