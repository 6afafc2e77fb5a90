//! Which partition of an internal topic a key belongs to.

/// The partition for a group or a transactional id: Java's hash of the string, without its sign, modulo the count.
pub fn partition_for(key: &str, partitions: i32) -> i32 {
    let hash = key
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Kafka's absolute value: of the one number that has none it is 0.
    hash.checked_abs().unwrap_or(0) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::partition_for;

    /// Where Apache Kafka 4.3 put these transactional ids, two of which have negative hashes.
    #[test]
    fn transactional_ids_lie_where_kafka_puts_them() {
        for (id, partition) in [("open-0", 3), ("decided-0", 3), ("committed-0", 3), ("aborted-0", 2)] {
            assert_eq!(partition_for(id, 4), partition, "{id}");
        }
        // The string whose hash is the smallest number.
        assert_eq!(partition_for("polygenelubricants", 50), 0);
    }

    /// Where Apache Kafka 4.3 put these groups.
    #[test]
    fn groups_lie_where_kafka_puts_them() {
        assert_eq!(partition_for("grp-classic", 50), 46);
        assert_eq!(partition_for("grp-consumer", 50), 38);
        assert_eq!(partition_for("", 50), 0);
    }
}
