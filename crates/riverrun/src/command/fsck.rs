//! `riverrun fsck DIR..`: looks through log directories, Riverrun's or Kafka's, for what is damaged, and repairs what can be
//! repaired without losing a record if told to. Kafka has no such tool.

use super::Invocation;
use super::options::{BadFlags, Parsed, Syntax, switch, valued};
use anyhow::{Context, bail};
use base::fs::{Fs, RealFs};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use storage::dirs;
use storage::fsck::partition::Extent;
use storage::fsck::segment::Depth;
use storage::fsck::{Finding, Problem, Remedy, directory, partition, repair};

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "This tool looks through log directories for damage. It changes nothing unless told to repair.",
    flags: &[
        switch("checksums-only", "Compare checksums, but do not look into the records."),
        valued(
            "partition",
            "topic-0,..",
            "Look at these partitions only, and not at the directory's own files.",
        ),
        switch(
            "repair",
            "Cut torn tails off and remove files that a broker makes anew. No broker may be running on the directory.",
        ),
    ],
};

/// The exit codes of `fsck` elsewhere: all is well, what was wrong is repaired, something is wrong still.
const REPAIRED: u8 = 1;
const WRONG: u8 = 4;

struct Request {
    dirs: Vec<PathBuf>,
    partitions: Option<BTreeSet<String>>,
    depth: Depth,
    repair: Repair,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    Do,
    DoNot,
}

/// Runs the command.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    let options = match SYNTAX.parse(call.args, call.form) {
        Ok(Parsed::Act(options)) => options,
        Ok(Parsed::Done(code)) => return Ok(code),
        Err(refusal) => return Ok(SYNTAX.refuse(&refusal)),
    };
    let names = options.value("partition");
    let names = match names {
        Ok(names) => names,
        Err(refusal) => return Ok(SYNTAX.refuse(&refusal)),
    };
    let request = Request {
        dirs: options.rest.iter().map(PathBuf::from).collect(),
        partitions: names.map(|names| names.split(',').map(str::to_owned).collect()),
        depth: if options.has("checksums-only") {
            Depth::Checksums
        } else {
            Depth::Records
        },
        repair: if options.has("repair") {
            Repair::Do
        } else {
            Repair::DoNot
        },
    };
    if request.dirs.is_empty() {
        bail!("name the log directories to look through");
    }
    look_through(&request, &mut io::stdout().lock())
}

fn look_through(request: &Request, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let mut worst = 0;
    for dir in &request.dirs {
        let code = look_at(&fs, dir, request, out).with_context(|| dir.display().to_string())?;
        worst = worst.max(code);
    }
    Ok(ExitCode::from(worst))
}

fn look_at(fs: &Arc<dyn Fs>, dir: &Path, request: &Request, out: &mut dyn Write) -> anyhow::Result<u8> {
    let lock = match request.repair {
        Repair::Do => Some(dirs::lock(fs.as_ref(), dir).context("a broker is running on it, or it cannot be locked")?),
        Repair::DoNot => {
            if is_in_use(fs.as_ref(), dir) {
                writeln!(
                    out,
                    "{}: a broker is running on it; its last batches may be in motion",
                    dir.display()
                )?;
            }
            None
        }
    };
    let (extent, findings) = check(fs, dir, request)?;
    let mut code = 0;
    for finding in &findings {
        write!(out, "{finding}")?;
        code = code.max(if finding.remedy == Remedy::Start { 0 } else { WRONG });
        let done = match request.repair {
            Repair::Do => repair::repair(fs.as_ref(), finding)?,
            Repair::DoNot => None,
        };
        writeln!(out, "{}", done.map_or_else(String::new, |done| format!(": {done}")))?;
    }
    if lock.is_some() && findings.iter().any(|finding| finding.remedy == Remedy::Repair) {
        // An index may have pointed into what was cut off.
        let (_, left) = check(fs, dir, request)?;
        let fixable: Vec<&Finding> = left.iter().filter(|finding| finding.remedy == Remedy::Repair).collect();
        for finding in fixable {
            repair::repair(fs.as_ref(), finding)?;
        }
        let lost = left.iter().any(|finding| finding.remedy == Remedy::Replica);
        code = if lost { WRONG } else { REPAIRED };
    }
    writeln!(
        out,
        "{}: {} segments, {} batches, {} bytes looked at, {} findings",
        dir.display(),
        extent.segments,
        extent.batches,
        extent.bytes,
        findings.len()
    )?;
    Ok(code)
}

/// Whether a broker holds the directory; a directory without a lock file has none, and gets none.
fn is_in_use(fs: &dyn Fs, dir: &Path) -> bool {
    fs.exists(&dir.join(dirs::LOCK_FILE))
        && dirs::lock(fs, dir).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn check(fs: &Arc<dyn Fs>, dir: &Path, request: &Request) -> anyhow::Result<(Extent, Vec<Finding>)> {
    let mut findings = Vec::new();
    let Some(names) = &request.partitions else {
        let extent = directory::check(fs, dir, request.depth, &mut findings)?;
        return Ok((extent, findings));
    };
    let mut extent = Extent::default();
    for name in names {
        match partition::check(fs, &dir.join(name), request.depth, &mut findings) {
            Ok(seen) => extent.add(seen),
            Err(error) => findings.push(Finding {
                path: dir.join(name),
                position: None,
                problem: Problem::Io(error.to_string()),
                remedy: Remedy::Replica,
            }),
        }
    }
    Ok((extent, findings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Offset;
    use records::BatchBuilder;

    fn log_dir() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let partition = root.path().join("topic-0");
        std::fs::create_dir(&partition).unwrap();
        let mut bytes = Vec::new();
        for offset in 0..3 {
            let mut batch = BatchBuilder::new();
            batch.append(base::Timestamp(7), None, Some(b"value"), &[]);
            bytes.extend_from_slice(&batch.build_at(Offset(offset)).to_bytes());
        }
        let log = partition.join("00000000000000000000.log");
        std::fs::write(&log, bytes).unwrap();
        (root, log)
    }

    fn look(dir: &Path, repair: Repair) -> (u8, String) {
        let fs: Arc<dyn Fs> = Arc::new(RealFs);
        let request = Request {
            dirs: Vec::new(),
            partitions: None,
            depth: Depth::Records,
            repair,
        };
        let mut out = Vec::new();
        let code = look_at(&fs, dir, &request, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        (code, text.replace(&dir.display().to_string(), "DIR"))
    }

    #[test]
    fn a_torn_tail_is_told_of_and_repaired_only_when_asked() {
        let (root, log) = log_dir();
        let good = std::fs::read(&log).unwrap();
        assert_eq!(
            look(root.path(), Repair::DoNot),
            (
                0,
                "DIR: 1 segments, 3 batches, 219 bytes looked at, 0 findings\n".to_owned()
            )
        );
        let torn = [good.as_slice(), &good[..30]].concat();
        std::fs::write(&log, &torn).unwrap();
        let (code, text) = look(root.path(), Repair::DoNot);
        assert_eq!(code, WRONG);
        assert!(
            text.starts_with("DIR/topic-0/00000000000000000000.log at byte 219: the last 30 bytes are no whole batch"),
            "{text}"
        );
        assert_eq!(std::fs::read(&log).unwrap(), torn);
        assert_eq!(
            std::fs::read_dir(root.path()).unwrap().count(),
            1,
            "looking leaves nothing behind"
        );
        assert_eq!(look(root.path(), Repair::Do).0, REPAIRED);
        assert_eq!(std::fs::read(&log).unwrap(), good);
        assert_eq!(look(root.path(), Repair::DoNot).0, 0);
    }

    #[test]
    fn bit_rot_is_named_with_its_file_and_offset_and_not_touched() {
        let (root, log) = log_dir();
        let mut bytes = std::fs::read(&log).unwrap();
        bytes[73 + 70] ^= 1;
        std::fs::write(&log, &bytes).unwrap();
        let (code, text) = look(root.path(), Repair::Do);
        assert_eq!(code, WRONG);
        assert!(
            text.starts_with("DIR/topic-0/00000000000000000000.log at byte 73: the batch at offset 1 is damaged"),
            "{text}"
        );
        assert_eq!(std::fs::read(&log).unwrap(), bytes);
    }
}
