//! The order in which Java walks a hash table: by bucket, and within a bucket as they came.
//!
//! Kafka's assignors hand out what is left in the order of a `HashMap`, so two brokers agree only if they walk alike.
//! Two things of it are history and not state, and are not followed: the order of two members that share a bucket in
//! both of Kafka's tables, and buckets of eight and more, which Java makes trees of.

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

/// The place of a key in the order of Kafka's own `TimelineHashMap`, whatever its size: that takes the upper bits of the
/// hash times a constant as the slot.
pub(super) fn timeline_place(hash: i32) -> u64 {
    i64::from(hash).wrapping_mul(-7_046_029_254_386_353_131).cast_unsigned()
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
