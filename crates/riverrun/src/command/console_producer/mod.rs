//! `riverrun console-producer`, Kafka's `kafka-console-producer`: a record for each line of stdin.

mod lines;
mod record;

use super::connection::{ClientProperties, LOCAL};
use super::options::{Argument, BadFlags, Flag, Options, Refusal, Syntax, switch, valued};
use super::{Form, Invocation, progress};
use anyhow::Context;
use client::produce::{NewRecord, Producer, ProducerSettings, Receipt, RecordHeader};
use client::{Address, Applied, ClientError, Cluster, Settings};
use record::LineReader;
use std::collections::VecDeque;
use std::process::ExitCode;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Help,
    purpose: "This tool helps to read data from standard input and publish it to Kafka.",
    flags: &[
        valued(
            "batch-size",
            "Integer: size",
            "Bytes of a batch before it is sent at once (16384).",
        ),
        valued(
            "bootstrap-server",
            "server to connect to",
            "The brokers to ask first, as HOST:PORT,HOST:PORT.",
        ),
        valued("command-config", "config file", "Producer properties."),
        valued(
            "command-property",
            "producer_prop",
            "A producer property as key=value; may be repeated.",
        ),
        Flag {
            name: "compression-codec",
            argument: Argument::Optional("compression-codec"),
            help: "none, gzip (if no codec is named), snappy, lz4 or zstd.",
        },
        valued(
            "line-reader",
            "reader_class",
            "How lines become records; org.apache.kafka.tools.LineMessageReader.",
        ),
        valued("max-block-ms", "Long", "How long adding a record may wait (60000)."),
        valued("max-memory-bytes", "Long", "Bytes of records that may wait (33554432)."),
        valued("max-partition-memory-bytes", "Integer", "The old name of --batch-size."),
        valued(
            "message-send-max-retries",
            "Integer",
            "How often a batch is sent again (3).",
        ),
        valued(
            "metadata-expiry-ms",
            "Long",
            "How long the picture of the cluster is believed (300000).",
        ),
        valued(
            "producer-property",
            "producer_prop",
            "The old name of --command-property.",
        ),
        valued("producer.config", "config file", "The old name of --command-config."),
        valued("property", "prop", "The old name of --reader-property."),
        valued("reader-config", "config file", "Properties of the line reader."),
        valued(
            "reader-property",
            "prop",
            "parse.key, key.separator (tab), parse.headers, headers.delimiter (tab), headers.separator (,), \
             headers.key.separator (:), ignore.error, null.marker; as key=value; may be repeated.",
        ),
        valued(
            "request-required-acks",
            "String",
            "Replicas that must have a record: 0, 1 or all (-1).",
        ),
        valued("request-timeout-ms", "Integer", "How long an answer may take (1500)."),
        valued(
            "retry-backoff-ms",
            "Long",
            "The pause before a batch is sent again (100).",
        ),
        valued(
            "socket-buffer-size",
            "Integer: size",
            "The socket's send buffer; left to the operating system here.",
        ),
        switch("sync", "Wait for each record before the next."),
        valued(
            "timeout",
            "Long: timeout_ms",
            "How long a batch waits for more records (1000).",
        ),
        valued("topic", "topic", "The topic."),
    ],
};

/// Records that may be on their way before their receipts are looked at.
const UNDER_WAY: usize = 100_000;

/// Old names of flags, and the new ones.
const RENAMED: [(&str, &str); 3] = [
    ("producer-property", "command-property"),
    ("producer.config", "command-config"),
    ("property", "reader-property"),
];

/// Runs the tool.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    SYNTAX.run(call, |options, form| {
        check(options, form)?;
        let (settings, producing) = settings(options, form)?;
        let reader = LineReader::new(&reader_properties(options)?)?;
        let topic = options.value("topic")?.unwrap_or_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let waiting = if options.has("sync") {
            Waiting::ForEach
        } else {
            Waiting::AtTheEnd
        };
        let done = runtime.block_on(produce(settings, producing, reader, topic, waiting));
        runtime.shutdown_background();
        done?;
        Ok(ExitCode::SUCCESS)
    })
}

/// When the fate of records is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    ForEach,
    AtTheEnd,
}

fn check(options: &Options, form: Form) -> Result<(), Refusal> {
    options.require(&["topic"])?;
    for (old, new) in RENAMED {
        if options.has(old) && options.has(new) {
            let message = format!("Options --{new} and --{old} cannot be specified together.");
            return Err(Refusal::WithHelp(message));
        }
        if options.has(old) {
            println!("Warning: --{old} is deprecated and will be removed in a future version. Use --{new} instead.");
        }
    }
    if options.has("max-partition-memory-bytes") {
        println!(
            "Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache Kafka 5.0. Use \
             --batch-size instead."
        );
    }
    let addresses = options.value("bootstrap-server")?;
    let valid = |text: &str| text.split(',').all(|address| address.parse::<Address>().is_ok());
    match addresses {
        None if form == Form::Script => Err(Refusal::WithHelp(String::from(
            "Error while validating the bootstrap address\n",
        ))),
        Some(addresses) if !valid(addresses) => Err(Refusal::WithHelp(format!(
            "Please provide valid host:port like host1:9091,host2:9092\n : {addresses}"
        ))),
        _ => Ok(()),
    }
}

/// Flags that set a property, with the property's value if neither is given.
const MERGED: [(&str, &str, &str); 9] = [
    ("timeout", "linger.ms", "1000"),
    ("request-required-acks", "acks", "-1"),
    ("request-timeout-ms", "request.timeout.ms", "1500"),
    ("message-send-max-retries", "retries", "3"),
    ("retry-backoff-ms", "retry.backoff.ms", "100"),
    ("max-memory-bytes", "buffer.memory", "33554432"),
    ("batch-size", "batch.size", "16384"),
    ("metadata-expiry-ms", "metadata.max.age.ms", "300000"),
    ("max-block-ms", "max.block.ms", "60000"),
];

/// Numbers are checked as such, in the words of Kafka's scripts.
const NUMBERS: [&str; 9] = [
    "timeout",
    "request-timeout-ms",
    "message-send-max-retries",
    "retry-backoff-ms",
    "max-memory-bytes",
    "batch-size",
    "max-partition-memory-bytes",
    "metadata-expiry-ms",
    "max-block-ms",
];

fn settings(options: &Options, form: Form) -> anyhow::Result<(Settings, ProducerSettings)> {
    for name in NUMBERS {
        options.number::<i64>(name)?;
    }
    let mut properties = match options.value("producer.config")?.or(options.value("command-config")?) {
        Some(path) => ClientProperties::from_file(path)?,
        None => ClientProperties::default(),
    };
    properties.add_arguments(
        options
            .values("producer-property")
            .chain(options.values("command-property")),
    );
    let addresses = options
        .value("bootstrap-server")?
        .or((form == Form::Subcommand).then_some(LOCAL));
    properties.set("bootstrap.servers", addresses.context("no bootstrap server")?);
    let codec = options
        .has("compression-codec")
        .then(|| options.value("compression-codec"));
    let codec = codec.transpose()?.map_or("none", |codec| codec.unwrap_or("gzip"));
    properties.set("compression.type", codec);
    if properties.get("client.id").is_none() {
        properties.set("client.id", "console-producer");
    }
    for (flag, key, otherwise) in MERGED {
        match options.value(flag)? {
            Some(value) => properties.set(key, value),
            None if properties.get(key).is_none() => properties.set(key, otherwise),
            None => {}
        }
    }
    if let Some(value) = options.value("max-partition-memory-bytes")? {
        properties.set("batch.size", value);
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

fn reader_properties(options: &Options) -> anyhow::Result<ClientProperties> {
    if let Some(class) = options.value("line-reader")?
        && class != "org.apache.kafka.tools.LineMessageReader"
    {
        anyhow::bail!(
            "the line reader {class} is a Java class; only org.apache.kafka.tools.LineMessageReader is built in"
        );
    }
    let mut properties = match options.value("reader-config")? {
        Some(path) => ClientProperties::from_file(path)?,
        None => ClientProperties::default(),
    };
    properties.add_arguments(options.values("property").chain(options.values("reader-property")));
    Ok(properties)
}

async fn produce(
    settings: Settings,
    producing: ProducerSettings,
    reader: LineReader,
    topic: &str,
    waiting: Waiting,
) -> anyhow::Result<()> {
    let producer = Producer::start(Cluster::new(settings), producing);
    let mut under_way = VecDeque::new();
    let read = send_lines(&producer, &reader, topic, waiting, &mut under_way).await;
    // What was read before an error is still sent, as by Kafka's script.
    progress::shown("sending what is left", producer.flush()).await;
    while let Some(sent) = under_way.pop_front() {
        report(topic, &sent);
    }
    producer.close().await;
    read
}

/// A record on its way, and how large it was.
struct Sent {
    receipt: Receipt,
    key: Option<usize>,
    value: Option<usize>,
}

async fn send_lines(
    producer: &Producer,
    reader: &LineReader,
    topic: &str,
    waiting: Waiting,
    under_way: &mut VecDeque<Sent>,
) -> anyhow::Result<()> {
    let mut lines = lines::read_stdin();
    let mut number = 0_u64;
    while let Some(group) = lines.recv().await {
        for line in group? {
            number += 1;
            let parsed = reader.parse(&line, number)?;
            let headers: Vec<_> = parsed
                .headers
                .iter()
                .map(|(key, value)| RecordHeader { key, value: *value })
                .collect();
            let record = NewRecord {
                key: parsed.key,
                value: parsed.value,
                headers: &headers,
                ..NewRecord::default()
            };
            let (key, value) = (parsed.key.map(<[u8]>::len), parsed.value.map(<[u8]>::len));
            match (producer.send(topic, &record).await, waiting) {
                (Ok(receipt), Waiting::ForEach) => _ = receipt.delivered().await?,
                (Ok(receipt), Waiting::AtTheEnd) => {
                    under_way.push_back(Sent { receipt, key, value });
                    look_back(topic, under_way).await;
                }
                (Err(error), Waiting::ForEach) => return Err(error.into()),
                (Err(error), Waiting::AtTheEnd) => complain(topic, key, value, &error),
            }
        }
    }
    Ok(())
}

/// Reports what is settled, and waits if too much is not.
async fn look_back(topic: &str, under_way: &mut VecDeque<Sent>) {
    if under_way.len() > UNDER_WAY
        && let Some(oldest) = under_way.front()
    {
        drop(oldest.receipt.delivered().await);
    }
    while under_way.front().is_some_and(|sent| sent.receipt.peek().is_some()) {
        if let Some(sent) = under_way.pop_front() {
            report(topic, &sent);
        }
    }
}

fn report(topic: &str, sent: &Sent) {
    if let Some(Err(error)) = sent.receipt.peek() {
        complain(topic, sent.key, sent.value, &error);
    }
}

/// A record that could not be written is no reason to stop, says Kafka's script.
fn complain(topic: &str, key: Option<usize>, value: Option<usize>, error: &ClientError) {
    let size = |bytes: Option<usize>| bytes.map_or_else(|| String::from("null"), |bytes| format!("{bytes} bytes"));
    eprintln!(
        "ERROR Error when sending message to topic {topic} with key: {}, value: {} with error: {error}",
        size(key),
        size(value)
    );
}
