//! Where other makes of broker come from: Debian's packages, unpacked beside the build so that no service is started by their
//! installation, and Maven Central.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// What could be installed.
pub struct Installed {
    /// Where it is.
    pub folder: PathBuf,
}

/// The parts of Erlang that RabbitMQ's package asks for; they start nothing by themselves.
const ERLANG: [&str; 14] = [
    "erlang-base",
    "erlang-crypto",
    "erlang-eldap",
    "erlang-inets",
    "erlang-mnesia",
    "erlang-os-mon",
    "erlang-parsetools",
    "erlang-public-key",
    "erlang-runtime-tools",
    "erlang-ssl",
    "erlang-syntax-tools",
    "erlang-tools",
    "erlang-xmerl",
    "socat",
];
const ARTEMIS: &str = "org.apache.activemq:apache-artemis:2.44.0:zip:bin";

/// Installs what is missing, as far as this user may; what is not there afterwards is left out by whoever starts it.
pub fn install(root: &Path) -> Result<Installed> {
    let folder = root.join("target/bench-rivals");
    fs::create_dir_all(&folder)?;
    let installed = Installed { folder };
    for (package, needed) in [("nats-server", &[][..]), ("rabbitmq-server", &ERLANG[..])] {
        if !installed.folder.join(package).exists()
            && let Err(error) = debian(&installed.folder, package, needed)
        {
            eprintln!("{package} cannot be installed: {error:#}");
        }
    }
    if !installed.folder.join("artemis").exists()
        && let Err(error) = artemis(&installed.folder)
    {
        eprintln!("Artemis cannot be installed: {error:#}");
    }
    Ok(installed)
}

/// Unpacks a package into a folder of its name, after those that it needs are installed.
fn debian(folder: &Path, package: &str, needed: &[&str]) -> Result<()> {
    if !needed.is_empty() {
        run(Command::new("apt-get").args(["update", "--quiet"]))?;
        let install = ["install", "--yes", "--quiet", "--no-install-recommends"];
        run(Command::new("apt-get").args(install).args(needed))?;
    }
    let unpacking = folder.join(format!("{package}.unpacking"));
    fs::create_dir_all(&unpacking)?;
    run(Command::new("apt-get")
        .args(["download", package])
        .current_dir(&unpacking))?;
    for file in fs::read_dir(&unpacking)? {
        let file = file?.path();
        run(Command::new("dpkg").arg("-x").arg(&file).arg(&unpacking))?;
        fs::remove_file(file)?;
    }
    Ok(fs::rename(unpacking, folder.join(package))?)
}

/// Unpacks Artemis's distribution.
fn artemis(folder: &Path) -> Result<()> {
    let unpacking = folder.join("artemis.unpacking");
    fs::create_dir_all(&unpacking)?;
    let output = format!("-DoutputDirectory={}", unpacking.display());
    let artifact = format!("-Dartifact={ARTEMIS}");
    run(Command::new("mvn").args(["-q", "-B", "dependency:copy", &artifact, &output]))?;
    for file in fs::read_dir(&unpacking)? {
        let file = file?.path();
        run(Command::new("jar").arg("xf").arg(&file).current_dir(&unpacking))?;
        fs::remove_file(file)?;
    }
    Ok(fs::rename(unpacking, folder.join("artemis"))?)
}

fn run(command: &mut Command) -> Result<()> {
    eprintln!("+ {command:?}");
    let status = command.status()?;
    if !status.success() {
        bail!("{status}: {command:?}");
    }
    Ok(())
}
