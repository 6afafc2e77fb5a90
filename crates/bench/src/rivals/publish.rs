//! The loads themselves, whatever the protocol: a window of messages that are not confirmed yet, a schedule, a reader.

use crate::Target;
use crate::due::{have_prompt_timers, wait_for};
use crate::report::{Times, own_cpu_seconds};
use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;
use std::io::BufRead;
use std::time::{Duration, Instant};

/// A connection that speaks a broker's protocol.
pub trait Protocol: Send {
    /// Sends messages of one value each, to be confirmed; the first has number `first`, counting from 0.
    fn publish(&mut self, first: u64, values: &[&[u8]]) -> Result<()>;

    /// Waits until more are confirmed, and gives back how many are in all.
    fn confirmed(&mut self) -> Result<u64>;

    /// Has everything delivered from the first message on.
    fn subscribe(&mut self) -> Result<()>;

    /// Waits for messages and shows each value to `each`; how many there were.
    fn receive(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<u64>;
}

/// What is sent, and how.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    /// Bytes of a message.
    #[arg(long, default_value_t = 100)]
    record_size: usize,
    /// Messages that are sent with one write.
    #[arg(long, default_value_t = 100)]
    at_once: usize,
    /// Messages of a connection that are not confirmed yet, at most.
    #[arg(long, default_value_t = 10_000)]
    window: u64,
    /// Connections.
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// For how long.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How many messages at most, on each connection; 0 for as many as can be.
    #[arg(long, default_value_t = 0)]
    records: u64,
}

/// Sends as fast as confirmations come.
pub fn publish(options: &Options) -> Result<()> {
    let mut connections = Vec::new();
    for _ in 0..options.connections {
        connections.push(options.target.connect()?);
    }
    wait_for_go(&options.target)?;
    let cpu_before = own_cpu_seconds();
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(options.seconds);
    let sent = std::thread::scope(|scope| -> Result<u64> {
        let threads: Vec<_> = connections
            .into_iter()
            .map(|connection| scope.spawn(|| fill(connection, options, until)))
            .collect();
        let mut sent = 0;
        for thread in threads {
            sent += thread.join().expect("no thread of the generator panics")?;
        }
        Ok(sent)
    })?;
    let bytes = sent * options.record_size as u64;
    report(begun, sent, bytes, cpu_before);
    Ok(())
}

fn fill(mut connection: Box<dyn Protocol>, options: &Options, until: Instant) -> Result<u64> {
    let value = text(options.record_size);
    let values = vec![value.as_slice(); options.at_once];
    let most = if options.records == 0 {
        u64::MAX
    } else {
        options.records
    };
    let (mut sent, mut confirmed) = (0, 0);
    while Instant::now() < until && sent < most {
        let many = (most - sent).min(options.at_once as u64);
        while sent + many > confirmed + options.window.max(many) {
            confirmed = connection.confirmed()?;
        }
        connection.publish(sent, &values[..usize::try_from(many)?])?;
        sent += many;
    }
    while confirmed < sent {
        confirmed = connection.confirmed()?;
    }
    Ok(sent)
}

/// What is read.
#[derive(Args)]
pub struct Consumption {
    #[command(flatten)]
    target: Target,
    /// How many messages.
    #[arg(long)]
    records: u64,
}

/// Reads so many messages.
pub fn consume(options: &Consumption) -> Result<()> {
    let mut connection = options.target.connect()?;
    wait_for_go(&options.target)?;
    let cpu_before = own_cpu_seconds();
    let begun = Instant::now();
    connection.subscribe()?;
    let (mut count, mut bytes) = (0, 0);
    while count < options.records {
        count += connection.receive(&mut |value| bytes += value.len() as u64)?;
    }
    report(begun, count, bytes, cpu_before);
    Ok(())
}

fn report(begun: Instant, records: u64, bytes: u64, cpu_before: f64) {
    let line = json!({
        "seconds": begun.elapsed().as_secs_f64(),
        "records": records,
        "requests": records,
        "bytes": bytes,
        "wire_bytes": bytes,
        "client_cpu_seconds": own_cpu_seconds() - cpu_before,
    });
    println!("{line}");
}

/// What is sent, and when.
#[derive(Args)]
pub struct Latency {
    #[command(flatten)]
    target: Target,
    /// Bytes of a message, at least 8.
    #[arg(long, default_value_t = 100)]
    record_size: usize,
    /// Messages a second.
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// For how long, after one second that is not counted.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

/// Sends on a schedule, whatever the broker does.
pub fn latency(options: &Latency) -> Result<()> {
    ensure!(
        options.record_size >= 8 && options.rate > 0,
        "messages of 8 bytes at least, one a second at least"
    );
    let mut sender = options.target.connect()?;
    let mut reader = options.target.connect()?;
    reader.subscribe()?;
    wait_for_go(&options.target)?;
    let cpu_before = own_cpu_seconds();
    let all = ((options.seconds + 1.0) * options.rate as f64) as u64;
    let begin = Instant::now() + Duration::from_millis(50);
    let due = |number: u64| begin + Duration::from_nanos(number * 1_000_000_000 / options.rate);
    let counted = due(options.rate);
    let (lateness, times) = std::thread::scope(|scope| -> Result<_> {
        let reading = scope.spawn(move || -> Result<Times> {
            let mut times = Times::new()?;
            let mut count = 0;
            while count < all {
                count += reader.receive(&mut |value| {
                    let nanoseconds = value.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
                    let due = begin + Duration::from_nanos(nanoseconds);
                    if due >= counted {
                        times.add(due.elapsed());
                    }
                })?;
            }
            Ok(times)
        });
        let mut lateness = Times::new()?;
        have_prompt_timers()?;
        let mut value = text(options.record_size);
        let mut confirmed = 0;
        for number in 0..all {
            let due = due(number);
            let late = wait_for(due);
            if due >= counted {
                lateness.add(late);
            }
            value[..8].copy_from_slice(&u64::try_from((due - begin).as_nanos())?.to_be_bytes());
            sender.publish(number, &[&value])?;
            // Confirmations are read now and then, so that they never fill the way back.
            while number + 1 - confirmed > 4_000 {
                confirmed = sender.confirmed()?;
            }
        }
        let times = reading.join().expect("no thread of the generator panics")?;
        Ok((lateness, times))
    })?;
    let line = json!({
        "rate": options.rate,
        "records": all,
        "read": times.count(),
        "seconds": options.seconds,
        "end_to_end_ms": times.json(),
        "sender_lateness_ms": lateness.json(),
        "client_cpu_seconds": own_cpu_seconds() - cpu_before,
    });
    println!("{line}");
    Ok(())
}

fn wait_for_go(target: &Target) -> Result<()> {
    if target.paced {
        println!("ready");
        let read = std::io::stdin().lock().read_line(&mut String::new())?;
        ensure!(read > 0, "stdin ended");
    }
    Ok(())
}

/// A value of so many bytes, none of which ends a line or a frame of text.
fn text(size: usize) -> Vec<u8> {
    b"the quick brown river runs "
        .iter()
        .copied()
        .cycle()
        .take(size)
        .collect()
}
