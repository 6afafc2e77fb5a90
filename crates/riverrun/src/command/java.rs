//! The shapes that Java's library gives to what Kafka's tools print.

use base::TopicPartition;

/// Puts pairs into the order in which a Java `HashMap<String, _>` of them is walked: Kafka's tools print some lists in it,
/// and scripts compare their output.
pub fn hash_order<T>(items: Vec<T>, name: impl Fn(&T) -> &str) -> Vec<T> {
    in_order_of(items, |item| string_hash(name(item)))
}

/// The same for a `HashMap<TopicPartition, _>`.
pub fn partition_hash_order<T>(items: Vec<(TopicPartition, T)>) -> Vec<(TopicPartition, T)> {
    in_order_of(items, |(partition, _)| {
        let index = 31_u32.wrapping_add_signed(partition.partition);
        index.wrapping_mul(31).wrapping_add(string_hash(&partition.topic))
    })
}

/// The same for a `HashMap<Long, _>`.
pub fn long_hash_order<T>(items: Vec<T>, number: impl Fn(&T) -> i64) -> Vec<T> {
    in_order_of(items, |item| {
        let bits = number(item).cast_unsigned();
        u32::try_from((bits ^ (bits >> 32)) & 0xffff_ffff).expect("32 bits are left")
    })
}

fn in_order_of<T>(mut items: Vec<T>, hash: impl Fn(&T) -> u32) -> Vec<T> {
    let mut capacity = 16_usize;
    while items.len() * 4 > capacity * 3 {
        capacity *= 2;
    }
    items.sort_by_key(|item| {
        let hash = hash(item);
        (hash ^ (hash >> 16)) as usize & (capacity - 1)
    });
    items
}

/// `String.hashCode`.
fn string_hash(text: &str) -> u32 {
    text.encode_utf16()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// `Double.toString`.
pub fn double(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) && number.is_finite() {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let point = if digits.contains('.') { "" } else { ".0" };
        return format!("{digits}{point}E{exponent}");
    }
    if number.is_infinite() {
        return String::from(if number > 0.0 { "Infinity" } else { "-Infinity" });
    }
    format!("{number:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_look_as_in_java() {
        let shown = [0.0, 5.0, 1000.5, 1e7, 1.25e10, 0.001, 0.0001].map(double);
        assert_eq!(shown, ["0.0", "5.0", "1000.5", "1.0E7", "1.25E10", "0.001", "1.0E-4"]);
    }

    #[test]
    fn partitions_come_in_javas_order() {
        let partitions = [0, 1, 2].map(|index| (TopicPartition::new("t1", index), ()));
        let order = partition_hash_order(partitions.to_vec());
        assert_eq!(
            order.iter().map(|(found, ())| found.partition).collect::<Vec<_>>(),
            [2, 1, 0]
        );
    }

    #[test]
    fn names_come_in_javas_order() {
        let names = vec!["cleanup.policy", "min.insync.replicas", "retention.ms"];
        assert_eq!(string_hash("hello"), 99_162_322);
        assert_eq!(
            hash_order(names, |name| name),
            ["cleanup.policy", "min.insync.replicas", "retention.ms"]
        );
    }
}
