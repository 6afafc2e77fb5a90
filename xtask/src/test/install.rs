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
    programs(&[
        ("java", "default-jdk-headless"),
        ("javac", "default-jdk-headless"),
        ("mvn", "maven"),
        ("go", "golang"),
        ("node", "nodejs"),
        ("npm", "npm"),
        ("python3", "python3-venv"),
        ("ip", "iproute2"),
        ("tc", "iproute2"),
        ("nsenter", "util-linux"),
        ("unshare", "util-linux"),
    ])?;
    java(root)?;
    python(root)?;
    node(root)?;
    go(root)
}

/// Checks that programs are on the PATH, and installs the Debian packages of the missing ones when we may.
pub fn programs(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> = wanted.iter().filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    if find("apt-get").is_none() || !is_root() {
        bail!("these packages must be installed: {}", names.join(" "));
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
    Ok(std::fs::write(stamp, wanted)?)
}

/// Apache Kafka's jars (the oracle broker, its tools, the Java client) and the Java suite compiled against them.
fn java(root: &Path) -> Result<()> {
    let sources = sources(root, "java")?;
    let pom = root.join("tests/clients/java/pom.xml");
    part("Apache Kafka's jars", &folder(root).join("java"), &sources, |folder| {
        let jars = folder.join("jars");
        let output = format!("-DoutputDirectory={}", jars.display());
        let goal = "dependency:copy-dependencies";
        run_program(
            Command::new("mvn")
                .args(["-q", "-B", "-f"])
                .arg(&pom)
                .args([goal, &output]),
        )?;
        let programs = sources
            .iter()
            .filter(|file| file.extension().is_some_and(|extension| extension == "java"));
        let class_path = format!("{}/*", jars.display());
        run_program(
            Command::new("javac")
                .args(["-cp", &class_path, "-d"])
                .arg(folder.join("classes"))
                .args(programs),
        )
    })
}

/// A virtual environment with the Python clients.
fn python(root: &Path) -> Result<()> {
    let requirements = root.join("tests/clients/python/requirements.txt");
    part(
        "the Python clients",
        &folder(root).join("python"),
        std::slice::from_ref(&requirements),
        |folder| {
            let environment = folder.join("venv");
            run_program(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
            let pip = environment.join("bin/pip");
            run_program(
                Command::new(pip)
                    .args(["install", "--quiet", "--requirement"])
                    .arg(&requirements),
            )
        },
    )
}

/// kafkajs and its codecs. No install scripts: nothing is compiled, and nothing of theirs runs here.
fn node(root: &Path) -> Result<()> {
    let lock = ["package.json", "package-lock.json"].map(|file| root.join("tests/clients/node").join(file));
    part("kafkajs", &folder(root).join("node"), &lock, |folder| {
        for file in &lock {
            std::fs::copy(file, folder.join(file.file_name().context("a file has a name")?))?;
        }
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run_program(Command::new("npm").args(arguments).current_dir(folder))
    })
}

/// The franz-go suite, compiled.
fn go(root: &Path) -> Result<()> {
    part(
        "franz-go's suite",
        &folder(root).join("go"),
        &sources(root, "go")?,
        |folder| {
            let output = folder.join("suite");
            let source = root.join("tests/clients/go");
            run_program(
                Command::new("go")
                    .args(["build", "-o"])
                    .arg(output)
                    .arg(".")
                    .current_dir(source),
            )
        },
    )
}

/// The files of one client's suite, in a fixed order.
fn sources(root: &Path, client: &str) -> Result<Vec<PathBuf>> {
    let folder = root.join("tests/clients").join(client);
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}
