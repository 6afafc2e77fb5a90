//! New offsets as CSV: `topic,partition,offset`, or with the group before them if there are several.

use crate::command::options::Refusal;
use anyhow::{Context, bail};
use base::{Offset, TopicPartition};
use std::collections::BTreeMap;

/// Texts longer than this are quoted whatever they hold, as Kafka's CSV library does.
const LONGEST_UNQUOTED: usize = 24;

/// New offsets, in the order in which Kafka's tool walks them.
pub type NewOffsets = Vec<(TopicPartition, Offset)>;

/// New offsets by group.
pub type Plan = BTreeMap<String, BTreeMap<TopicPartition, Offset>>;

/// Writes new offsets, a line each, without the group if only one was asked for.
pub fn write(each: &[(String, NewOffsets)], single: bool) -> String {
    let mut text = String::new();
    for (group, offsets) in each {
        for (partition, offset) in offsets {
            if !single {
                text += &quoted(group);
                text.push(',');
            }
            text += &format!("{},{},{offset}\n", quoted(&partition.topic), partition.partition);
        }
    }
    text
}

fn quoted(text: &str) -> String {
    let special = |letter: char| letter <= ',' || letter == '\\';
    if text.encode_utf16().count() <= LONGEST_UNQUOTED && !text.contains(special) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Reads a file of new offsets for `groups`.
pub fn read(path: &str, groups: &[&str]) -> anyhow::Result<Plan> {
    let text = std::fs::read_to_string(path)
        .map_err(|_| anyhow::anyhow!("java.io.IOException: Unable to read file {path}"))?;
    parse(&text, groups)
}

fn parse(text: &str, groups: &[&str]) -> anyhow::Result<Plan> {
    let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
    let without_group = fields(lines[0]).is_ok_and(|fields| offset_of(&fields).is_ok());
    let mut plan = Plan::new();
    for (index, line) in lines.iter().enumerate() {
        let where_from = || format!("line {} of the reset plan, '{line}'", index + 1);
        let mut fields = fields(line).with_context(where_from)?;
        let group = match groups {
            [only] if without_group => (*only).to_owned(),
            _ if fields.is_empty() => String::new(),
            _ => fields.remove(0),
        };
        let (partition, offset) = offset_of(&fields).with_context(where_from)?;
        plan.entry(group).or_default().insert(partition, offset);
    }
    Ok(plan)
}

fn offset_of(fields: &[String]) -> anyhow::Result<(TopicPartition, Offset)> {
    // Kafka's tool takes a missing offset for 0, which would send the group back to the start.
    let [topic, partition, offset] = fields else {
        bail!("a topic, a partition and an offset are expected");
    };
    let index: i32 = partition.trim().parse().context("the partition is no number")?;
    let offset: i64 = offset.trim().parse().context("the offset is no number")?;
    if offset < 0 {
        return Err(Refusal::WithHelp(String::from("Invalid negative offset")).into());
    }
    Ok((TopicPartition::new(topic.as_str(), index), Offset(offset)))
}

/// The fields of a line; those in quotes may hold commas, and quotes doubled.
fn fields(line: &str) -> anyhow::Result<Vec<String>> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(inside) => in_quotes(inside)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => bail!("a comma is expected after a quote"),
        }
    }
}

/// A field that began with a quote, and what follows its end.
fn in_quotes(text: &str) -> anyhow::Result<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').context("a quote is not closed")?;
        field += &rest[..end];
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_was_written_can_be_read() {
        let group = String::from("a \"group\", or two");
        let offsets = vec![
            (TopicPartition::new("t", 1), Offset(5)),
            (TopicPartition::new("a-topic-with-a-name-beyond-24", 0), Offset(0)),
        ];
        let each = vec![(group.clone(), offsets)];
        let text = write(&each, false);
        assert_eq!(
            text,
            "\"a \"\"group\"\", or two\",t,1,5\n\"a \"\"group\"\", or two\",\"a-topic-with-a-name-beyond-24\",0,0\n"
        );
        let plan = parse(&text, &["g", "h"]).unwrap();
        assert_eq!(plan[&group].len(), 2);
        let plan = parse(&write(&each, true), &["g"]).unwrap();
        assert_eq!(plan["g"][&TopicPartition::new("t", 1)], Offset(5));
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        for text in [
            "t,0",
            "t,0,1\n\nu,0,1",
            "",
            "t,0,-1",
            "t,0,1,2,3",
            "\"t,0,1",
            "\"t\"x,0,1",
            "t,x,1",
        ] {
            assert!(parse(text, &["g"]).is_err(), "{text:?}");
        }
        assert!(parse("t,0,1\r\nu,0,2\r\n", &["g"]).is_ok());
        assert!(parse("g,t,0,1", &["g"]).is_ok());
    }
}
