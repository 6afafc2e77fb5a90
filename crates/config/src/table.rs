//! The tables of all keys of Kafka 4.3, read once from `table/*.tsv`.

use crate::key::{DefaultValue, Importance, Key, Support, Type, UpdateMode, Visibility};
use crate::valid::Valid;
use std::sync::LazyLock;

/// The keys of brokers and controllers.
pub static BROKER: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("table/broker.tsv")));
/// Keys that a broker takes only dynamically (replication throttles).
pub static BROKER_DYNAMIC: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("table/broker-dynamic.tsv")));
/// The keys of topics.
pub static TOPIC: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("table/topic.tsv")));
/// The keys of groups.
pub static GROUP: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("table/group.tsv")));
/// The keys of client metrics subscriptions (KIP-714).
pub static CLIENT_METRICS: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("table/client-metrics.tsv")));
/// The keys of client quotas.
pub static QUOTA: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("table/quota.tsv")));

/// Keys sorted by name.
#[derive(Debug)]
pub struct Table {
    keys: Vec<Key>,
}

impl Table {
    fn parse(text: &'static str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<Key> = lines
            .map(|line| parse_key(line).expect("the table in the binary is well formed; a test reads every line"))
            .collect();
        debug_assert!(keys.is_sorted_by(|left, right| left.name < right.name));
        Self { keys }
    }

    /// The key called `name`.
    pub fn get(&self, name: &str) -> Option<&Key> {
        let at = self.keys.binary_search_by(|key| key.name.cmp(name)).ok()?;
        self.keys.get(at)
    }

    /// All keys, sorted by name.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The known name nearest to a misspelt one, if any is near.
    pub fn nearest(&self, name: &str) -> Option<&'static str> {
        let wanted = name.to_lowercase().replace('_', ".");
        let near = self
            .keys
            .iter()
            .map(|key| (distance(&wanted, key.name), key.name))
            .min()?;
        (near.0 <= 1 + name.len() / 5).then_some(near.1)
    }
}

fn parse_key(line: &'static str) -> Option<Key> {
    let mut columns = line.split('\t');
    let name = columns.next()?;
    let kind = parse_type(columns.next()?)?;
    let default = match columns.next()? {
        "\\N" => DefaultValue::Null,
        "\\R" => DefaultValue::Required,
        text => DefaultValue::Text(text),
    };
    let valid = Valid::parse(columns.next()?)?;
    let (importance, visibility) = parse_importance(columns.next()?)?;
    let mode = parse_mode(columns.next()?)?;
    let support = parse_support(columns.next()?)?;
    let doc = columns.next()?;
    Some(Key {
        name,
        kind,
        default,
        valid,
        importance,
        visibility,
        mode,
        support,
        doc,
    })
}

fn parse_type(text: &str) -> Option<Type> {
    Some(match text {
        "boolean" => Type::Boolean,
        "string" => Type::String,
        "int" => Type::Int,
        "short" => Type::Short,
        "long" => Type::Long,
        "double" => Type::Double,
        "list" => Type::List,
        "class" => Type::Class,
        "password" => Type::Password,
        _ => return None,
    })
}

fn parse_importance(text: &str) -> Option<(Importance, Visibility)> {
    let (level, visibility) = match text.strip_suffix(" internal") {
        Some(level) => (level, Visibility::Internal),
        None => (text, Visibility::Public),
    };
    let importance = match level {
        "high" => Importance::High,
        "medium" => Importance::Medium,
        "low" => Importance::Low,
        _ => return None,
    };
    Some((importance, visibility))
}

fn parse_mode(text: &str) -> Option<UpdateMode> {
    Some(match text {
        "read-only" => UpdateMode::ReadOnly,
        "per-broker" => UpdateMode::PerBroker,
        "cluster-wide" => UpdateMode::ClusterWide,
        "dynamic" => UpdateMode::Dynamic,
        _ => return None,
    })
}

fn parse_support(text: &str) -> Option<Support> {
    Some(match text {
        "honoured" => Support::Honoured,
        "at-start" => Support::HonouredAtStart,
        "none" => Support::NotApplicable,
        "later" => Support::NotYet,
        "refused" => Support::Refused,
        _ => return None,
    })
}

/// How many letters must be added, removed or changed to turn one name into the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in right.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_every_table_is_well_formed() {
        let tables = [
            (&BROKER, 368),
            (&BROKER_DYNAMIC, 3),
            (&TOPIC, 35),
            (&GROUP, 17),
            (&CLIENT_METRICS, 3),
            (&QUOTA, 5),
        ];
        for (table, count) in tables {
            assert_eq!(table.keys().len(), count);
            assert!(table.keys().is_sorted_by(|left, right| left.name < right.name));
            for key in table.keys() {
                if let Some(text) = key.default_text() {
                    let value = key.parse(text).expect(key.name);
                    key.valid.check(key.name, &value).expect(key.name);
                    assert_eq!(value.to_text().as_deref(), Some(text), "{}", key.name);
                }
            }
        }
    }

    #[test]
    fn a_misspelt_key_is_recognised() {
        assert_eq!(BROKER.nearest("log.dir.s"), Some("log.dirs"));
        assert_eq!(BROKER.nearest("advertised.listener"), Some("advertised.listeners"));
        assert_eq!(BROKER.nearest("NUM_PARTITIONS"), Some("num.partitions"));
        assert_eq!(BROKER.nearest("zookeeper.connect"), None);
    }
}
