//! Which partition of an internal topic a key belongs to.

/// The partition for a group or a transactional id: Java's hash of the string, without its sign, modulo the count.
pub fn partition_for(key: &str, partitions: i32) -> i32 {
    let hash = key
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::partition_for;

    /// Where Apache Kafka 4.3 put these groups.
    #[test]
    fn groups_lie_where_kafka_puts_them() {
        assert_eq!(partition_for("grp-classic", 50), 46);
        assert_eq!(partition_for("grp-consumer", 50), 38);
        assert_eq!(partition_for("", 50), 0);
    }
}
