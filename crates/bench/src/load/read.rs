//! Readers: of everything that is there, and of what is being written.

use crate::Target;
use crate::pace::wait_for_go;
use crate::produce::{join, spawn};
use crate::reader::{Asking, From, Read, Reader};
use crate::report::own_cpu_seconds;
use crate::topic::{self, Topic};
use anyhow::{Result, bail};
use clap::{Args, Parser};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// What is read, and how.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    asking: Asking,
    /// Consumers that each read everything, all beginning at once.
    #[arg(long, default_value_t = 1)]
    readers: usize,
    /// How often each reads it from its start.
    #[arg(long, default_value_t = 1)]
    times: usize,
}

/// Runs the load.
pub fn run(options: &Options) -> Result<()> {
    let topic = topic::create(&options.target)?;
    let mut readers = Vec::new();
    for _ in 0..options.readers {
        for leader in &topic.leaders {
            let reader = Reader::open(&options.target, &options.asking, leader, topic.id, From::Start)?;
            readers.push(reader);
        }
    }
    wait_for_go(&options.target)?;
    let cpu_before = own_cpu_seconds();
    let begun = Instant::now();
    let mut read = Read::default();
    std::thread::scope(|scope| -> Result<()> {
        let threads = readers
            .into_iter()
            .map(|reader| spawn(scope, || catch_up(reader, options.times)))
            .collect::<Result<Vec<_>>>()?;
        for thread in threads {
            read.add(join(thread)?);
        }
        Ok(())
    })?;
    let mut line = described(read, options.readers, begun.elapsed());
    line["client_cpu_seconds"] = (own_cpu_seconds() - cpu_before).into();
    println!("{line}");
    Ok(())
}

fn catch_up(mut reader: Reader, times: usize) -> Result<Read> {
    let mut read = Read::default();
    for _ in 0..times {
        while !reader.at_end() {
            read.add(reader.poll(|_| Ok(()))?);
        }
        reader.rewind();
    }
    Ok(read)
}

fn described(read: Read, readers: usize, elapsed: Duration) -> Value {
    json!({
        "readers": readers,
        "seconds": elapsed.as_secs_f64(),
        "requests": read.requests,
        "records": read.records,
        "wire_bytes": read.bytes,
    })
}

/// How long readers may take for what is left once nothing is sent any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Readers of what is being written.
pub struct Tail {
    readers: Vec<Reader>,
    each: usize,
}

/// What the readers of a tail and the one who waits for them know together.
struct Shared {
    records: AtomicU64,
    wanted: AtomicU64,
}

/// How a reader of a tail asks: as the Java consumer does by default.
#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    asking: Asking,
}

impl Tail {
    /// Opens `each` readers of every partition, behind the last record.
    pub fn open(target: &Target, topic: &Topic, each: usize) -> Result<Self> {
        let asking = Defaults::parse_from(["tail"]).asking;
        let mut readers = Vec::new();
        for _ in 0..each {
            for leader in &topic.leaders {
                readers.push(Reader::open(target, &asking, leader, topic.id, From::End)?);
            }
        }
        Ok(Self { readers, each })
    }

    /// Starts them.
    pub fn start<'scope>(self, scope: &'scope Scope<'scope, '_>) -> Result<Reading<'scope>> {
        let shared = Arc::new(Shared {
            records: AtomicU64::new(0),
            wanted: AtomicU64::new(u64::MAX),
        });
        let follow = |reader| {
            let shared = Arc::clone(&shared);
            spawn(scope, move || shared.follow(reader))
        };
        let threads = self.readers.into_iter().map(follow).collect::<Result<Vec<_>>>()?;
        Ok(Reading {
            begun: Instant::now(),
            threads,
            each: self.each,
            shared,
        })
    }
}

impl Shared {
    fn follow(&self, mut reader: Reader) -> Result<Read> {
        let mut read = Read::default();
        let mut last = Instant::now();
        while self.records.load(Ordering::Relaxed) < self.wanted.load(Ordering::Relaxed) {
            let more = reader.poll(|_| Ok(()))?;
            self.records.fetch_add(more.records, Ordering::Relaxed);
            read.add(more);
            if more.records > 0 {
                last = Instant::now();
            } else if last.elapsed() > PATIENCE {
                bail!("nothing to read for {PATIENCE:?}");
            }
        }
        Ok(read)
    }
}

/// Readers under way.
pub struct Reading<'scope> {
    begun: Instant,
    threads: Vec<ScopedJoinHandle<'scope, Result<Read>>>,
    each: usize,
    shared: Arc<Shared>,
}

impl Reading<'_> {
    /// Waits until `records` were read by every reader; nothing if there is none.
    pub fn finish(self, records: u64) -> Result<Value> {
        if self.each == 0 {
            return Ok(Value::Null);
        }
        self.shared.wanted.store(records * self.each as u64, Ordering::Relaxed);
        let mut read = Read::default();
        for thread in self.threads {
            read.add(join(thread)?);
        }
        Ok(described(read, self.each, self.begun.elapsed()))
    }
}
