//! How results are told.

use crate::command::java_exception::message;
use base::TopicPartition;
use client::admin::Each;

/// What was refused, and why.
pub(super) fn failed(each: Each<TopicPartition, ()>) -> Vec<(TopicPartition, String)> {
    let failed = each.into_iter().filter_map(|(partition, result)| {
        let error = result.err()?;
        Some((partition, message(&error)))
    });
    failed.collect()
}

/// A line for each refusal.
pub(super) fn refusals(failed: &[(TopicPartition, String)]) -> String {
    let lines = failed
        .iter()
        .map(|(partition, message)| format!("{partition}: {message}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The end of a word that is about so many things.
pub(super) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Partitions, separated by commas.
pub(super) fn joined<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> String {
    partitions.map(TopicPartition::to_string).collect::<Vec<_>>().join(",")
}
