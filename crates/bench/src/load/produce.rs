//! The closed loop: every connection keeps some requests under way and sends the next when an answer comes.

use crate::Target;
use crate::batch::{self, Batch, Producer, Shape};
use crate::connection::{Connection, decode};
use crate::frame::{ProduceFrame, VERSION};
use crate::pace::wait_for_go;
use crate::read::Tail;
use crate::report::{Times, own_cpu_seconds};
use crate::topic::{self, Topic, name_of};
use anyhow::{Context, Result, ensure};
use base::{ProducerEpoch, ProducerId};
use clap::Args;
use protocol::ErrorCode;
use protocol::messages::init_producer_id_request::InitProducerIdRequest;
use protocol::messages::metadata_request::MetadataRequest;
use protocol::messages::produce_request::ProduceRequest;
use protocol::messages::produce_response::ProduceResponse;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is sent, and how.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    shape: Shape,
    /// Connections; at least one for each broker that leads partitions.
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// Requests that each has under way.
    #[arg(long, default_value_t = 5)]
    depth: usize,
    /// Partitions that a request has a batch for.
    #[arg(long, default_value_t = 1)]
    partitions_per_request: usize,
    /// Acknowledgements: 0, 1, or -1 for all.
    #[arg(long, default_value_t = -1, allow_hyphen_values = true)]
    acks: i16,
    /// Each connection is an idempotent producer.
    #[arg(long)]
    idempotent: bool,
    /// For how long.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How many records at most; 0 for as many as can be.
    #[arg(long, default_value_t = 0)]
    records: u64,
    /// Readers that read everything while it is sent.
    #[arg(long, default_value_t = 0)]
    readers: usize,
}

/// How long a producer may have to ask for its id.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is common to all connections.
struct Plan<'a> {
    options: &'a Options,
    topic: &'a Topic,
    connections: usize,
    /// Requests that may still be sent.
    left: AtomicU64,
}

/// What one connection did.
struct Done {
    requests: u64,
    times: Times,
}

/// Runs the load.
pub fn run(options: &Options) -> Result<()> {
    ensure!(
        options.depth > 0 && options.partitions_per_request > 0,
        "nothing would be sent"
    );
    let topic = topic::create(&options.target)?;
    // Every leader has as many connections as every other.
    let connections = options.connections.max(1).next_multiple_of(topic.leaders.len());
    let fewest = topic.leaders.iter().map(|(_, led)| led.len()).min().unwrap_or(0);
    ensure!(
        options.partitions_per_request <= fewest,
        "a leader has only {fewest} partitions"
    );
    let batch = batch::build(&options.shape, None)?;
    let per_request = batch.records * options.partitions_per_request as u64;
    let limit = match options.records {
        0 => u64::MAX,
        records => records.div_ceil(per_request),
    };
    let plan = Plan {
        options,
        topic: &topic,
        connections,
        left: AtomicU64::new(limit),
    };
    let producers = (0..connections)
        .map(|number| Connected::open(&plan, number, &batch))
        .collect::<Result<Vec<_>>>()?;
    let tail = Tail::open(&options.target, &topic, options.readers)?;
    wait_for_go(&options.target)?;
    let cpu_before = own_cpu_seconds();
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(options.seconds);
    let (done, seconds, read) = std::thread::scope(|scope| -> Result<_> {
        let tail = tail.start(scope)?;
        let threads = producers
            .into_iter()
            .map(|producer| spawn(scope, || producer.run(until)))
            .collect::<Result<Vec<_>>>()?;
        let done = threads.into_iter().map(join).collect::<Result<Vec<_>>>()?;
        let seconds = begun.elapsed().as_secs_f64();
        let requests: u64 = done.iter().map(|done| done.requests).sum();
        Ok((done, seconds, tail.finish(requests * per_request)?))
    })?;
    let mut times = Times::new()?;
    for done in &done {
        times.0.add(&done.times.0)?;
    }
    let requests: u64 = done.iter().map(|done| done.requests).sum();
    let records = requests * per_request;
    let line = json!({
        "seconds": seconds,
        "requests": requests,
        "records": records,
        "bytes": records * options.shape.record_size as u64,
        "wire_bytes": requests * (batch.bytes.len() * options.partitions_per_request) as u64,
        "batch_bytes": batch.bytes.len(),
        "batch_records": batch.records,
        "connections": connections,
        "client_cpu_seconds": own_cpu_seconds() - cpu_before,
        "answer_ms": times.json(),
        "read": read,
    });
    println!("{line}");
    Ok(())
}

/// A thread of a few stack pages: there may be a thousand.
pub fn spawn<'scope, 'env, T: Send + 'scope>(
    scope: &'scope std::thread::Scope<'scope, 'env>,
    work: impl FnOnce() -> Result<T> + Send + 'scope,
) -> Result<std::thread::ScopedJoinHandle<'scope, Result<T>>> {
    Ok(std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn_scoped(scope, work)?)
}

/// What a thread found.
pub fn join<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().expect("no thread of the generator panics")
}

/// One connection, ready to begin.
struct Connected<'a> {
    plan: &'a Plan<'a>,
    connection: Connection,
    frame: ProduceFrame,
    led: &'a [i32],
    /// Where its next request begins in `led`, and how far apart its requests are.
    next: usize,
    step: usize,
    batch_records: i32,
    /// The next sequence number of each partition, of an idempotent producer.
    sequences: Option<BTreeMap<i32, i32>>,
}

impl<'a> Connected<'a> {
    fn open(plan: &'a Plan<'a>, number: usize, plain: &Batch) -> Result<Self> {
        let leaders = plan.topic.leaders.len();
        let (address, led) = &plan.topic.leaders[number % leaders];
        let options = plan.options;
        let mut connection = Connection::open(address, &options.target)?;
        let own = match options.idempotent {
            true => Some(batch::build(&options.shape, Some(producer_id(&mut connection)?))?),
            false => None,
        };
        let batch = own.as_ref().unwrap_or(plain);
        let per_request = options.partitions_per_request;
        Ok(Self {
            plan,
            connection,
            frame: ProduceFrame::new(plan.topic.id, &batch.bytes, per_request, options.acks)?,
            led,
            next: (number / leaders * per_request) % led.len(),
            step: plan.connections / leaders * per_request,
            batch_records: i32::try_from(batch.records)?,
            sequences: options.idempotent.then(BTreeMap::new),
        })
    }

    fn run(mut self, until: Instant) -> Result<Done> {
        let mut under_way: VecDeque<Instant> = VecDeque::new();
        let mut done = Done {
            requests: 0,
            times: Times::new()?,
        };
        loop {
            while under_way.len() < self.plan.options.depth {
                let now = Instant::now();
                if now >= until || !self.plan.take_turn() {
                    break;
                }
                self.send()?;
                done.requests += 1;
                if self.plan.options.acks != 0 {
                    under_way.push_back(now);
                }
            }
            let Some(sent) = under_way.pop_front() else {
                break;
            };
            self.connection
                .receive(|frame| check(&decode::<ProduceRequest>(frame, VERSION)?))?;
            done.times.add(sent.elapsed());
        }
        if self.plan.options.acks == 0 {
            // Requests of one connection are answered in their order: once this one is, all that went before are done.
            let nothing = MetadataRequest {
                topics: Some(Vec::new()),
                ..Default::default()
            };
            self.connection.call(&nothing, 12)?;
        }
        Ok(done)
    }

    fn send(&mut self) -> Result<()> {
        let (led, first) = (self.led, self.next);
        self.next = (self.next + self.step) % led.len();
        let partitions = (first..).map(move |at| led[at % led.len()]);
        if let Some(sequences) = &mut self.sequences {
            for (at, partition) in partitions.clone().take(self.frame.batches()).enumerate() {
                let next = sequences.entry(partition).or_insert(0);
                self.frame.number(at, *next);
                *next = next.wrapping_add(self.batch_records) & i32::MAX;
            }
        }
        self.connection.send(self.frame.address(partitions))
    }
}

impl Plan<'_> {
    /// Whether one more request may be sent.
    fn take_turn(&self) -> bool {
        let take = |left: u64| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

fn producer_id(connection: &mut Connection) -> Result<Producer> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: 60_000,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let begun = Instant::now();
    let answer = loop {
        let answer = connection.call(&request, 5)?;
        // A broker that has none left asks its controller first, and has the producer ask again.
        let again = ErrorCode::from(answer.error_code) == ErrorCode::CoordinatorLoadInProgress;
        if !again || begun.elapsed() > PATIENCE {
            break answer;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    ensure!(answer.error_code == 0, "no producer id: {}", name_of(answer.error_code));
    Ok((ProducerId(answer.producer_id), ProducerEpoch(answer.producer_epoch)))
}

/// Every partition has taken its batch.
pub fn check(answer: &ProduceResponse) -> Result<()> {
    let topic = answer.responses.first().context("an answer for the topic")?;
    for partition in &topic.partition_responses {
        let code = partition.error_code;
        ensure!(code == 0, "partition {}: {}", partition.index, name_of(code));
    }
    Ok(())
}
