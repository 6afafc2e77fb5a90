//! Apache Kafka as a process: the broker that says what is right.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::cluster::{Cluster, Settings, server_properties};
use crate::dependencies;
use crate::port::free_ports;
use crate::process::{Process, tail};
use crate::ready::wait_until_ready;

/// How often a start is tried anew with other ports.
const TRIES: usize = 3;

/// A combined broker and controller of Apache Kafka.
pub struct KafkaBroker {
    bootstrap: String,
    controller: String,
    data_dir: PathBuf,
    home: TempDir,
    environment: Vec<(String, String)>,
    process: Option<Process>,
}

impl KafkaBroker {
    /// Formats a fresh directory (unless the settings name one) and starts a broker on it.
    pub fn start(settings: &Settings) -> Result<KafkaBroker> {
        let home = TempDir::with_prefix("riverrun-kafka-")?;
        std::fs::write(home.path().join("log4j2.properties"), LOGGING)?;
        let data_dir = settings.data_dir.clone().unwrap_or_else(|| home.path().join("data"));
        let mut broker = KafkaBroker {
            bootstrap: String::new(),
            controller: String::new(),
            data_dir,
            home,
            environment: settings.environment.clone(),
            process: None,
        };
        let mut last = None;
        for _ in 0..TRIES {
            let [client_port, controller_port] = free_ports()?;
            broker.bootstrap = format!("127.0.0.1:{client_port}");
            broker.controller = format!("127.0.0.1:{controller_port}");
            let text = server_properties(&broker.data_dir, client_port, controller_port, settings);
            std::fs::write(broker.properties(), text)?;
            if !broker.data_dir.join("meta.properties").exists() {
                broker.format(settings)?;
            }
            match broker.restart() {
                Ok(()) => return Ok(broker),
                Err(error) if error.to_string().contains("Address already in use") => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.context("at least one try was made")?)
    }

    fn properties(&self) -> PathBuf {
        self.home.path().join("server.properties")
    }

    fn output(&self) -> PathBuf {
        self.home.path().join("output")
    }

    fn format(&self, settings: &Settings) -> Result<()> {
        let output = java(&["-Xmx256m"], self.home.path())?
            .args([
                "kafka.tools.StorageTool",
                "format",
                "--standalone",
                "--cluster-id",
                CLUSTER_ID,
                "--config",
            ])
            .arg(self.properties())
            .args(settings.feature_arguments())
            .output()?;
        if !output.status.success() {
            bail!(
                "cannot format: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }
}

/// What every broker's directory is formatted with.
pub const CLUSTER_ID: &str = "riverrunTestClusterAAA";

/// Warnings and worse to the standard output.
const LOGGING: &str = "status=error\nappender.out.type=Console\nappender.out.name=OUT\nappender.out.layout.type=PatternLayout\n\
    appender.out.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1} %m%n\nrootLogger.level=warn\nrootLogger.appenderRef.out.ref=OUT\n";

/// `java` with Kafka's jars, kept small and quick to start, logging as the file in `home` says.
fn java(options: &[&str], home: &Path) -> Result<Command> {
    let logging = format!(
        "-Dlog4j2.configurationFile={}",
        home.join("log4j2.properties").display()
    );
    let mut all = vec![logging.as_str()];
    all.extend_from_slice(options);
    java_with(&all, &[])
}

/// `java` with Kafka's jars, and before them other folders of classes.
pub fn java_with(options: &[&str], classes: &[&Path]) -> Result<Command> {
    let jars = dependencies::part("java")?.join("jars");
    let mut class_path: Vec<_> = classes.iter().map(|folder| folder.display().to_string()).collect();
    class_path.push(format!("{}/*", jars.display()));
    let mut command = Command::new("java");
    command.args([
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Djava.net.preferIPv4Stack=true",
    ]);
    command
        .args(options)
        .arg("-cp")
        .arg(class_path.join(":"))
        .stdin(Stdio::null());
    Ok(command)
}

/// What a program of one file below `tests/clients/java`, with Kafka's jars, answers to `input`. It must read all of that
/// before it writes, so that neither side waits for the other.
pub fn answers(program: &str, input: &str) -> Result<String> {
    let program = dependencies::workspace().join("tests/clients/java").join(program);
    let mut java = java_with(&["-Xmx512m"], &[])?;
    java.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = java.spawn()?;
    let mut stdin = child.stdin.take().context("its stdin is piped")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

impl Cluster for KafkaBroker {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    fn controller(&self) -> &str {
        &self.controller
    }

    fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    fn kill9(&mut self) -> Result<()> {
        self.process.take().context("not running")?.kill9()
    }

    fn stop_cleanly(&mut self) -> Result<()> {
        self.process.take().context("not running")?.terminate()
    }

    fn restart(&mut self) -> Result<()> {
        let mut command = java(&["-Xms64m", "-Xmx768m"], self.home.path())?;
        command.arg("kafka.Kafka").arg(self.properties());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut process = Process::start(&mut command, &self.output())?;
        wait_until_ready(&mut process, &self.bootstrap, &self.output())?;
        self.process = Some(process);
        Ok(())
    }

    fn log_tail(&self) -> String {
        tail(&self.output())
    }
}
