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

/// Packages of Debian that are one make.
struct Packages {
    /// Not installed but unpacked beside the build: their installation would start services.
    unpacked: &'static [&'static str],
    /// What they need, which starts nothing.
    needed: &'static [&'static str],
}

const PACKAGES: [Packages; 3] = [
    Packages {
        unpacked: &["nats-server"],
        needed: &[],
    },
    Packages {
        unpacked: &["rabbitmq-server"],
        needed: &ERLANG,
    },
    Packages {
        // The server is a name of a program that checks its files, which the tools have.
        unpacked: &["redis-server", "redis-tools"],
        needed: &[
            "liblua5.1-0",
            "lua-bitop",
            "lua-cjson",
            "libjemalloc2",
            "liblzf1",
            "libhiredis0.14",
        ],
    },
];

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

impl Installed {
    /// What is there, and which.
    pub fn versions(&self) -> Vec<String> {
        let said = |program: &str| {
            let output = Command::new(self.folder.join(program)).arg("--version").output();
            let text = output
                .ok()
                .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            text.and_then(|text| text.lines().next().map(str::to_owned))
        };
        let folder = |folder: &str| {
            let mut names = fs::read_dir(self.folder.join(folder)).ok()?.flatten();
            names.next().map(|name| name.file_name().to_string_lossy().into_owned())
        };
        let all = [
            said("nats-server/usr/sbin/nats-server"),
            said("redis-server/usr/bin/redis-server"),
            folder("rabbitmq-server/usr/lib/rabbitmq/lib"),
            folder("artemis"),
        ];
        all.into_iter().flatten().collect()
    }
}

/// Installs what is missing, as far as this user may; what is not there afterwards is left out by whoever starts it.
pub fn install(root: &Path) -> Result<Installed> {
    let folder = root.join("target/bench-rivals");
    fs::create_dir_all(&folder)?;
    let installed = Installed { folder };
    for packages in &PACKAGES {
        let name = packages.unpacked[0];
        if !installed.folder.join(name).exists()
            && let Err(error) = packages.install(&installed.folder)
        {
            eprintln!("{name} cannot be installed: {error:#}");
        }
    }
    if !installed.folder.join("artemis").exists()
        && let Err(error) = artemis(&installed.folder)
    {
        eprintln!("Artemis cannot be installed: {error:#}");
    }
    Ok(installed)
}

impl Packages {
    /// Unpacks them into a folder of the first's name, after those that they need are installed.
    fn install(&self, folder: &Path) -> Result<()> {
        if !self.needed.is_empty() {
            run(Command::new("apt-get").args(["update", "--quiet"]))?;
            let install = ["install", "--yes", "--quiet", "--no-install-recommends"];
            run(Command::new("apt-get").args(install).args(self.needed))?;
        }
        let unpacking = folder.join(format!("{}.unpacking", self.unpacked[0]));
        fs::create_dir_all(&unpacking)?;
        run(Command::new("apt-get")
            .arg("download")
            .args(self.unpacked)
            .current_dir(&unpacking))?;
        let downloaded = fs::read_dir(&unpacking)?.collect::<Result<Vec<_>, _>>()?;
        for file in downloaded {
            let file = file.path();
            run(Command::new("dpkg").arg("-x").arg(&file).arg(&unpacking))?;
            fs::remove_file(file)?;
        }
        Ok(fs::rename(unpacking, folder.join(self.unpacked[0]))?)
    }
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

/// Runs a command, telling so.
pub fn run(command: &mut Command) -> Result<()> {
    eprintln!("+ {command:?}");
    let status = command.status()?;
    if !status.success() {
        bail!("{status}: {command:?}");
    }
    Ok(())
}
