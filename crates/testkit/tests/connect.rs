//! Kafka Connect, unmodified, in distributed mode: its three internal topics are here, a file goes in and comes out while
//! the broker is killed, and the worker is started again.
//!
//! With `RIVERRUN_STORIES_OF=kafka` in the environment the broker is Apache Kafka, which proves the test.

mod connect {
    pub mod http;
}

use anyhow::{Result, ensure};
use connect::http;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testkit::port::free_ports;
use testkit::process::{Process, tail};
use testkit::{Cluster, Settings, Talk, chosen, committed, java};

const TOPIC: &str = "file-lines";
/// How long a worker may take to start or to find its feet, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A worker, its files and its address.
struct Worker {
    process: Process,
    address: String,
    dir: PathBuf,
}

impl Worker {
    fn start(broker: &dyn Cluster, dir: &Path) -> Worker {
        let [port] = free_ports().expect("a free port");
        let address = format!("127.0.0.1:{port}");
        let plugins = dir.join("plugins");
        std::fs::create_dir_all(&plugins).expect("a temporary directory");
        let settings = [
            ("bootstrap.servers", broker.bootstrap()),
            ("group.id", "connect"),
            ("listeners", &format!("http://{address}")),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("config.storage.topic", "connect-configs"),
            ("offset.storage.topic", "connect-offsets"),
            ("status.storage.topic", "connect-status"),
            ("config.storage.replication.factor", "-1"),
            ("offset.storage.replication.factor", "-1"),
            ("status.storage.replication.factor", "-1"),
            ("offset.storage.partitions", "3"),
            ("status.storage.partitions", "2"),
            ("offset.flush.interval.ms", "500"),
            ("exactly.once.source.support", "enabled"),
            ("scheduled.rebalance.max.delay.ms", "0"),
            ("heartbeat.interval.ms", "500"),
            ("session.timeout.ms", "10000"),
            ("plugin.discovery", "service_load"),
            // Everything is on the class path.
            ("plugin.path", &plugins.display().to_string()),
        ];
        let text: String = settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        let file = dir.join("worker.properties");
        std::fs::write(&file, text).expect("a temporary directory");
        let mut java = java::java_with(&["-Xmx512m"], &[]).expect("Kafka is installed");
        java.arg("org.apache.kafka.connect.cli.ConnectDistributed").arg(file);
        let process = Process::start(&mut java, &dir.join("worker.log")).expect("the worker starts");
        Worker {
            process,
            address,
            dir: dir.to_owned(),
        }
    }

    /// Asks until the condition holds of the answer.
    fn until(&mut self, what: &str, mut done: impl FnMut(&Worker) -> Result<bool>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let last = match done(self) {
                Ok(true) => return,
                Ok(false) => String::new(),
                Err(error) => format!("{error:#}"),
            };
            let ended = self.process.ended().expect("a child");
            if ended.is_some() || Instant::now() > deadline {
                panic!(
                    "{what}: {last}, the worker {ended:?} said:\n{}",
                    tail(&self.dir.join("worker.log"))
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes or changes a connector.
    fn configure(&mut self, name: &str, class: &str, file: &Path, topics: &str) {
        let config = format!(
            r#"{{"connector.class": "org.apache.kafka.connect.file.{class}", "tasks.max": "1", "file": "{}", "{topics}": "{TOPIC}"}}"#,
            file.display()
        );
        self.until(&format!("{name} is configured"), |worker| {
            let (status, body) = http::ask(&worker.address, "PUT", &format!("/connectors/{name}/config"), &config)?;
            // 409: a rebalance is under way.
            ensure!([200, 201, 409, 404, 503].contains(&status), "{status}: {body}");
            Ok(status == 200 || status == 201)
        });
    }

    fn is_running(&mut self, name: &str) {
        self.until(&format!("{name} runs"), |worker| {
            let (_, body) = http::ask(&worker.address, "GET", &format!("/connectors/{name}/status"), "")?;
            ensure!(!body.contains("FAILED"), "{body}");
            Ok(body.matches("RUNNING").count() == 2)
        });
    }
}

fn lines(from: usize, to: usize) -> String {
    (from..to)
        .map(|number| format!("line {number} of the file\n"))
        .collect()
}

fn append(file: &Path, text: &str) {
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(file)
        .expect("a temporary directory");
    file.write_all(text.as_bytes()).expect("a temporary directory");
}

#[test]
fn a_file_comes_out_as_it_went_in_though_the_broker_is_killed() {
    let dir = tempfile::TempDir::with_prefix("riverrun-connect-").expect("a temporary directory");
    let settings = Settings::default()
        .with("transaction.state.log.num.partitions", 4)
        .with("broker.session.timeout.ms", 2_000)
        .with("broker.heartbeat.interval.ms", 500);
    let mut broker = chosen::start(&settings).expect("the broker starts");
    Talk::to(&*broker)
        .expect("the broker accepts")
        .create_topic(TOPIC, 1, &[])
        .expect("a new topic");
    let (source, sink) = (dir.path().join("source"), dir.path().join("sink"));
    let copied = |wanted: usize| {
        let sink = sink.clone();
        move |_: &Worker| Ok(sink.exists() && std::fs::read_to_string(&sink)?.ends_with(&lines(wanted - 1, wanted)))
    };
    let mut worker = Worker::start(&*broker, dir.path());
    worker.configure("source", "FileStreamSourceConnector", &source, "topic");
    worker.configure("sink", "FileStreamSinkConnector", &sink, "topics");
    worker.is_running("source");
    worker.is_running("sink");
    append(&source, &lines(0, 1_000));
    worker.until("a file is copied", copied(1_000));
    append(&source, &lines(1_000, 2_000));
    broker.kill9().expect("it dies");
    append(&source, &lines(2_000, 3_000));
    broker.restart().expect("it starts again");
    worker.until("what was written meanwhile is copied", copied(3_000));
    let stopped = worker.process.terminate();
    stopped.unwrap_or_else(|error| panic!("the worker stops: {error:#}"));
    let by_first = std::fs::read_to_string(&sink).expect("the sink's file");
    append(&source, &lines(3_000, 4_000));
    let mut worker = Worker::start(&*broker, dir.path());
    worker.until("the rest is copied by another worker", copied(4_000));
    worker.is_running("source");
    worker.is_running("sink");
    same("what the topic has", &topic(&*broker), &lines(0, 4_000));
    // A sink that was thrown out of its group while the broker was away goes back to what it committed last.
    same("what the first worker copied", &once(&by_first), &lines(0, 3_000));
    let found = std::fs::read_to_string(&sink).expect("the sink's file");
    let by_second = found.strip_prefix(&by_first).expect("a file that only grows");
    same("what the second worker copied", by_second, &lines(3_000, 4_000));
}

/// The committed records.
fn topic(broker: &dyn Cluster) -> String {
    let found = committed::records(broker, TOPIC, 4_000).expect("a readable topic");
    found.into_iter().map(|record| record.value + "\n").collect()
}

/// The text without lines that were there before.
fn once(text: &str) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let fresh = text.lines().filter(|line| seen.insert(*line));
    fresh.map(|line| format!("{line}\n")).collect()
}

fn same(what: &str, found: &str, wanted: &str) {
    let other = wanted
        .lines()
        .zip(found.lines())
        .find(|(wanted, found)| wanted != found);
    assert!(
        found == wanted,
        "{what}: {} lines instead of {}; the first difference: {other:?}",
        found.lines().count(),
        wanted.lines().count()
    );
}
