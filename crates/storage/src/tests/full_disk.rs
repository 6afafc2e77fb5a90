//! A disk without space: what was written of an append is cut off again, and the log goes on once there is some.

use super::differs::{But, Differs};
use super::{Bench, EPOCH, NOW, append, batch, close};
use crate::{AppendError, AppendOutcome, LogConfig, Origin, StorageError};
use base::Offset;
use base::fs::{File, Fs, Open, RealFs};
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The machine's file system, on which only so many more bytes can be written.
#[derive(Clone, Debug)]
struct Small(Arc<AtomicU64>);

#[derive(Debug)]
struct SmallFile {
    file: Arc<dyn File>,
    left: Arc<AtomicU64>,
}

impl File for SmallFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let left = self.left.load(Ordering::Relaxed);
        let fits = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.left.store(left - fits as u64, Ordering::Relaxed);
        self.file.write_at(&bytes[..fits], position)?;
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn write_vectored_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.write_at(&bytes, position)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.file.fd()
    }
}

impl Differs for Small {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let file = RealFs.open(path, how)?;
        let left = Arc::clone(&self.0);
        Ok(Arc::new(SmallFile { file, left }))
    }
}

#[test]
fn an_append_without_space_leaves_nothing_and_the_next_with_space_is_taken() {
    let left = Arc::new(AtomicU64::new(u64::MAX));
    let mut bench = Bench::new(LogConfig {
        segment_bytes: 4096,
        index_interval_bytes: 100,
        ..LogConfig::default()
    });
    bench.options.fs = Arc::new(But(Small(Arc::clone(&left))));
    let mut log = bench.open();
    for _ in 0..5 {
        append(&mut log, batch(1, 100, 1));
    }
    let mut refused = 0;
    for space in 0..400_u64 {
        let (end, size) = (log.log_end_offset(), log.size());
        left.store(space, Ordering::Relaxed);
        let result = log.append_as_leader(&[batch(1, 100, 1)], EPOCH, Origin::Client, NOW);
        match result {
            Ok(info) => assert_eq!(info.outcome, AppendOutcome::Appended),
            Err(error) => {
                assert_eq!(
                    error,
                    AppendError::Storage(StorageError::Io(io::ErrorKind::StorageFull))
                );
                assert!(!log.is_offline(), "with space for {space} bytes");
                assert_eq!((log.log_end_offset(), log.size()), (end, size));
                let last = log.active_segment().log().expect("open").len().expect("a length");
                assert_eq!(last, log.active_segment().size(), "what was written is cut off");
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused} appends found no space");
    left.store(u64::MAX, Ordering::Relaxed);
    for _ in 0..60 {
        append(&mut log, batch(1, 100, 1));
    }
    let end = log.log_end_offset();
    close(&mut log);
    drop(log);
    let log = bench.open();
    assert_eq!(log.log_end_offset(), end, "all of it is read back after a crash");
    assert!(end > Offset(65));
}
