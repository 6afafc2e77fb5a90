//! The open loop: requests go out when they are due, whether or not the broker keeps up, and every record carries the time
//! at which it was due. So a broker that stalls is charged for all that waited (no coordinated omission).

use crate::Target;
use crate::batch;
use crate::connection::{Connection, Sender, decode};
use crate::frame::{ProduceFrame, VERSION, position};
use crate::pace::wait_for_go;
use crate::produce::{check, join, spawn};
use crate::reader::{Asking, From, Reader};
use crate::report::{Times, own_cpu_seconds};
use crate::topic;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use protocol::messages::produce_request::ProduceRequest;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is sent, and when.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    asking: Asking,
    /// Bytes of a record's value, at least 16.
    #[arg(long, default_value_t = 100)]
    record_size: usize,
    /// Records a second.
    #[arg(long, default_value_t = 5_000)]
    rate: u64,
    /// Records of a request, all due at once.
    #[arg(long, default_value_t = 1)]
    records_per_request: u64,
    /// For how long.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// What is not counted at the beginning.
    #[arg(long, default_value_t = 1.0)]
    warmup_seconds: f64,
    /// Acknowledgements: 1, or -1 for all.
    #[arg(long, default_value_t = -1, allow_hyphen_values = true)]
    acks: i16,
}

/// What stands in a record's value until it is due.
const PLACE: [u8; 8] = *b"\0due-at\0";
/// How long the broker may take for what is left.
const PATIENCE: Duration = Duration::from_secs(60);

/// When requests are due.
#[derive(Clone, Copy)]
struct Schedule {
    begin: Instant,
    between: Duration,
    requests: u64,
    uncounted: u64,
}

impl Schedule {
    fn due(&self, request: u64) -> Instant {
        let nanoseconds = self.between.as_nanos() * u128::from(request);
        self.begin + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// Runs the load.
pub fn run(options: &Options) -> Result<()> {
    ensure!(
        options.record_size >= 16 && options.rate > 0,
        "records of 16 bytes at least, one a second at least"
    );
    ensure!(
        options.acks != 0 && options.records_per_request > 0,
        "requests are answered and have records"
    );
    let topic = topic::create(&options.target)?;
    let [leader] = topic.leaders.as_slice() else {
        bail!("one broker must lead the whole topic: the schedule is one sender's");
    };
    let request = Template::new(options, topic.id, i32::try_from(topic.partitions())?)?;
    let mut answers = Connection::open(&leader.0, &options.target)?;
    let sender = answers.sender()?;
    let reader = Reader::open(&options.target, &options.asking, leader, topic.id, From::End)?;
    wait_for_go(&options.target)?;
    let cpu_before = own_cpu_seconds();
    let per_second = options.rate as f64 / options.records_per_request as f64;
    let schedule = Schedule {
        begin: Instant::now() + Duration::from_millis(50),
        between: Duration::from_secs_f64(1.0 / per_second),
        requests: ((options.seconds + options.warmup_seconds) * per_second) as u64,
        uncounted: (options.warmup_seconds * per_second) as u64,
    };
    let answered = AtomicU64::new(0);
    let (lateness, answer_times, end_to_end) = std::thread::scope(|scope| -> Result<_> {
        let reading = spawn(scope, || read(reader, schedule, options.records_per_request))?;
        let answering = spawn(scope, || {
            let mut times = Times::new()?;
            for number in 0..schedule.requests {
                answers.receive(|frame| check(&decode::<ProduceRequest>(frame, VERSION)?))?;
                answered.store(number + 1, Ordering::Relaxed);
                if number >= schedule.uncounted {
                    times.add(schedule.due(number).elapsed());
                }
            }
            Ok(times)
        })?;
        let sending = spawn(scope, || send(sender, request, schedule))?;
        Ok((join(sending)?, join(answering)?, join(reading)?))
    })?;
    let line = json!({
        "rate": options.rate,
        "seconds": options.seconds,
        "records": (schedule.requests - schedule.uncounted) * options.records_per_request,
        "all_records": schedule.requests * options.records_per_request,
        "read": end_to_end.count(),
        "answer_ms": answer_times.json(),
        "end_to_end_ms": end_to_end.json(),
        "sender_lateness_ms": lateness.json(),
        "client_cpu_seconds": own_cpu_seconds() - cpu_before,
    });
    println!("{line}");
    Ok(())
}

/// A request whose records get the time at which they are due.
struct Template {
    frame: ProduceFrame,
    /// Where in the batch the times go.
    places: Vec<usize>,
    partitions: i32,
}

impl Template {
    fn new(options: &Options, topic: base::Uuid, partitions: i32) -> Result<Self> {
        let mut value = PLACE.to_vec();
        value.extend(batch::Text::new().next(options.record_size - PLACE.len()));
        let batch = batch::build_of(&value, options.records_per_request)?;
        let mut places = Vec::new();
        let mut from = 0;
        while let Some(place) = position(&batch, from, &PLACE) {
            places.push(place);
            from = place + PLACE.len();
        }
        ensure!(
            places.len() as u64 == options.records_per_request,
            "every record has a place for its time"
        );
        Ok(Self {
            frame: ProduceFrame::new(topic, &batch, 1, options.acks)?,
            places,
            partitions,
        })
    }

    /// Request `number`, due `nanoseconds` after the beginning.
    fn due(&mut self, number: u64, nanoseconds: u64) -> &[u8] {
        for place in &self.places {
            self.frame.write(0, *place, &nanoseconds.to_be_bytes());
        }
        self.frame.seal(0);
        let partition = (number % self.partitions.unsigned_abs() as u64) as i32;
        self.frame.address(std::iter::once(partition))
    }
}

/// Sends all requests when they are due; how late it was itself.
fn send(mut sender: Sender, mut request: Template, schedule: Schedule) -> Result<Times> {
    let mut lateness = Times::new()?;
    for number in 0..schedule.requests {
        let due = schedule.due(number);
        // Sleeping to the due time itself: what the timer is late counts for the broker's disadvantage, the same for all.
        let early = due.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            std::thread::sleep(early);
        }
        if number >= schedule.uncounted {
            lateness.add(due.elapsed());
        }
        let nanoseconds = u64::try_from((due - schedule.begin).as_nanos())?;
        sender.send(request.due(number, nanoseconds))?;
    }
    Ok(lateness)
}

/// Reads until every record has come; how long after it was due.
fn read(mut reader: Reader, schedule: Schedule, per_request: u64) -> Result<Times> {
    let mut times = Times::new()?;
    let mut count = 0;
    let end = schedule.due(schedule.requests) + PATIENCE;
    while count < schedule.requests * per_request {
        if Instant::now() > end {
            bail!(
                "{count} records of {} came within {PATIENCE:?}",
                schedule.requests * per_request
            );
        }
        let read = reader.poll(|batch| {
            let now = Instant::now();
            for record in batch.records().context("it is not compressed")? {
                let value = record?.value.and_then(|value| value.first_chunk::<8>());
                let due = Duration::from_nanos(u64::from_be_bytes(*value.context("a record of ours")?));
                if due >= schedule.due(schedule.uncounted) - schedule.begin {
                    times.add(now.saturating_duration_since(schedule.begin + due));
                }
            }
            Ok(())
        })?;
        count += read.records;
    }
    Ok(times)
}
