//! Java programs with Kafka's jars.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::dependencies;

/// Warnings and worse to the standard output.
const LOGGING: &str = "status=error\nappender.out.type=Console\nappender.out.name=OUT\nappender.out.layout.type=PatternLayout\n\
    appender.out.layout.pattern=%d{HH:mm:ss.SSS} %p %c{1} %m%n\nrootLogger.level=warn\nrootLogger.appenderRef.out.ref=OUT\n";

/// `java` with Kafka's jars, kept small and quick to start, logging as a file in `home` says that is written if it is not
/// there.
pub(crate) fn java(options: &[&str], home: &Path) -> Result<Command> {
    let file = home.join("log4j2.properties");
    if !file.exists() {
        std::fs::write(&file, LOGGING).with_context(|| file.display().to_string())?;
    }
    let logging = format!("-Dlog4j2.configurationFile={}", file.display());
    let mut all = vec![logging.as_str()];
    all.extend_from_slice(options);
    java_with(&all, &[])
}

/// Kafka's server: small and quick to start, or with `RIVERRUN_KAFKA_AS_SHIPPED` in the environment (a measurement) as its
/// own script starts it.
pub(crate) fn server(home: &Path) -> Result<Command> {
    if std::env::var_os("RIVERRUN_KAFKA_AS_SHIPPED").is_none() {
        return java(&["-Xms64m", "-Xmx768m"], home);
    }
    // For its log's format.
    java(&[], home)?;
    let logging = format!(
        "-Dlog4j2.configurationFile={}",
        home.join("log4j2.properties").display()
    );
    program(&[&AS_SHIPPED[..], &[logging.as_str()]].concat(), &[])
}

/// What Kafka's own start script tells the JVM.
const AS_SHIPPED: [&str; 8] = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

/// `java` with Kafka's jars, and before them other folders of classes.
pub fn java_with(options: &[&str], classes: &[&Path]) -> Result<Command> {
    let small = [
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-Djava.net.preferIPv4Stack=true",
    ];
    program(&[&small[..], options].concat(), classes)
}

fn program(options: &[&str], classes: &[&Path]) -> Result<Command> {
    let jars = dependencies::part("java")?.join("jars");
    let mut class_path: Vec<_> = classes.iter().map(|folder| folder.display().to_string()).collect();
    class_path.push(format!("{}/*", jars.display()));
    let mut command = Command::new("java");
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
