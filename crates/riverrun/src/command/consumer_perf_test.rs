//! `riverrun consumer-perf-test`, Kafka's `kafka-consumer-perf-test`: reads records as fast as they come, and measures.

use super::connection::{ClientProperties, LOCAL};
use super::options::{BadFlags, Options, Refusal, Syntax, switch, valued};
use super::{Form, Invocation};
use base::{Clock, Timestamp, TopicPartition};
use client::consume::{Consumer, ConsumerSettings, StartAt};
use client::{Applied, Cluster, Settings, Topics};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Help,
    purpose: "This tool is used to verify the consumer performance.",
    flags: &[
        valued(
            "bootstrap-server",
            "server to connect to",
            "The brokers to ask first, as HOST:PORT,HOST:PORT.",
        ),
        valued("command-config", "config file", "Consumer properties."),
        valued(
            "command-property",
            "prop1=val1",
            "A consumer property; may be repeated.",
        ),
        valued("consumer.config", "config file", "The old name of --command-config."),
        valued(
            "fetch-size",
            "Integer: size",
            "Bytes to fetch of one partition at a time (1048576).",
        ),
        switch("from-latest", "Begin at the end, not at the first record."),
        valued(
            "group",
            "gid",
            "Accepted for Kafka's sake: this consumer names its partitions itself.",
        ),
        switch("hide-header", "Leave the header out."),
        valued("messages", "Long: count", "The old name of --num-records."),
        valued("num-records", "Long: count", "How many records to read."),
        valued(
            "reporting-interval",
            "Long: interval_ms",
            "How often details are printed (5000).",
        ),
        switch("show-detailed-stats", "Print a line for each interval."),
        valued(
            "timeout",
            "Long: milliseconds",
            "Stop when no record has come for so long (10000).",
        ),
        valued("topic", "topic", "The topic."),
    ],
};

/// How long one wait for records lasts.
const TURN: Duration = Duration::from_millis(100);

struct Plan {
    topic: String,
    records: u64,
    idle: Duration,
    interval: Duration,
    start: StartAt,
    details: Details,
}

/// Whether a line is printed for each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Details {
    Shown,
    Hidden,
}

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    SYNTAX.run(call, |options, form| {
        let plan = plan(options, form)?;
        let (settings, consuming) = settings(options, form)?;
        if !options.has("hide-header") {
            let first = if plan.details == Details::Shown {
                "time, threadId"
            } else {
                "start.time, end.time"
            };
            println!(
                "{first}, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, \
                 fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
            );
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(measure(settings, consuming, &plan))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn plan(options: &Options, form: Form) -> Result<Plan, Refusal> {
    if form == Form::Script {
        options.require(&["bootstrap-server"])?;
    }
    options.require(&["topic"])?;
    let records = options
        .number::<u64>("num-records")?
        .or(options.number::<u64>("messages")?);
    let Some(records) = records else {
        let message = "Exactly one of the following arguments is required: [num-records], [messages]";
        return Err(Refusal::WithHelp(message.to_owned()));
    };
    let millis = |name, otherwise| {
        options
            .number::<u64>(name)
            .map(|given| Duration::from_millis(given.unwrap_or(otherwise)))
    };
    Ok(Plan {
        topic: options.value("topic")?.unwrap_or_default().to_owned(),
        records,
        idle: millis("timeout", 10_000)?,
        interval: millis("reporting-interval", 5000)?,
        start: if options.has("from-latest") {
            StartAt::Latest
        } else {
            StartAt::Earliest
        },
        details: if options.has("show-detailed-stats") {
            Details::Shown
        } else {
            Details::Hidden
        },
    })
}

fn settings(options: &Options, form: Form) -> anyhow::Result<(Settings, ConsumerSettings)> {
    let mut properties = match options.value("consumer.config")?.or(options.value("command-config")?) {
        Some(path) => ClientProperties::from_file(path)?,
        None => ClientProperties::default(),
    };
    properties.add_arguments(options.values("command-property"));
    let addresses = options
        .value("bootstrap-server")?
        .or((form == Form::Subcommand).then_some(LOCAL));
    properties.set("bootstrap.servers", addresses.unwrap_or_default());
    properties.set(
        "max.partition.fetch.bytes",
        options.value("fetch-size")?.unwrap_or("1048576"),
    );
    if properties.get("client.id").is_none() {
        properties.set("client.id", "perf-consumer-client");
    }
    // Kafka's tool does not check them either.
    if properties.get("check.crcs").is_none() {
        properties.set("check.crcs", "false");
    }
    let mut settings = Settings::new(LOCAL)?;
    let mut consuming = ConsumerSettings::default();
    properties.apply(|key, value| match settings.apply(key, value)? {
        Applied::Unknown => consuming.apply(key, value),
        applied => Ok(applied),
    })?;
    Ok((settings, consuming))
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    records: u64,
    bytes: u64,
}

async fn measure(settings: Settings, consuming: ConsumerSettings, plan: &Plan) -> anyhow::Result<()> {
    let clock = base::clock::SystemClock::new();
    let (started_wall, started) = (clock.wall(), Instant::now());
    let cluster = Cluster::new(settings);
    let mut consumer = Consumer::new(cluster.clone(), consuming);
    let name = [plan.topic.clone()];
    let topic = cluster.topic(Topics::NamedOrCreated(&name), plan.idle).await?;
    let topic_name: Arc<str> = plan.topic.as_str().into();
    for partition in &topic.partitions {
        consumer.add(
            TopicPartition::new(Arc::clone(&topic_name), partition.index),
            plan.start,
        );
    }
    let mut assigned = started.elapsed();
    let mut total = Counted::default();
    let mut reported = (Counted::default(), Instant::now());
    let mut last_record = Instant::now();
    while total.records < plan.records && last_record.elapsed() <= plan.idle {
        let chunks = consumer.poll(TURN).await?;
        let now = Instant::now();
        if !chunks.is_empty() {
            last_record = now;
        }
        for record in chunks
            .iter()
            .flat_map(|chunk| &chunk.blocks)
            .flat_map(|block| block.records())
        {
            total.records += 1;
            total.bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
        }
        if now.duration_since(reported.1) >= plan.interval {
            if plan.details == Details::Shown {
                println!("{}", interval_line(clock.wall(), total, reported, now, assigned));
                assigned = Duration::ZERO;
            }
            reported = (total, now);
        }
    }
    if total.records < plan.records {
        println!(
            "WARNING: Exiting before consuming the expected number of messages: timeout ({} ms) exceeded. You can use \
             the --timeout option to increase the timeout.",
            plan.idle.as_millis()
        );
    }
    if plan.details == Details::Hidden {
        println!(
            "{}",
            total_line(started_wall, clock.wall(), total, started.elapsed(), assigned)
        );
    }
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

fn total_line(started: Timestamp, ended: Timestamp, total: Counted, elapsed: Duration, assigned: Duration) -> String {
    let fetching = elapsed.saturating_sub(assigned);
    let rate = |amount: f64, time: Duration| amount / time.as_secs_f64().max(1e-3);
    let (megabytes, records) = (mebibytes(total.bytes), total.records as f64);
    format!(
        "{}, {}, {megabytes:.4}, {:.4}, {}, {:.4}, {}, {}, {:.4}, {:.4}",
        date(started),
        date(ended),
        rate(megabytes, elapsed),
        total.records,
        rate(records, elapsed),
        assigned.as_millis(),
        fetching.as_millis(),
        rate(megabytes, fetching),
        rate(records, fetching)
    )
}

fn interval_line(
    now_wall: Timestamp,
    total: Counted,
    (last, since): (Counted, Instant),
    now: Instant,
    assigned: Duration,
) -> String {
    let elapsed = now.duration_since(since);
    let fetching = elapsed.saturating_sub(assigned);
    let rate = |amount: f64, time: Duration| {
        if time.is_zero() {
            0.0
        } else {
            amount / time.as_secs_f64()
        }
    };
    let (megabytes, records) = (
        mebibytes(total.bytes - last.bytes),
        (total.records - last.records) as f64,
    );
    format!(
        "{}, 0, {:.4}, {:.4}, {}, {:.4}, {}, {}, {:.4}, {:.4}",
        date(now_wall),
        mebibytes(total.bytes),
        rate(megabytes, elapsed),
        total.records,
        rate(records, elapsed),
        assigned.as_millis(),
        fetching.as_millis(),
        rate(megabytes, fetching),
        rate(records, fetching)
    )
}

/// `yyyy-MM-dd HH:mm:ss:SSS`, in UTC.
fn date(timestamp: Timestamp) -> String {
    let (days, millis) = (timestamp.0.div_euclid(86_400_000), timestamp.0.rem_euclid(86_400_000));
    // Years begin in March here, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let seconds = millis / 1000;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}:{:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        millis % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        let cases = [
            (0, "1970-01-01 00:00:00:000"),
            (951_782_400_000, "2000-02-29 00:00:00:000"),
            (1_709_251_199_999, "2024-02-29 23:59:59:999"),
            (1_795_340_181_580, "2026-11-22 09:36:21:580"),
        ];
        for (millis, shown) in cases {
            assert_eq!(date(Timestamp(millis)), shown);
        }
    }

    #[test]
    fn the_total_is_in_kafkas_form() {
        let total = Counted {
            records: 1000,
            bytes: 1 << 20,
        };
        let (elapsed, assigned) = (Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!(
            total_line(Timestamp(0), Timestamp(2000), total, elapsed, assigned),
            "1970-01-01 00:00:00:000, 1970-01-01 00:00:02:000, 1.0000, 0.5000, 1000, 500.0000, 1000, 1000, 1.0000, \
             1000.0000"
        );
    }
}
