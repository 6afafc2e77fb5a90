//! What may ail a node's disk and clock: the node runs with `fault-shim` preloaded, which does as a small file says.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::dependencies;

/// What ails a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Nothing.
    Well,
    /// Every write and every flush takes this much longer.
    Slow(Duration),
    /// Nothing more can be written.
    Full,
    /// Every read, write and flush fails.
    Failing,
}

impl Disk {
    fn number(self) -> u64 {
        match self {
            Disk::Well => 0,
            Disk::Slow(_) => 1,
            Disk::Full => 2,
            Disk::Failing => 3,
        }
    }
}

/// One node's ailments, from its start on.
pub struct Ailments {
    file: File,
    path: PathBuf,
}

impl Ailments {
    /// None yet; `path` is the file to be.
    pub fn none(path: &Path) -> Result<Ailments> {
        let file = File::options().write(true).create_new(true).open(path)?;
        file.write_all_at(&[0; 24], 0)?;
        Ok(Ailments {
            file,
            path: path.to_owned(),
        })
    }

    /// What a node whose data lies in a folder of this name must have in its environment.
    pub fn environment(&self, data_folder: &str) -> Result<[(String, String); 3]> {
        let shim = dependencies::riverrun()?.with_file_name("libfault_shim.so");
        ensure!(
            shim.exists(),
            "{} is not there: cargo build -p fault-shim",
            shim.display()
        );
        Ok([
            ("LD_PRELOAD".to_owned(), shim.display().to_string()),
            ("FAULT_SHIM".to_owned(), self.path.display().to_string()),
            ("FAULT_SHIM_PART".to_owned(), format!("/{data_folder}")),
        ])
    }

    /// From now on this ails the disk.
    pub fn disk(&self, disk: Disk) -> Result<()> {
        if let Disk::Slow(delay) = disk {
            let micros = u64::try_from(delay.as_micros())?;
            self.file.write_all_at(&micros.to_ne_bytes(), 8)?;
        }
        Ok(self.file.write_all_at(&disk.number().to_ne_bytes(), 0)?)
    }

    /// From now on the wall clock is so many seconds ahead, or behind.
    pub fn clock(&self, seconds: i64) -> Result<()> {
        let nanos = seconds.saturating_mul(1_000_000_000);
        Ok(self.file.write_all_at(&nanos.to_ne_bytes(), 16)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// What a shell says that writes, reads and asks for the time under these ailments.
    fn shell(ailments: &Ailments, dir: &Path, script: &str) -> String {
        let mut command = Command::new("python3");
        command.args(["-c", script]).current_dir(dir);
        command.envs(ailments.environment("data").expect("the shim is built"));
        let output = command.output().expect("python3 starts");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    const WRITE: &str =
        "f = open('data/f', 'wb', buffering=0)\nf.write(b'x')\nimport os\nos.fsync(f.fileno())\nprint('written')";

    #[test]
    fn disk_and_clock_ail_as_told() {
        let dir = tempfile::TempDir::with_prefix("riverrun-ailments-").expect("a temporary directory");
        std::fs::create_dir(dir.path().join("data")).expect("made");
        let ailments = Ailments::none(&dir.path().join("ailments")).expect("made");
        let say = |script: &str| shell(&ailments, dir.path(), script);
        assert!(say(WRITE).contains("written"));
        ailments.disk(Disk::Full).expect("told");
        assert!(say(WRITE).contains("No space left"), "{}", say(WRITE));
        assert!(
            say(&WRITE.replace("data/f", "g")).contains("written"),
            "only the data is meant"
        );
        ailments.disk(Disk::Failing).expect("told");
        assert!(say(WRITE).contains("Input/output error"));
        ailments.disk(Disk::Slow(Duration::from_millis(300))).expect("told");
        let began = std::time::Instant::now();
        assert!(say(WRITE).contains("written"));
        assert!(began.elapsed() >= Duration::from_millis(600), "a write and a flush");
        ailments.disk(Disk::Well).expect("told");
        ailments.clock(-3_600).expect("told");
        let now: f64 = say("import time\nprint(time.time())").trim().parse().expect("a time");
        let real = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        assert!((real.as_secs_f64() - now - 3_600.0).abs() < 60.0);
    }
}
