//! `--describe --members`.

use super::{Detail, remark};
use crate::command::columns::{padded, widest};
use base::TopicPartition;
use client::admin::{GroupDescription, GroupMember};
use std::collections::BTreeMap;

/// Prints the members. The heads of the columns are printed even if there are none, as in Kafka.
pub(super) fn print(group: &GroupDescription, detail: Detail) -> anyhow::Result<()> {
    let members = &group.members;
    let shown = remark(group)? && !members.is_empty();
    let sized = if shown { members.as_slice() } else { &[] };
    let wide = |least, text: fn(&GroupMember) -> &str| widest(least, sized.iter().map(text));
    let columns = [
        if shown {
            widest(15, std::iter::once(group.id.as_str()))
        } else {
            15
        },
        wide(15, |member| &member.id),
        wide(17, |member| member.instance_id.as_deref().unwrap_or_default()),
        wide(15, |member| &member.host),
        wide(15, |member| &member.client_id),
        15,
    ];
    let any_static = members.iter().any(has_name) && shown;
    let line = |cells: [&str; 6]| {
        let mut line = String::new();
        for (index, (cell, columns)) in cells.iter().zip(columns).enumerate() {
            if index != INSTANCE || any_static {
                line += &padded(cell, columns);
                line.push(' ');
            }
        }
        line
    };
    let assignments = Assignments::new(group, sized);
    let head = line([
        "GROUP",
        "CONSUMER-ID",
        "GROUP-INSTANCE-ID",
        "HOST",
        "CLIENT-ID",
        "#PARTITIONS",
    ]);
    println!("\n{head}{}", assignments.head(detail));
    for member in members {
        let count = member.assignment.len().to_string();
        let cells = line([
            &group.id,
            &member.id,
            member.instance_id.as_deref().unwrap_or_default(),
            &member.host,
            &member.client_id,
            &count,
        ]);
        println!("{cells}{}", assignments.of(member, detail));
    }
    Ok(())
}

/// Which column is only there with static members.
const INSTANCE: usize = 2;

fn has_name(member: &GroupMember) -> bool {
    member.instance_id.as_deref().is_some_and(|name| !name.is_empty())
}

/// The columns of the verbose table.
struct Assignments {
    target_epoch: String,
    current: usize,
    target: usize,
    /// Whether members of both protocols are in the group.
    migrating: bool,
}

impl Assignments {
    fn new(group: &GroupDescription, sized: &[GroupMember]) -> Self {
        let texts: Vec<[String; 2]> = sized.iter().map(texts).collect();
        let any = |upgraded| sized.iter().any(|member| member.upgraded == Some(upgraded));
        Self {
            target_epoch: number(group.target_epoch),
            current: widest(20, texts.iter().map(|[current, _]| current.as_str())),
            target: widest(20, texts.iter().map(|[_, target]| target.as_str())),
            migrating: any(true) && any(false),
        }
    }

    fn line(&self, detail: Detail, cells: [&str; 5]) -> String {
        if detail == Detail::Usual {
            return String::new();
        }
        let mut line = String::new();
        for (cell, columns) in cells.iter().zip([15, self.current, 15, self.target]) {
            line += &padded(cell, columns);
            line.push(' ');
        }
        if self.migrating {
            line + cells[4]
        } else {
            line.pop();
            line
        }
    }

    fn head(&self, detail: Detail) -> String {
        let cells = [
            "CURRENT-EPOCH",
            "CURRENT-ASSIGNMENT",
            "TARGET-EPOCH",
            "TARGET-ASSIGNMENT",
            "UPGRADED",
        ];
        self.line(detail, cells)
    }

    fn of(&self, member: &GroupMember, detail: Detail) -> String {
        let [current, target] = texts(member);
        let upgraded = member
            .upgraded
            .map_or_else(|| String::from("-"), |upgraded| upgraded.to_string());
        let epoch = number(member.epoch);
        self.line(detail, [&epoch, &current, &self.target_epoch, &target, &upgraded])
    }
}

fn number(number: Option<i32>) -> String {
    number.map_or_else(|| String::from("-"), |number| number.to_string())
}

/// What a member reads and what it is to read.
fn texts(member: &GroupMember) -> [String; 2] {
    [
        assignment(&member.assignment),
        assignment(member.target.as_deref().unwrap_or_default()),
    ]
}

/// `topic:0,1;topic2:5`.
fn assignment(partitions: &[TopicPartition]) -> String {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    if topics.is_empty() {
        return String::from("-");
    }
    let topic = |(name, mut partitions): (&str, Vec<i32>)| {
        partitions.sort_unstable();
        let partitions: Vec<String> = partitions.iter().map(i32::to_string).collect();
        format!("{name}:{}", partitions.join(","))
    };
    let mut topics: Vec<String> = topics.into_iter().map(topic).collect();
    topics.sort();
    topics.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_short() {
        let partitions = [("b", 10), ("b", 9), ("a", 0)].map(|(topic, index)| TopicPartition::new(topic, index));
        assert_eq!(assignment(&partitions), "a:0;b:9,10");
        assert_eq!(assignment(&[]), "-");
    }
}
