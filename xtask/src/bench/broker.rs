//! One broker as a process, and what the operating system says of it.

use std::fmt::Write as _;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::counters::{self, Counters};

/// How long a broker may take to end after SIGTERM.
const STOP: Duration = Duration::from_secs(60);
/// How many lines of its output tell why a broker has ended.
const LAST_WORDS: usize = 20;

/// Which broker.
pub enum Make {
    /// Ours: the binary.
    Riverrun(PathBuf),
    /// Apache Kafka: the folder of its jars.
    Kafka(PathBuf),
}

/// The options that Kafka's own start script gives to the JVM.
const JVM: [&str; 8] = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

/// Which topics have a replica on every node.
const REPLICATION_FACTORS: [&str; 3] = [
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
];

const CLUSTER_ID: &str = "riverrunBenchClusterAA";

impl Make {
    /// Its name in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Riverrun(_) => "riverrun",
            Self::Kafka(_) => "kafka",
        }
    }

    /// Settings under which both promise the same: Kafka acknowledges what the operating system has.
    pub fn like_for_like(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Riverrun(_) => &[("riverrun.durability", "os")],
            Self::Kafka(_) => &[],
        }
    }

    /// The command that formats, or the one that serves.
    fn command(&self, task: &Task, properties: &Path) -> Command {
        let mut command = match self {
            Self::Riverrun(binary) => Command::new(binary),
            Self::Kafka(jars) => {
                let mut java = Command::new("java");
                java.args(JVM).arg("-cp").arg(format!("{}/*", jars.display()));
                java
            }
        };
        match (self, task) {
            (Self::Riverrun(_), Task::Format(_)) => command.args(["storage", "format"]),
            (Self::Riverrun(_), Task::Serve) => command.args(["serve", "--config"]),
            (Self::Kafka(_), Task::Format(_)) => command.args(["kafka.tools.StorageTool", "format"]),
            (Self::Kafka(_), Task::Serve) => command.arg("kafka.Kafka"),
        };
        match task {
            Task::Format(Voters::Recorded) => {
                command.args(["--standalone", "--cluster-id", CLUSTER_ID, "--config"]);
            }
            Task::Format(Voters::Configured) => {
                command.args(["--cluster-id", CLUSTER_ID, "--config"]);
            }
            Task::Serve => {}
        }
        command.arg(properties);
        command
    }
}

enum Task {
    Format(Voters),
    Serve,
}

/// Where a node learns who votes.
#[derive(Clone, Copy)]
enum Voters {
    /// From its own log: it is alone.
    Recorded,
    /// From `controller.quorum.voters`.
    Configured,
}

/// A broker with a formatted directory, not started yet.
pub struct Prepared {
    command: Command,
    address: String,
    home: PathBuf,
}

/// A running broker; killed when dropped.
pub struct Broker {
    child: Child,
    address: String,
    output: PathBuf,
}

impl Broker {
    /// Formats a new directory at `home`, whatever was there before.
    pub fn prepare(make: &Make, home: &Path) -> Result<Prepared> {
        Self::prepare_with(make, home, &[])
    }

    /// The same, with more settings.
    pub fn prepare_with(make: &Make, home: &Path, settings: &[(&str, &str)]) -> Result<Prepared> {
        let [client, controller] = free_ports()?;
        let mut text = server_properties(1, 1, home, client, controller);
        writeln!(text, "controller.quorum.bootstrap.servers=127.0.0.1:{controller}")?;
        for (key, value) in settings {
            writeln!(text, "{key}={value}")?;
        }
        format(make, home, &text, Voters::Recorded, client)
    }

    /// Several nodes in folders of `home`, each broker and controller, whose topics have a replica on every one of them.
    pub fn prepare_cluster(make: &Make, home: &Path, nodes: u16, settings: &[(&str, &str)]) -> Result<Vec<Prepared>> {
        let ports = (0..nodes).map(|_| free_ports()).collect::<Result<Vec<_>>>()?;
        let voters: Vec<String> = (1..)
            .zip(&ports)
            .map(|(id, [_, controller])| format!("{id}@127.0.0.1:{controller}"))
            .collect();
        let prepare = |(id, [client, controller]): (u16, &[u16; 2])| {
            let home = home.join(format!("node-{id}"));
            let mut text = server_properties(id, nodes, &home, *client, *controller);
            writeln!(text, "controller.quorum.voters={}", voters.join(","))?;
            for (key, value) in settings {
                writeln!(text, "{key}={value}")?;
            }
            format(make, &home, &text, Voters::Configured, *client)
        };
        (1..).zip(&ports).map(prepare).collect()
    }

    /// CPU-seconds, in user and system mode, of the whole process, threads that ended too; in hundredths.
    pub fn cpu_seconds_with_ended_threads(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The program's name, which may hold anything, is in parentheses.
        let (_, fields) = text.rsplit_once(')').context("stat names the program")?;
        let mut ticks = fields.split_whitespace().skip(11);
        let mut next = || -> Result<f64> { Ok(ticks.next().context("stat tells the time on a processor")?.parse()?) };
        Ok((next()? + next()?) / 100.0)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it with SIGKILL.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Where clients begin.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// CPU-seconds, in user and system mode, of all its threads since their start: what the scheduler counts, in
    /// nanoseconds; neither broker ends threads while it is measured.
    pub fn cpu_seconds(&self) -> Result<f64> {
        Ok(Counters::read(&[self.id()])?.cpu_seconds())
    }

    /// Its resident memory.
    pub fn resident_mebibytes(&self) -> Result<f64> {
        counters::resident_mebibytes(&[self.id()])
    }

    /// Whether its process has ended.
    pub fn has_ended(&self) -> bool {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        // The program's name, which may hold anything, is in parentheses; a zombie has ended.
        let state = text.rsplit_once(')').map(|(_, fields)| fields.trim_start());
        state.is_none_or(|state| state.starts_with(['Z', 'X']))
    }

    /// The end of what it has said.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n")
    }

    /// Ends it with SIGTERM.
    pub fn stop(mut self) -> Result<()> {
        let status = Command::new("kill").arg(self.child.id().to_string()).status()?;
        anyhow::ensure!(status.success(), "cannot signal the broker");
        let deadline = Instant::now() + STOP;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("still running {STOP:?} after SIGTERM");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Both fail only when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prepared {
    /// The directory at `home` as an earlier broker left it, for `make` to go on with.
    pub fn left_at(make: &Make, home: &Path) -> Result<Self> {
        let properties = home.join("server.properties");
        let text = std::fs::read_to_string(&properties)?;
        let listener = text
            .lines()
            .find_map(|line| line.strip_prefix("listeners=PLAINTEXT://"));
        let address = listener.and_then(|rest| rest.split(',').next());
        Ok(Self {
            command: make.command(&Task::Serve, &properties),
            address: address.context("its listener is in its properties")?.to_owned(),
            home: home.to_owned(),
        })
    }

    /// No broker, but the floor under them: the program of the bare loop, which needs no format.
    pub fn bare(program: &Path, home: &Path) -> Result<Self> {
        std::fs::create_dir_all(home)?;
        let [port, _] = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(program);
        command
            .args(["--listen", &address, "--data-dir"])
            .arg(home.join("data"));
        Ok(Self {
            command,
            address,
            home: home.to_owned(),
        })
    }

    /// To be started by `program`, a measuring one, which is given `arguments` and then the broker's command.
    pub fn under(mut self, program: &str, arguments: &[String]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments);
        command.arg(self.command.get_program()).args(self.command.get_args());
        self.command = command;
        self
    }

    /// Starts it; whether it serves yet is for the first client to find out.
    pub fn start(mut self) -> Result<Broker> {
        let path = self.home.join("output");
        let output = File::create(&path)?;
        let child = self
            .command
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {:?}", self.command))?;
        Ok(Broker {
            child,
            address: self.address,
            output: path,
        })
    }
}

fn format(make: &Make, home: &Path, text: &str, voters: Voters, client: u16) -> Result<Prepared> {
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    let properties = home.join("server.properties");
    std::fs::write(&properties, text)?;
    let output = make.command(&Task::Format(voters), &properties).output()?;
    if !output.status.success() {
        bail!(
            "{} cannot format: {}{}",
            make.name(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(Prepared {
        command: make.command(&Task::Serve, &properties),
        address: format!("127.0.0.1:{client}"),
        home: home.to_owned(),
    })
}

fn free_ports() -> Result<[u16; 2]> {
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    Ok([listeners[0].local_addr()?.port(), listeners[1].local_addr()?.port()])
}

/// Both run with their defaults; only what a node on this machine needs is set.
fn server_properties(id: u16, replicas: u16, home: &Path, client: u16, controller: u16) -> String {
    let lines = [
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", id.to_string()),
        (
            "listeners",
            format!("PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}"),
        ),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        ("log.dirs", home.join("data").display().to_string()),
        ("num.partitions", "4".to_owned()),
        ("transaction.state.log.min.isr", "1".to_owned()),
    ];
    let factors = REPLICATION_FACTORS.map(|key| (key, replicas.to_string()));
    let mut text = String::new();
    for (key, value) in lines.into_iter().chain(factors) {
        writeln!(text, "{key}={value}").expect("a string takes any text");
    }
    text
}
