//! Where `rdkafka_performance` comes from: librdkafka's source, which npm's `node-rdkafka` carries, is built beside the build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::bench::table::rivals::run;
use crate::test::install::programs;

/// What could be installed.
pub struct Installed {
    /// librdkafka's perf tool.
    pub rdkafka_performance: Option<PathBuf>,
}

const PACKAGE: &str = "node-rdkafka@3.6.1";
/// Nothing that the measured settings do not use.
const CONFIGURE: [&str; 5] = [
    "--disable-ssl",
    "--disable-gssapi",
    "--disable-zstd",
    "--disable-curl",
    "--disable-lz4-ext",
];

/// Builds it if it is not there; Kafka's tools are there with its jars.
pub fn install(root: &Path) -> Result<Installed> {
    let folder = root.join("target/bench-clients/librdkafka");
    let program = folder.join("package/deps/librdkafka/examples/rdkafka_performance");
    if !program.exists()
        && let Err(error) = build(&folder)
    {
        eprintln!("rdkafka_performance cannot be built and is left out: {error:#}");
    }
    Ok(Installed {
        rdkafka_performance: program.exists().then_some(program),
    })
}

fn build(folder: &Path) -> Result<()> {
    programs(&[("npm", "npm"), ("gcc", "build-essential"), ("make", "make")])?;
    fs::create_dir_all(folder)?;
    run(Command::new("npm")
        .args(["pack", "--silent", PACKAGE])
        .current_dir(folder))?;
    let packed = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let packed = packed
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "tgz"));
    let packed = packed.context("npm packs it")?;
    run(Command::new("tar").arg("xzf").arg(&packed).current_dir(folder))?;
    let source = folder.join("package/deps/librdkafka");
    run(Command::new("bash")
        .arg("configure")
        .args(CONFIGURE)
        .current_dir(&source))?;
    let make = |arguments: &[&str]| {
        run(Command::new("make")
            .arg("--silent")
            .args(arguments)
            .current_dir(&source))
    };
    make(&["--jobs=2", "--directory=src"])?;
    make(&["--directory=examples", "rdkafka_performance"])
}
