//! Records to stdout, until there are enough, none come any more, or somebody has had enough.

use super::assign::Wanted;
use super::format::Formatter;
use client::consume::{Chunk, Consumer};
use std::io::{BufWriter, StdoutLock, Write};
use std::time::Duration;
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
    /// By a signal.
    Interrupted,
}

/// How it ended, and how many records were printed.
pub struct Printed {
    pub outcome: anyhow::Result<Ended>,
    pub count: u64,
}

/// Prints records.
pub async fn print_records(
    consumer: &mut Consumer,
    wanted: &mut Wanted,
    formatter: &Formatter,
    limits: Limits,
) -> Printed {
    let mut count = 0;
    let outcome = tokio::select! {
        outcome = print_all(consumer, wanted, formatter, limits, &mut count) => outcome,
        signal = tokio::signal::ctrl_c() => signal.map(|()| Ended::Interrupted).map_err(Into::into),
    };
    Printed { outcome, count }
}

async fn print_all(
    consumer: &mut Consumer,
    wanted: &mut Wanted,
    formatter: &Formatter,
    limits: Limits,
    count: &mut u64,
) -> anyhow::Result<Ended> {
    let mut output = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    let mut last_record = Instant::now();
    loop {
        if limits.messages.is_some_and(|messages| *count >= messages) {
            return Ok(Ended::Done);
        }
        if Instant::now() >= wanted.look_again() {
            wanted.assign(consumer).await?;
        }
        let idle_left = limits
            .idle
            .map_or(TURN, |idle| idle.saturating_sub(last_record.elapsed()).min(TURN));
        let chunks = consumer.poll(idle_left).await?;
        if chunks.is_empty() {
            if limits.idle.is_some_and(|idle| last_record.elapsed() >= idle) {
                eprintln!("ERROR Error processing message, terminating consumer process: no message came in time");
                return Ok(Ended::Done);
            }
            continue;
        }
        last_record = Instant::now();
        if print_chunks(&chunks, formatter, limits.messages, count, &mut output).is_err() {
            eprintln!("Unable to write to standard out, closing consumer.");
            return Ok(Ended::Done);
        }
    }
}

fn print_chunks(
    chunks: &[Chunk],
    formatter: &Formatter,
    limit: Option<u64>,
    count: &mut u64,
    output: &mut BufWriter<StdoutLock<'_>>,
) -> std::io::Result<()> {
    for chunk in chunks {
        for record in chunk.blocks.iter().flat_map(|block| block.records()) {
            if limit.is_some_and(|limit| *count >= limit) {
                return output.flush();
            }
            *count += 1;
            formatter.write(&chunk.partition, &record, output)?;
        }
    }
    output.flush()
}
