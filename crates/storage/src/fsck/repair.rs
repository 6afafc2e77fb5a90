//! What can be put right without losing a record that can still be read.

use super::{Finding, Problem, Remedy};
use base::fs::{Fs, Open};
use std::io;

/// Repairs one finding whose remedy is [`Remedy::Repair`]: a torn tail is cut off, and a file that a broker makes anew
/// (an index, a producers' snapshot, a checkpoint of offsets) is removed. The caller holds the log directory's lock.
///
/// Answers what was done; nothing for a finding that has another remedy.
///
/// # Errors
/// If the file system fails.
pub fn repair(fs: &dyn Fs, finding: &Finding) -> io::Result<Option<&'static str>> {
    if finding.remedy != Remedy::Repair {
        return Ok(None);
    }
    match (&finding.problem, finding.position) {
        (Problem::TornTail { .. }, Some(position)) => {
            let file = fs.open(&finding.path, Open::Write)?;
            file.set_len(position)?;
            file.sync()?;
            Ok(Some("cut off"))
        }
        _ => {
            fs.remove_file(&finding.path)?;
            if let Some(dir) = finding.path.parent() {
                fs.sync_dir(dir)?;
            }
            Ok(Some("removed, to be made anew"))
        }
    }
}
