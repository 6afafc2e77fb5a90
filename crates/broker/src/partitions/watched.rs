//! For tests: a partition on a file system that notes what is done while the partition's lock is held.

use super::Hosted;
use crate::log_dirs::LogDir;
use base::fs::{Entry, File, Fs, Lock, Open, RealFs, Space};
use base::{Instant, LeaderEpoch, NodeId, Offset, PartitionEpoch, Timestamp, TopicPartition, Uuid};
use partition::{Brokers, Leadership, Partition, RequiredAcks};
use records::VerifiedBatch;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;
use storage::{AppendTerms, Durability, Log, LogConfig, LogOptions, Origin, Verification};
use tempfile::TempDir;
use tokio::sync::watch;

/// The disk answers with an error.
const EIO: i32 = 5;

/// Node 1 leads, with these nodes in sync.
pub(crate) fn leadership(epoch: i32, in_sync: &[i32]) -> Leadership {
    let nodes: Vec<NodeId> = in_sync.iter().copied().map(NodeId).collect();
    Leadership {
        node: NodeId(1),
        epoch: LeaderEpoch(epoch),
        partition_epoch: PartitionEpoch(epoch),
        replicas: nodes.clone(),
        isr: nodes,
    }
}

/// A partition of one thread's test, and who watches it.
pub(crate) struct Watched {
    pub(crate) hosted: Arc<Hosted>,
    pub(crate) fs: Arc<WatchedFs>,
    _root: TempDir,
}

impl Watched {
    /// An empty partition with these settings.
    pub(crate) fn new(config: LogConfig) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let fs = Arc::new(WatchedFs(Arc::default()));
        let dir = root.path().join("t-0");
        let seam: Arc<dyn Fs> = fs.clone();
        let mut options = LogOptions::new(seam, dir, TopicPartition::new("t", 0), Timestamp(0));
        options.config = Arc::new(LogConfig {
            durability: Durability::Os,
            ..config
        });
        let log = Log::open(options).expect("opened");
        let brokers = Arc::new(Brokers::new(Duration::from_secs(30)));
        let mut partition = Partition::new(Uuid::ONE, log, Offset::ZERO, 1, brokers);
        let leadership = leadership(1, &[1]);
        partition.lead(leadership, Instant::ZERO).expect("it leads").fire();
        let (failures, _) = watch::channel(0);
        let dir = LogDir::new(root.path(), Uuid::ONE, 1, &failures);
        let hosted = Hosted::new(dir, partition, Arc::default());
        Self {
            hosted,
            fs,
            _root: root,
        }
    }

    /// Appends as a client's Produce does.
    pub(crate) fn append(&self, batch: VerifiedBatch) {
        let terms = AppendTerms {
            verification: Verification::Off,
            ..Origin::Client.into()
        };
        let mut partition = self.hosted.lock();
        let appended = partition.append(&[batch], RequiredAcks::All, terms, Timestamp(1));
        let (_, wakes) = appended.expect("appended");
        wakes.fire();
    }

    /// From here on it is watched.
    pub(crate) fn begin(&self) {
        let watched = self.fs.0.watched.set(Arc::downgrade(&self.hosted));
        watched.expect("it begins once");
    }

    /// How often anything was done since.
    pub(crate) fn done(&self) -> usize {
        self.fs.0.seen.lock().expect("one thread").0
    }

    /// What was done with the lock held.
    pub(crate) fn under_lock(&self) -> Vec<String> {
        self.fs.0.seen.lock().expect("one thread").1.clone()
    }
}

#[derive(Debug, Default)]
struct Watch {
    watched: OnceLock<Weak<Hosted>>,
    /// What is looked at whenever something is done, and how it was, each change once.
    number: Option<Arc<AtomicUsize>>,
    noted: Mutex<Vec<usize>>,
    /// How often, and what of it under the lock.
    seen: Mutex<(usize, Vec<String>)>,
    /// Set while nothing can be written out.
    is_broken: AtomicBool,
}

impl Watch {
    fn see(&self, what: &str) {
        if let Some(number) = &self.number {
            let mut noted = self.noted.lock().expect("one thread");
            noted.push(number.load(Ordering::Relaxed));
            noted.dedup();
        }
        let Some(hosted) = self.watched.get().and_then(Weak::upgrade) else {
            return;
        };
        let mut seen = self.seen.lock().expect("one thread");
        seen.0 += 1;
        if hosted.is_locked() {
            seen.1.push(what.to_owned());
        }
    }
}

/// The real file system, watched.
#[derive(Debug)]
pub(crate) struct WatchedFs(Arc<Watch>);

impl WatchedFs {
    /// One that notes how a number changes while files are used.
    pub(crate) fn noting(number: Arc<AtomicUsize>) -> Self {
        Self(Arc::new(Watch {
            number: Some(number),
            ..Watch::default()
        }))
    }

    /// From here on nothing can be written out to the device.
    pub(crate) fn fail_to_write_out(&self) {
        self.0.is_broken.store(true, Ordering::Relaxed);
    }

    /// How the number was.
    pub(crate) fn noted(&self) -> Vec<usize> {
        self.0.noted.lock().expect("one thread").clone()
    }
}

#[derive(Debug)]
struct WatchedFile(Arc<dyn File>, Arc<Watch>);

impl File for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.1.see("read_at");
        self.0.read_at(buffer, position)
    }
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.1.see("write_at");
        self.0.write_at(bytes, position)
    }
    fn write_vectored_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.1.see("write_vectored_at");
        self.0.write_vectored_at(slices, position)
    }
    fn len(&self) -> io::Result<u64> {
        self.1.see("len of a file");
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.1.see("set_len");
        self.0.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.1.see("sync");
        self.0.sync()
    }
    fn write_out(&self, part: Range<u64>) -> io::Result<()> {
        self.1.see("write_out");
        match self.1.is_broken.load(Ordering::Relaxed) {
            true => Err(io::Error::from_raw_os_error(EIO)),
            false => self.0.write_out(part),
        }
    }
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.0.fd()
    }
}

impl Fs for WatchedFs {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        self.0.see("open");
        Ok(Arc::new(WatchedFile(RealFs.open(path, how)?, Arc::clone(&self.0))))
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.see("read");
        RealFs.read(path)
    }
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.see("replace");
        RealFs.replace(path, bytes)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.0.see("list");
        RealFs.list(dir)
    }
    fn exists(&self, path: &Path) -> bool {
        self.0.see("exists");
        RealFs.exists(path)
    }
    fn len(&self, path: &Path) -> io::Result<u64> {
        self.0.see("len");
        RealFs.len(path)
    }
    fn modified(&self, path: &Path) -> io::Result<Timestamp> {
        self.0.see("modified");
        RealFs.modified(path)
    }
    fn set_modified(&self, path: &Path, time: Timestamp) -> io::Result<()> {
        self.0.see("set_modified");
        RealFs.set_modified(path, time)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.see("create_dir");
        RealFs.create_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.see("rename");
        RealFs.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.see("remove_file");
        RealFs.remove_file(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.0.see("remove_dir");
        RealFs.remove_dir(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.see("sync_dir");
        RealFs.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        RealFs.lock(path)
    }
    fn space(&self, path: &Path) -> io::Result<Space> {
        RealFs.space(path)
    }
}
