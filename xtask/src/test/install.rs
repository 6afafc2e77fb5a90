//! Installs what the tests need, once: each part is skipped while its stamp equals what it was installed from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{run_program, target_dir};

/// Where the parts are installed.
pub fn folder(root: &Path) -> PathBuf {
    target_dir(root).join("test-deps")
}

/// Installs every part that is missing or out of date.
pub fn all(root: &Path) -> Result<()> {
    programs(&[("java", "default-jdk-headless"), ("mvn", "maven")])?;
    java(root)
}

/// Checks that programs are on the PATH, and installs the Debian packages of the missing ones when we may.
fn programs(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> = wanted.iter().filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    if find("apt-get").is_none() || !is_root() {
        bail!("the tests need these packages installed: {}", names.join(" "));
    }
    run_program(Command::new("apt-get").args(["update", "--quiet"]))?;
    run_program(
        Command::new("apt-get")
            .args(["install", "--yes", "--quiet", "--no-install-recommends"])
            .args(names),
    )
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Runs `install` into a fresh `folder` unless the folder's stamp says it was installed from the same `sources`.
fn part(name: &str, folder: &Path, sources: &[PathBuf], install: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let mut wanted = String::new();
    for source in sources {
        let text = std::fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
        wanted.push_str(&text);
    }
    let stamp = folder.join("installed-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("installing {name} into {}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    install(folder)?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// Apache Kafka's jars: the oracle broker, its tools and the Java client.
fn java(root: &Path) -> Result<()> {
    let pom = root.join("tests/clients/java/pom.xml");
    part(
        "Apache Kafka's jars",
        &folder(root).join("java"),
        std::slice::from_ref(&pom),
        |folder| {
            let output = format!("-DoutputDirectory={}", folder.join("jars").display());
            let goal = "dependency:copy-dependencies";
            run_program(
                Command::new("mvn")
                    .args(["-q", "-B", "-f"])
                    .arg(&pom)
                    .args([goal, &output]),
            )
        },
    )
}
