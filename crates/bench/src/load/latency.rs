//! The open loop: requests go out when they are due, whether or not the broker keeps up, and every record carries the time
//! at which it was due. So a broker that stalls is charged for all that waited (no coordinated omission).

use crate::Target;
use crate::batch;
use crate::connection::{Connection, Sender, decode};
use crate::due::{have_prompt_timers, wait_for};
use crate::frame::{ProduceFrame, VERSION, position};
use crate::pace::wait_for_go;
use crate::produce::{check, join, spawn};
use crate::reader::{Asking, From, Reader};
use crate::report::{Times, own_cpu_seconds};
use crate::topic;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
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
    /// What is done with the answers.
    #[arg(long, default_value = "timed")]
    answers: Answers,
}

/// When the sender's answers are read.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Answers {
    /// Each as it comes, by a thread of its own, which tells how long it took.
    Timed,
    /// Now and then, many at once: nobody wakes up for them while the records are on their way to the reader.
    Later,
}

/// How long answers may lie when they are read later.
const NOW_AND_THEN: Duration = Duration::from_millis(100);
/// What stands in a record's value until it is due: room for that time, and for the time at which it was sent.
const PLACE: [u8; 16] = *b"\0due-at\0\0sent-at";
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
    let (lateness, answer_times, read) = std::thread::scope(|scope| -> Result<_> {
        let reading = spawn(scope, || read(reader, schedule, options.records_per_request))?;
        let answering = spawn(scope, || {
            let mut times = Times::new()?;
            for number in 0..schedule.requests {
                if options.answers == Answers::Later && !answers.has_read_ahead() {
                    std::thread::sleep(NOW_AND_THEN);
                }
                answers.receive(|frame| check(&decode::<ProduceRequest>(frame, VERSION)?))?;
                answered.store(number + 1, Ordering::Relaxed);
                if number >= schedule.uncounted && options.answers == Answers::Timed {
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
        "read": read.since_due.count(),
        "answer_ms": (options.answers == Answers::Timed).then(|| answer_times.json()),
        "end_to_end_ms": read.since_due.json(),
        "since_sent_ms": read.since_sent.json(),
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

    /// Request `number`, due and sent so many nanoseconds after the beginning.
    fn due(&mut self, number: u64, due: u64, sent: u64) -> &[u8] {
        for place in &self.places {
            self.frame.write(0, *place, &due.to_be_bytes());
            self.frame.write(0, *place + 8, &sent.to_be_bytes());
        }
        self.frame.seal(0);
        let partition = (number % self.partitions.unsigned_abs() as u64) as i32;
        self.frame.address(std::iter::once(partition))
    }
}

/// Sends all requests when they are due; how late it was itself.
fn send(mut sender: Sender, mut request: Template, schedule: Schedule) -> Result<Times> {
    let mut lateness = Times::new()?;
    have_prompt_timers()?;
    for number in 0..schedule.requests {
        let due = schedule.due(number);
        // What it is late counts for the broker's disadvantage, the same for all.
        let late = wait_for(due);
        if number >= schedule.uncounted {
            lateness.add(late);
        }
        let due = due - schedule.begin;
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos());
        sender.send(request.due(number, nanoseconds(due)?, nanoseconds(due + late)?))?;
    }
    Ok(lateness)
}

/// How long records took until they were read.
struct Came {
    since_due: Times,
    since_sent: Times,
}

/// Reads until every record has come.
fn read(mut reader: Reader, schedule: Schedule, per_request: u64) -> Result<Came> {
    let mut came = Came {
        since_due: Times::new()?,
        since_sent: Times::new()?,
    };
    let first_counted = schedule.due(schedule.uncounted) - schedule.begin;
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
            let now = schedule.begin.elapsed();
            for record in batch.records().context("it is not compressed")? {
                let value = record?.value.and_then(|value| value.first_chunk::<16>());
                let [due, sent] = times(value.context("a record of ours")?);
                if due >= first_counted {
                    came.since_due.add(now.saturating_sub(due));
                    came.since_sent.add(now.saturating_sub(sent));
                }
            }
            Ok(())
        })?;
        count += read.records;
    }
    Ok(came)
}

/// When a record was due and when it was sent, after the beginning.
fn times(value: &[u8; 16]) -> [Duration; 2] {
    let (due, sent) = value.split_at(8);
    [due, sent].map(|bytes| Duration::from_nanos(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
}
