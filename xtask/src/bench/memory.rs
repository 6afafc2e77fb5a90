//! Memory that a load is about to fill, had from the machine's host before it is measured.
//!
//! What a virtual machine's guest frees goes back to the host within some seconds, in blocks of 2 MiB. The ballast keeps small
//! free blocks from that; large pieces, as the page cache takes for a batch of 1 MiB, come from the large blocks nevertheless. So
//! a file of the load's size is written and deleted right before: what it held is what the page cache takes next.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::machine::memory_to_warm;

const MEBIBYTE: usize = 1 << 20;
/// What a load takes beside its records: indexes, sockets, a heap that grows.
const BESIDE: f64 = 64.0;

/// Has memory for so many bytes of records.
pub fn have(folder: &Path, bytes: f64) -> Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("memory-{}", std::process::id()));
    let mut file = File::create(&path)?;
    let written = fill(&mut file, memory_to_warm(bytes / MEBIBYTE as f64 + BESIDE)?);
    drop(file);
    fs::remove_file(&path)?;
    written
}

fn fill(file: &mut File, mebibytes: u64) -> Result<()> {
    let zeros = vec![0; MEBIBYTE];
    for _ in 0..mebibytes {
        file.write_all(&zeros)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_it() {
        let folder = std::env::temp_dir().join(format!("xtask-memory-{}", std::process::id()));
        have(&folder, 1e6).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir(&folder).unwrap();
    }
}
