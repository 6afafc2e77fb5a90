//! `riverrun serve` as its operator sees it: first start, stop, haste, mistakes.

use anyhow::{Context, Result, ensure};
use protocol::messages::fetch_request::FetchRequest;
use rustix::process::{Pid, Signal};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use tempfile::TempDir;
use testkit::process::{Process, tail};
use testkit::talk::{LATEST, batch_of, eventually, fetch_request};
use testkit::{Cluster, Maker, Settings, SingleNode, Talk, dependencies};

/// What Kafka's distribution ships as config/server.properties, without its comments.
const KAFKAS_SERVER_PROPERTIES: &str = "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";

/// Ports that the operating system chooses.
const ANY_PORTS: [&str; 4] = [
    "--set",
    "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
    "--set",
    "advertised.listeners=PLAINTEXT://127.0.0.1:0",
];

/// A program in a folder of its own.
struct Program {
    home: TempDir,
    process: Process,
}

impl Program {
    fn command(home: &Path, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(dependencies::riverrun()?);
        command.args(args).current_dir(home);
        for name in ["RIVERRUN_TEST_DEPS", "RIVERRUN_BIN", "RIVERRUN_STORIES_OF"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    fn serve(home: TempDir, args: &[&str]) -> Result<Program> {
        let mut command = Program::command(home.path(), &["serve"])?;
        command.args(args);
        let process = Process::start(&mut command, &home.path().join("output"))?;
        Ok(Program { home, process })
    }

    fn output(&self) -> String {
        tail(&self.home.path().join("output"))
    }

    /// Waits for the ready line and answers the address in it.
    fn address(&mut self) -> Result<String> {
        eventually("a ready line", || {
            let text = self.output();
            if let Some(status) = self.process.ended()? {
                anyhow::bail!("ended with {status}: {text}");
            }
            let line = text.lines().find(|line| line.contains(" is ready: listening on "));
            let address = line.and_then(|line| line.split("listening on ").nth(1)?.split(',').next());
            Ok(address.map(str::to_owned))
        })
    }

    fn signal(&self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.process.pid())?).context("a child has a positive pid")?;
        Ok(rustix::process::kill_process(pid, Signal::TERM)?)
    }

    fn end(&mut self) -> Result<ExitStatus> {
        eventually("its end", || self.process.ended())
    }
}

/// Runs a start that must fail, and answers what it said.
fn refused(home: &Path, args: &[&str]) -> Result<String> {
    let output = Program::command(home, &["serve"])?
        .args(args)
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "it started: {said}");
    ensure!(!said.contains("panicked"), "{said}");
    Ok(said)
}

#[test]
fn with_nothing_configured_it_formats_and_serves() -> Result<()> {
    let mut program = Program::serve(TempDir::new()?, &["--listen", "127.0.0.1:0"])?;
    let address = program.address()?;
    let data = program.home.path().join("riverrun-data");
    assert!(data.join("meta.properties").is_file(), "formatted");
    let mut talk = Talk::at(&address)?;
    talk.create_topic("t", 1, &[])?;
    talk.append("t", 0, 10)?;
    program.signal()?;
    assert_eq!(program.end()?.code(), Some(0));
    assert!(data.join(".kafka_cleanshutdown").is_file());

    let Program { home, .. } = program;
    std::fs::remove_file(home.path().join("output"))?;
    let mut program = Program::serve(home, &["--listen=127.0.0.1:0"])?;
    let address = program.address()?;
    assert_eq!(
        Talk::at(&address)?.offset("t", 0, LATEST)?,
        1,
        "the second start finds what the first wrote"
    );
    assert!(!data.join(".kafka_cleanshutdown").exists(), "the marker is used up");
    Ok(())
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() -> Result<()> {
    let mut program = Program::serve(TempDir::new()?, &["--listen", "127.0.0.1:0"])?;
    let address = program.address()?;
    let said = refused(program.home.path(), &["--listen", "127.0.0.1:0"])?;
    assert!(
        said.contains("riverrun-data") && said.contains("in use") || said.contains("another"),
        "{said}"
    );
    let port_taken = refused(TempDir::new()?.path(), &["--listen", &address])?;
    assert!(
        port_taken.contains(&address) && port_taken.contains("in use"),
        "{port_taken}"
    );
    Talk::at(&address)?.create_topic("t", 1, &[])?;
    Ok(())
}

#[test]
fn kafkas_own_properties_are_read_unchanged() -> Result<()> {
    let home = TempDir::new()?;
    std::fs::write(home.path().join("server.properties"), KAFKAS_SERVER_PROPERTIES)?;
    let data = format!("log.dirs={}", home.path().join("logs").display());
    let said = refused(
        home.path(),
        &[&["server.properties", "--override", data.as_str()][..], &ANY_PORTS].concat(),
    )?;
    assert!(
        said.contains("storage format"),
        "a file never formats by itself, and says what does: {said}"
    );

    let with_dirs = KAFKAS_SERVER_PROPERTIES.replace(
        "/tmp/kraft-combined-logs",
        &home.path().join("logs").display().to_string(),
    );
    std::fs::write(home.path().join("here.properties"), with_dirs)?;
    let id = "4L6g3nShT-eMCtK--X86sw";
    let args = ["storage", "format", "--standalone", "-t", id, "-c", "here.properties"];
    let formatted = Program::command(home.path(), &args)?.output()?;
    ensure!(
        formatted.status.success(),
        "{}",
        String::from_utf8_lossy(&formatted.stderr)
    );
    let args = [&["server.properties", "--override", data.as_str()][..], &ANY_PORTS].concat();
    let mut program = Program::serve(home, &args)?;
    let address = program.address()?;
    assert!(program.output().contains(id), "{}", program.output());
    Talk::at(&address)?.create_topic("t", 1, &[])?;
    Ok(())
}

#[test]
fn a_stop_answers_what_waits_and_loses_nothing() -> Result<()> {
    let mut broker = SingleNode::start(Maker::Riverrun, &Settings::default())?;
    let mut talk = Talk::to(&broker)?;
    talk.create_topic("t", 1, &[])?;
    talk.create_topic("quiet", 1, &[])?;
    let mut reader = Talk::to(&broker)?;
    reader.send(
        &FetchRequest {
            max_wait_ms: 28_000,
            ..fetch_request("quiet", 0, 0)
        },
        12,
    )?;
    let (said, hears) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        let mut answered = 0;
        while let Ok(answer) = talk.produce("t", 0, -1, batch_of(100).encode()) {
            if answer.error_code != 0 {
                break;
            }
            answered += 1;
            if answered == 20 {
                said.send(()).expect("the test listens");
            }
        }
        answered
    });
    hears.recv()?;
    broker.stop_cleanly()?;
    let answered: i64 = writer.join().expect("the writer does not panic");
    assert!(answered >= 20);
    reader
        .receive::<FetchRequest>(12)
        .context("the parked fetch is answered")?;
    assert!(broker.data_dir().join(".kafka_cleanshutdown").is_file());
    broker.restart()?;
    assert_eq!(
        Talk::to(&broker)?.offset("t", 0, LATEST)?,
        answered,
        "every append was answered, and the other way round"
    );
    Ok(())
}

#[test]
fn a_second_signal_ends_it_at_once() -> Result<()> {
    let mut program = Program::serve(TempDir::new()?, &["--listen", "127.0.0.1:0"])?;
    let address = program.address()?;
    let mut talk = Talk::at(&address)?;
    talk.create_topic("t", 1, &[])?;
    // Answers of which the client reads nothing keep a connection busy: a patient stop would wait for it.
    talk.append("t", 0, 1_000_000)?;
    for _ in 0..60 {
        talk.send(&fetch_request("t", 0, 0), 12)?;
    }
    program.signal()?;
    // The first signal has arrived when new connections are refused.
    eventually("it stops", || {
        Ok(std::net::TcpStream::connect(&address).is_err().then_some(()))
    })?;
    ensure!(
        program.process.ended()?.is_none(),
        "a connection is still busy: {}",
        program.output()
    );
    // Until a moment has passed, a second signal counts as an echo of the first.
    let status = eventually("its end", || {
        program.signal()?;
        program.process.ended()
    })?;
    assert_eq!(status.code(), Some(130), "{}", program.output());
    assert!(program.output().contains("stopped at once"), "{}", program.output());
    Ok(())
}

#[test]
fn mistakes_say_what_to_do() -> Result<()> {
    let home = TempDir::new()?;
    let path: PathBuf = home.path().join("server.properties");
    let cases = [
        (
            &*KAFKAS_SERVER_PROPERTIES.replace("broker,controller", "broker,wizard"),
            "process.roles",
        ),
        (
            "process.roles=broker,controller\nlog.dirs=x\n",
            "controller.listener.names",
        ),
        (
            &*KAFKAS_SERVER_PROPERTIES.replace("node.id=1", "node.id=one"),
            "Invalid value one",
        ),
        (&*KAFKAS_SERVER_PROPERTIES.replace("node.id=1", ""), "node.id"),
        (
            &*KAFKAS_SERVER_PROPERTIES.replace("PLAINTEXT://:9092,", "SASL_SSL://:9092,"),
            "SASL_SSL",
        ),
        (
            &*format!("{KAFKAS_SERVER_PROPERTIES}zookeeper.connect=localhost:2181\n"),
            "storage format",
        ),
        (
            &*format!("{KAFKAS_SERVER_PROPERTIES}log.retention.hours=soon\n"),
            "log.retention.hours",
        ),
        (
            &*format!("{KAFKAS_SERVER_PROPERTIES}config.providers=v\nconfig.providers.v.class=com.example.Vault\n"),
            "config.providers.v.class=com.example.Vault",
        ),
        (
            &*format!(
                "{KAFKAS_SERVER_PROPERTIES}config.providers=f\n\
                 config.providers.f.class=org.apache.kafka.common.config.provider.FileConfigProvider\n\
                 broker.rack=${{f:/no/such/file:rack}}\n"
            ),
            "/no/such/file",
        ),
    ];
    for (text, names) in cases {
        std::fs::File::create(&path)?.write_all(text.as_bytes())?;
        let data = format!("log.dirs={}", home.path().join("none").display());
        let said = refused(home.path(), &["server.properties", "--set", &data])?;
        assert!(said.contains(names), "{names} is named: {said}");
    }
    for (args, names) in [
        (&["--set", "num.partitions"][..], "num.partitions"),
        (&["--set", "num.partitions=many"], "num.partitions"),
        (&["--wrong"], "--wrong"),
        (&["absent.properties"], "absent.properties"),
        (&["--listen", "nowhere"], "nowhere"),
    ] {
        let said = refused(home.path(), args)?;
        assert!(said.contains(names), "{names} is named: {said}");
    }
    assert!(
        !home.path().join("riverrun-data").exists(),
        "a start that is refused leaves nothing behind"
    );
    let mut text = String::new();
    std::fs::File::open(&path)?.read_to_string(&mut text)?;
    assert!(!text.is_empty(), "and touches no file");
    Ok(())
}
