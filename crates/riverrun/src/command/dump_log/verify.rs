//! `--verify`: whether the files are whole, instead of what is in them.

use super::base_offset;
use anyhow::Context;
use base::Offset;
use base::fs::{Fs, RealFs};
use std::io::Write;
use std::path::{Path, PathBuf};
use storage::fsck::partition::check_segment;
use storage::fsck::segment::{Depth, Place, Walk};
use storage::names::SegmentFile;
use storage::producer_state::snapshot;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong.
    Whole,
    /// Something is.
    Damaged,
}

/// Looks at the files, segments with their indexes, and says what is wrong with each.
pub fn verify(files: &[PathBuf], out: &mut dyn Write) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Whole;
    for path in files {
        let problems = problems(path).with_context(|| path.display().to_string())?;
        for problem in &problems {
            writeln!(out, "{problem}")?;
            verdict = Verdict::Damaged;
        }
        if problems.is_empty() {
            writeln!(out, "{}: nothing is wrong", path.display())?;
        }
    }
    Ok(verdict)
}

fn problems(path: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("log" | "index" | "timeindex" | "txnindex") => {
            let base = Offset(base_offset(path)?);
            let dir = path.parent().unwrap_or(Path::new("."));
            check_segment(&RealFs, dir, base, place(dir, base)?, Depth::Records, &mut findings)?;
        }
        Some("checkpoint") => {
            let mut walk = Walk::open(&RealFs, path, Offset(0), Place::Closed, Depth::Records)?;
            while walk.next_batch()?.is_some() {}
            findings = walk.take_findings();
        }
        Some("snapshot") => {
            let decoded = snapshot::decode(&RealFs.read(path)?);
            return Ok(decoded
                .err()
                .map(|error| format!("{}: {error}", path.display()))
                .into_iter()
                .collect());
        }
        Some(_) | None => return Ok(vec![format!("{}: not a file of a log", path.display())]),
    }
    Ok(findings.iter().map(ToString::to_string).collect())
}

/// Where the segment at `base` is in its log: only the last one may end amid a batch, as a crash leaves it.
fn place(dir: &Path, base: Offset) -> anyhow::Result<Place> {
    let names = RealFs.list(dir)?.into_iter().map(|entry| entry.name);
    let mut others = names.filter_map(|name| SegmentFile::parse(&name));
    let is_closed = others.any(|(kind, other)| kind == SegmentFile::Log && other > base);
    Ok(if is_closed { Place::Closed } else { Place::Last })
}
