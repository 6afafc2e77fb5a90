//! Kafka's range assignor: the partitions of each topic in order, cut into ranges for the members in order.

use base::TopicPartition;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A member as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscriber {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub topics: Vec<String>,
}

impl Subscriber {
    /// Static members come first, by their names: they keep their place when they come back with another id.
    fn rank(&self) -> (bool, &str, &str) {
        let name = self.instance_id.as_deref();
        (name.is_none(), name.unwrap_or_default(), &self.member_id)
    }
}

/// What each member gets, by its id; `counts` says how many partitions a topic has.
pub(super) fn assign(
    subscribers: &[Subscriber],
    counts: &BTreeMap<String, i32>,
) -> BTreeMap<String, Vec<TopicPartition>> {
    let mut ranked: Vec<&Subscriber> = subscribers.iter().collect();
    ranked.sort_by(|one, other| one.rank().cmp(&other.rank()));
    let nothing = |member: &&Subscriber| (member.member_id.clone(), Vec::new());
    let mut assignment: BTreeMap<String, Vec<TopicPartition>> = ranked.iter().map(nothing).collect();
    for (topic, count) in counts {
        let readers: Vec<&&Subscriber> = ranked.iter().filter(|member| member.topics.contains(topic)).collect();
        let name: Arc<str> = topic.as_str().into();
        let mut next = 0;
        for (index, reader) in readers.iter().enumerate() {
            let share = share(*count, index, readers.len());
            let range = next..next + share;
            next += share;
            let partitions = range.map(|partition| TopicPartition::new(Arc::clone(&name), partition));
            assignment
                .entry(reader.member_id.clone())
                .or_default()
                .extend(partitions);
        }
    }
    assignment
}

/// How many of `count` the one at `index` of `readers` gets: the first ones get one more if it does not come out even.
fn share(count: i32, index: usize, readers: usize) -> i32 {
    let (index, readers) = (
        i64::try_from(index).unwrap_or(i64::MAX),
        i64::try_from(readers).unwrap_or(i64::MAX),
    );
    let count = i64::from(count);
    let share = count / readers + i64::from(index < count % readers);
    i32::try_from(share).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriber(id: &str, instance: Option<&str>, topics: &[&str]) -> Subscriber {
        Subscriber {
            member_id: id.to_owned(),
            instance_id: instance.map(str::to_owned),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        }
    }

    fn shown(subscribers: &[Subscriber], counts: &[(&str, i32)]) -> String {
        let counts = counts
            .iter()
            .map(|(topic, count)| ((*topic).to_owned(), *count))
            .collect();
        let lines = assign(subscribers, &counts).into_iter().map(|(member, partitions)| {
            let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
            format!("{member}: {}", partitions.join(" "))
        });
        lines.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn topics_are_cut_into_ranges() {
        let two = [subscriber("b", None, &["t", "u"]), subscriber("a", None, &["t"])];
        assert_eq!(shown(&two, &[("t", 3), ("u", 2)]), "a: t-0 t-1; b: t-2 u-0 u-1");
        assert_eq!(shown(&two, &[("t", 1)]), "a: t-0; b: ");
    }

    #[test]
    fn static_members_come_first() {
        let members = [subscriber("a", None, &["t"]), subscriber("z", Some("i"), &["t"])];
        assert_eq!(shown(&members, &[("t", 3)]), "a: t-2; z: t-0 t-1");
    }
}
