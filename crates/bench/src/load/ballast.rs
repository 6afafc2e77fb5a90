//! Memory that is touched once and then let go in pieces that are too small to be handed back to a virtual machine's host.
//!
//! A guest with free page reporting gives blocks of 2 MiB that were free for two seconds back to its host, and pays some two
//! CPU-seconds for a GB to have them again: several times what a broker needs to fill them. So one page of every 512 KiB is
//! kept: what is free around it never forms such a block, and stays.

use crate::pace::wait_for_line;
use anyhow::Result;
use clap::Args;
use rustix::fs::{FallocateFlags, fallocate};
use serde_json::json;
use std::fs::File;
use std::io::{ErrorKind, Write};

/// How much.
#[derive(Args)]
pub struct Options {
    /// How much memory is touched.
    #[arg(long)]
    mebibytes: u64,
}

const MEBIBYTE: u64 = 1024 * 1024;
const PAGE: u64 = 4096;
const PIECE: u64 = 512 * 1024;

/// Touches it, lets go of nearly all and keeps the rest until a line comes.
pub fn run(options: &Options) -> Result<()> {
    // A file in memory can be let go of by the page; it has no name and ends with this process.
    let path = format!("/dev/shm/bench-ballast-{}", std::process::id());
    let mut file = File::options().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    let chunk = vec![0; MEBIBYTE as usize];
    let mut touched = 0;
    while touched < options.mebibytes {
        match file.write_all(&chunk) {
            Err(error) if error.kind() == ErrorKind::StorageFull => break,
            written => written?,
        }
        touched += 1;
    }
    for piece in 0..touched * MEBIBYTE / PIECE {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&file, hole, piece * PIECE + PAGE, PIECE - PAGE)?;
    }
    println!("ready");
    wait_for_line()?;
    println!("{}", json!({ "mebibytes": touched }));
    Ok(())
}
