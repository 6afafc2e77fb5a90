//! Records to stdout, until there are enough, none come any more, or somebody has had enough.

use super::format::Formatter;
use super::source::Source;
use base::{Offset, TopicPartition};
use client::consume::Chunk;
use std::io::{BufWriter, Stdout, Write};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// How long one wait for records lasts at most; topics are looked for in between.
const TURN: Duration = Duration::from_secs(1);

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// After so many records.
    pub messages: Option<u64>,
    /// When no record has come for so long.
    pub idle: Option<Duration>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By a limit, or because nobody reads stdout any more.
    Done,
    /// By a signal of the terminal.
    Interrupted,
    /// By a signal of somebody else.
    Terminated,
}

/// How it ended, and how many records were printed.
pub struct Printed {
    pub outcome: anyhow::Result<Ended>,
    pub count: u64,
}

/// Prints records.
pub async fn print_records(source: &mut Source, formatter: &Formatter, limits: Limits) -> Printed {
    let mut count = 0;
    // Nothing is lost where a signal cuts in: records are printed as soon as they are there, without a wait.
    let outcome = tokio::select! {
        outcome = print_all(source, formatter, limits, &mut count) => outcome,
        ended = ended_by_signal() => ended.map_err(Into::into),
    };
    Printed { outcome, count }
}

async fn ended_by_signal() -> std::io::Result<Ended> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupted.recv() => Ok(Ended::Interrupted),
        _ = terminated.recv() => Ok(Ended::Terminated),
    }
}

async fn print_all(
    source: &mut Source,
    formatter: &Formatter,
    limits: Limits,
    count: &mut u64,
) -> anyhow::Result<Ended> {
    let mut output = BufWriter::with_capacity(64 * 1024, std::io::stdout());
    let mut last_record = Instant::now();
    loop {
        if limits.messages.is_some_and(|messages| *count >= messages) {
            return Ok(Ended::Done);
        }
        let idle_left = limits
            .idle
            .map_or(TURN, |idle| idle.saturating_sub(last_record.elapsed()).min(TURN));
        let chunks = source.poll(idle_left).await?;
        if chunks.is_empty() {
            if limits.idle.is_some_and(|idle| last_record.elapsed() >= idle) {
                eprintln!("ERROR Error processing message, terminating consumer process: no message came in time");
                return Ok(Ended::Done);
            }
            continue;
        }
        last_record = Instant::now();
        let mut left = Vec::new();
        let printed = print_chunks(&chunks, formatter, limits.messages, count, &mut output, &mut left);
        for (partition, offset) in left {
            source.not_printed(partition, offset);
        }
        if printed.is_err() {
            eprintln!("Unable to write to standard out, closing consumer.");
            return Ok(Ended::Done);
        }
    }
}

/// Prints what there is; `left` gets where the records begin that were too many.
fn print_chunks<'a>(
    chunks: &'a [Chunk],
    formatter: &Formatter,
    limit: Option<u64>,
    count: &mut u64,
    output: &mut BufWriter<Stdout>,
    left: &mut Vec<(&'a TopicPartition, Offset)>,
) -> std::io::Result<()> {
    let mut outcome = Ok(());
    for chunk in chunks {
        for record in chunk.blocks.iter().flat_map(|block| block.records()) {
            if outcome.is_err() || limit.is_some_and(|limit| *count >= limit) {
                left.push((&chunk.partition, record.offset));
                break;
            }
            *count += 1;
            outcome = formatter.write(&chunk.partition, &record, output);
        }
    }
    outcome?;
    output.flush()
}
