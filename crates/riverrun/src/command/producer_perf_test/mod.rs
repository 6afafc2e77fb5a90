//! `riverrun producer-perf-test`, Kafka's `kafka-producer-perf-test`: sends records as fast as asked for, and measures.

mod payload;
mod statistics;

use super::connection::ClientProperties;
use super::options::{BadFlags, Options, Refusal, Syntax, switch, valued};
use super::{Form, Invocation, connection::LOCAL};
use client::produce::{NewRecord, Producer, ProducerSettings, Receipt};
use client::{Applied, Cluster, Settings};
use payload::Payload;
use statistics::Statistics;
use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::Instant;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "This tool is used to verify the producer performance.",
    flags: &[
        valued(
            "bootstrap-server",
            "BOOTSTRAP-SERVER",
            "The brokers to ask first, as HOST:PORT,HOST:PORT.",
        ),
        valued("command-config", "CONFIG-FILE", "Producer properties."),
        valued(
            "command-property",
            "PROP-NAME=PROP-VALUE ...",
            "Producer properties, one or several.",
        ),
        valued("num-records", "NUM-RECORDS", "How many records to send."),
        valued(
            "payload-delimiter",
            "DELIMITER",
            "What separates the payloads of the file (a new line).",
        ),
        valued(
            "payload-file",
            "PAYLOAD-FILE",
            "A file of payloads; each record has one of them.",
        ),
        switch("payload-monotonic", "Each record holds its number."),
        valued(
            "producer-props",
            "PROP-NAME=PROP-VALUE ...",
            "The old name of --command-property.",
        ),
        valued("producer.config", "CONFIG-FILE", "The old name of --command-config."),
        valued(
            "record-size",
            "RECORD-SIZE",
            "The size of each record's value in bytes.",
        ),
        valued(
            "reporting-interval",
            "INTERVAL-MS",
            "How often progress is printed (5000).",
        ),
        valued("throughput", "THROUGHPUT", "Records a second at most; -1 for no limit."),
        valued("topic", "TOPIC", "The topic."),
        valued(
            "warmup-records",
            "WARMUP-RECORDS",
            "Records at the start that do not count as steady state (0).",
        ),
    ],
};

/// How many records are handed over before the runtime has its turn.
const TURN: u64 = 64;

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    SYNTAX.run(call, |options, form| {
        let plan = Plan::read(options)?;
        let (settings, producing) = settings(options, form)?;
        let payload = Payload::read(options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let failed = runtime.block_on(measure(settings, producing, &plan, payload))?;
        Ok(if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

struct Plan {
    topic: String,
    records: u64,
    per_second: Option<f64>,
    warmup: u64,
    interval: Duration,
}

impl Plan {
    fn read(options: &Options) -> Result<Self, Refusal> {
        for name in ["topic", "num-records", "throughput"] {
            if !options.has(name) {
                return refuse(&format!("argument --{name} is required"));
            }
        }
        let payloads = ["record-size", "payload-file", "payload-monotonic"];
        if payloads.iter().filter(|name| options.has(name)).count() != 1 {
            return refuse("exactly one of --record-size, --payload-file or --payload-monotonic is required");
        }
        let records = options.number::<u64>("num-records")?.unwrap_or(0);
        if records == 0 {
            return refuse("--num-records should be greater than zero");
        }
        let warmup = options.number::<u64>("warmup-records")?.unwrap_or(0);
        if warmup >= records {
            return refuse(
                "The value for --warmup-records must be strictly fewer than the number of records in the test, --num-records.",
            );
        }
        let interval = options.number::<u64>("reporting-interval")?.unwrap_or(5000);
        Ok(Self {
            topic: options.value("topic")?.unwrap_or_default().to_owned(),
            records,
            per_second: options.number::<f64>("throughput")?.filter(|rate| *rate > 0.0),
            warmup,
            interval: Duration::from_millis(interval.max(1)),
        })
    }
}

fn refuse<T>(message: &str) -> Result<T, Refusal> {
    Err(Refusal::Plain(format!("kafka-producer-perf-test: error: {message}")))
}

fn settings(options: &Options, form: Form) -> anyhow::Result<(Settings, ProducerSettings)> {
    let mut properties = match options.value("producer.config")?.or(options.value("command-config")?) {
        Some(path) => ClientProperties::from_file(path)?,
        None => ClientProperties::default(),
    };
    // One flag takes several properties: those after the first belong to no flag.
    let pairs = options
        .values("producer-props")
        .chain(options.values("command-property"));
    for pair in pairs.chain(options.rest.iter().map(String::as_str)) {
        let Some((key, value)) = pair.split_once('=') else {
            anyhow::bail!("Invalid property: {pair}");
        };
        properties.set(key, value);
    }
    if let Some(addresses) = options.value("bootstrap-server")? {
        properties.set("bootstrap.servers", addresses);
    }
    if properties.get("bootstrap.servers").is_none() {
        if form == Form::Script {
            refuse::<()>(
                "At least one of --bootstrap-server, --command-property, --producer-props, --producer.config or \
                 --command-config must be specified.",
            )?;
        }
        properties.set("bootstrap.servers", LOCAL);
    }
    if properties.get("client.id").is_none() {
        properties.set("client.id", "perf-producer-client");
    }
    let mut settings = Settings::new(LOCAL)?;
    let mut producing = ProducerSettings::default();
    properties.apply(|key, value| match settings.apply(key, value)? {
        Applied::Unknown => producing.apply(key, value),
        applied => Ok(applied),
    })?;
    producing.check()?;
    Ok((settings, producing))
}

/// Records on their way, by partition, since those of one partition settle in order.
#[derive(Default)]
struct UnderWay(Vec<VecDeque<(Instant, usize, Receipt)>>);

impl UnderWay {
    fn push(&mut self, sent: Instant, size: usize, receipt: Receipt) {
        let index = usize::try_from(receipt.partition()).unwrap_or(0);
        if self.0.len() <= index {
            self.0.resize_with(index + 1, VecDeque::new);
        }
        self.0[index].push_back((sent, size, receipt));
    }

    /// Counts what is settled.
    fn collect(&mut self, statistics: &mut Statistics) {
        for queue in &mut self.0 {
            while let Some(at) = queue.front().and_then(|(_, _, receipt)| receipt.settled_at()) {
                if let Some((sent, size, receipt)) = queue.pop_front() {
                    match receipt.peek() {
                        Some(Err(error)) => statistics.fail(&error.to_string()),
                        _ => statistics.add(at.duration_since(sent), size, at),
                    }
                }
            }
        }
    }
}

async fn measure(
    settings: Settings,
    producing: ProducerSettings,
    plan: &Plan,
    mut payload: Payload,
) -> anyhow::Result<u64> {
    let producer = Producer::start(Cluster::new(settings), producing);
    let started = Instant::now();
    let mut statistics = Statistics::new(plan.records, plan.warmup, plan.interval);
    let mut under_way = UnderWay::default();
    for number in 0..plan.records {
        if let Some(rate) = plan.per_second {
            throttle(started, number, rate).await;
        }
        let value = payload.next(number);
        let sent = Instant::now();
        let record = NewRecord {
            value: Some(value),
            ..NewRecord::default()
        };
        let receipt = producer.send(&plan.topic, &record).await?;
        under_way.push(sent, value.len(), receipt);
        if number % TURN == TURN - 1 {
            tokio::task::yield_now().await;
            under_way.collect(&mut statistics);
        }
    }
    producer.flush().await;
    under_way.collect(&mut statistics);
    statistics.print_total();
    producer.close().await;
    Ok(statistics.failed())
}

/// Waits until record `number` is due; short waits are left to add up.
async fn throttle(started: Instant, number: u64, rate: f64) {
    let due = started + Duration::from_secs_f64(number as f64 / rate);
    if due > Instant::now() + Duration::from_millis(1) {
        tokio::time::sleep_until(due).await;
    }
}
