//! The order in which Java walks a hash table: by bucket, and within a bucket as they came.
//!
//! Kafka's assignors hand out what is left in the order of a `HashMap`, so two brokers agree only if they walk alike.
//! Some of it is history and not state, and is not followed: of keys that share a bucket, Kafka walks those first that
//! came first, we those with the smaller name (of members that share one in both of its tables, the larger); and buckets
//! of eight and more, of which Java makes trees.

use base::Uuid;
use std::collections::BTreeMap;

/// Java's `String.hashCode`.
pub(super) fn of_string(text: &str) -> i32 {
    text.encode_utf16()
        .fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// `Uuid.hashCode`: both halves, folded.
pub(super) fn of_uuid(id: &Uuid) -> i32 {
    id.0.chunks_exact(4)
        .map(|word| i32::from_be_bytes(word.try_into().expect("four bytes")))
        .fold(0, |hash, word| hash ^ word)
}

/// `Integer.hashCode`.
pub(super) fn of_int(number: &i32) -> i32 {
    *number
}

/// The keys as a `HashSet` made of a collection of `size` walks them.
pub(super) fn of_copied_set<T>(keys: impl IntoIterator<Item = T>, size: usize, hash: impl Fn(&T) -> i32) -> Vec<T> {
    let capacity = (size * 4 / 3 + 1).max(16).next_power_of_two();
    walk(keys, capacity, hash)
}

/// The keys as a `HashMap` walks them into which `size` keys were put one by one.
pub(super) fn of_grown_map<T>(keys: impl IntoIterator<Item = T>, size: usize, hash: impl Fn(&T) -> i32) -> Vec<T> {
    let mut capacity = 16;
    while size * 4 > capacity * 3 {
        capacity *= 2;
    }
    walk(keys, capacity, hash)
}

/// The keys as Kafka's own `TimelineHashMap` walks them into which they were put one by one, and none was removed: by the
/// upper bits of the hash times a constant, and within a slot the last one first.
pub(super) fn of_timeline_map<T>(keys: Vec<T>, hash: impl Fn(&T) -> i32) -> Vec<T> {
    let mut capacity: u64 = 2;
    while keys.len() as u64 * 3 > capacity * 4 {
        capacity *= 2;
    }
    let shift = 64 - capacity.trailing_zeros();
    let slot = |key: &T| {
        i64::from(hash(key))
            .wrapping_mul(-7_046_029_254_386_353_131)
            .cast_unsigned()
            >> shift
    };
    let mut keys = keys;
    keys.reverse();
    keys.sort_by_key(slot);
    keys
}

fn walk<T>(keys: impl IntoIterator<Item = T>, capacity: usize, hash: impl Fn(&T) -> i32) -> Vec<T> {
    let mut buckets: BTreeMap<usize, Vec<T>> = BTreeMap::new();
    for key in keys {
        let hash = hash(&key).cast_unsigned();
        let bucket = (hash ^ (hash >> 16)) as usize & (capacity - 1);
        buckets.entry(bucket).or_default().push(key);
    }
    buckets.into_values().flatten().collect()
}
