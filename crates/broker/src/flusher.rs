//! Group commit: what was appended in a log directory is put on stable storage, all partitions together.
//!
//! Whoever has the turn, a connection or the directory's thread, takes everything that waits, syncs it as one and tells who waited
//! (ADR 6).

mod measures;
mod rooms;

use crate::Broker;
use crate::flush_queue::{Due, FlushQueue, Looker};
use crate::log_dirs::LogDir;
use crate::open_files;
use crate::partitions::Hosted;
use base::metric::Registry;
use measures::Measures;
use network::thread::{Patience, Turn, Worker};
use partition::Wakes;
use rooms::Wanted;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use storage::{Flush, StorageError};
use tracing::{error, warn};

/// How long a flush waits for descriptors before it asks again.
const FOR_DESCRIPTORS: Duration = Duration::from_millis(100);

/// The queues of all log directories.
#[derive(Debug)]
pub struct FlushQueues {
    measures: Measures,
    queues: Vec<(Arc<LogDir>, Arc<FlushQueue<Hosted>>)>,
    /// What wants room, by log directory likewise.
    rooms: Vec<Arc<FlushQueue<Wanted>>>,
}

impl FlushQueues {
    /// A queue for each of `dirs`.
    pub fn new(dirs: &[Arc<LogDir>], metrics: &Registry) -> Self {
        let queues = dirs.iter().map(|dir| (Arc::clone(dir), Arc::default()));
        Self {
            measures: Measures::new(metrics),
            queues: queues.collect(),
            rooms: dirs.iter().map(|_| Arc::default()).collect(),
        }
    }

    /// Whether little is to be flushed in `dir` of late.
    fn is_light(&self, dir: &LogDir) -> bool {
        let mut known = self.queues.iter();
        known.any(|(known, queue)| std::ptr::eq(Arc::as_ptr(known), dir) && queue.is_light())
    }

    /// Leaves to the directory's other thread to make room.
    fn want(&self, dir: &LogDir, wanted: Vec<Arc<Wanted>>) {
        let mut known = self.queues.iter().zip(&self.rooms);
        if let Some((_, rooms)) = known.find(|((known, _), _)| std::ptr::eq(Arc::as_ptr(known), dir)) {
            rooms.push_all(wanted);
        }
    }

    /// The queue of `dir`.
    ///
    /// # Panics
    /// If `dir` is none of the broker's.
    pub fn of(&self, dir: &Arc<LogDir>) -> Arc<FlushQueue<Hosted>> {
        let found = self.queues.iter().find(|(known, _)| Arc::ptr_eq(known, dir));
        let (_, queue) = found.expect("every log directory has a queue");
        Arc::clone(queue)
    }
}

/// Whether anything waits for [`flush_due`].
pub fn may_be_due(broker: &Broker) -> bool {
    broker.flushes.queues.iter().any(|(_, queue)| queue.has_timed())
}

/// Queues what `flush.ms` wants on stable storage by now.
pub fn flush_due(broker: &Broker) {
    let now = broker.clock.now();
    for (dir, queue) in &broker.flushes.queues {
        let timed = queue.take_timed();
        for hosted in timed.iter().filter(|_| !dir.is_offline()) {
            hosted.flush_if_due(now);
        }
    }
}

/// The threads that flush; they end when they are stopped.
#[derive(Debug)]
pub struct Flushers {
    threads: Vec<Worker>,
}

/// Starts two threads for each log directory: one that flushes, and one that makes room for that.
pub fn start(broker: &Arc<Broker>) -> std::io::Result<Flushers> {
    let mut threads = Vec::new();
    for (at, (dir, queue)) in broker.flushes.queues.iter().enumerate() {
        threads.push(work_on(format!("flush-{at}"), broker, dir, queue, flush)?);
        let rooms = &broker.flushes.rooms[at];
        threads.push(work_on(format!("room-{at}"), broker, dir, rooms, rooms::make)?);
    }
    Ok(Flushers { threads })
}

/// A thread that does with everything in a queue what is to be done, until the queue is closed.
fn work_on<T: Send + Sync + 'static>(
    name: String,
    broker: &Arc<Broker>,
    dir: &Arc<LogDir>,
    queue: &Arc<FlushQueue<T>>,
    work: fn(&Broker, &LogDir, &[Arc<T>]),
) -> std::io::Result<Worker> {
    let (broker, dir, queue) = (Arc::clone(broker), Arc::clone(dir), Arc::clone(queue));
    Worker::begin(name, move |patience| {
        let taken = match patience {
            Patience::Wait => queue.take(&*broker.clock),
            Patience::Look => queue.take_at_once(&*broker.clock),
        };
        match taken {
            Some(taken) if taken.all().is_empty() => Turn::Nothing,
            Some(taken) => {
                work(&broker, &dir, taken.all());
                Turn::More
            }
            None => Turn::End,
        }
    })
}

impl Flushers {
    /// Flushes what still waits and ends the threads. Blocks as long as the disk takes.
    pub fn stop(self, broker: &Broker) {
        for (_, queue) in &broker.flushes.queues {
            queue.close();
        }
        for rooms in &broker.flushes.rooms {
            rooms.close();
        }
        for thread in self.threads {
            if thread.join().is_err() {
                error!("a flushing thread failed; the next start checks the logs");
            }
        }
    }
}

/// Sees to it that what a connection has put off is flushed, before it waits for anything: here, if it is little. Between what
/// was put off and this call nothing may be waited for.
pub fn settle(broker: &Broker) {
    for (dir, queue) in &broker.flushes.queues {
        let looker = || match network::thread::may_wait_in_place() {
            true => Looker::Patient,
            false => Looker::Hurried,
        };
        match queue.settle(&*broker.clock, looker) {
            Due::Nothing => {}
            Due::Flush(taken) if taken.is_brief() => network::thread::briefly(|| flush(broker, dir, taken.all())),
            Due::Flush(taken) => network::thread::in_place(|| flush(broker, dir, taken.all())),
            Due::Begin(partitions) => begin(broker, dir, &partitions),
        }
    }
}

/// Begins to write what others will flush.
fn begin(broker: &Broker, dir: &LogDir, partitions: &[Arc<Hosted>]) {
    for hosted in partitions {
        let file = hosted.lock_quietly().log().file_to_flush();
        if let Some(Err(error)) = file.map(|file| file.begin_sync()) {
            dir.take_offline(&StorageError::from(error));
            everyone_in(broker, dir).fire();
            return;
        }
    }
}

/// Flushes what waits before the broker serves, on the caller's thread: what a start after a crash found beyond the
/// recovery points is shown from the first answer on, as before the crash.
pub fn flush_at_start(broker: &Broker) {
    for (dir, queue) in &broker.flushes.queues {
        if let Some(taken) = queue.take_at_once(&*broker.clock) {
            flush(broker, dir, taken.all());
        }
    }
}

/// Flushes the partitions in `waiting` as one, and tells who waits for them.
fn flush(broker: &Broker, dir: &LogDir, waiting: &[Arc<Hosted>]) {
    let mut prepared: Vec<&Arc<Hosted>> = Vec::with_capacity(waiting.len());
    let mut flushes: Vec<Flush> = Vec::with_capacity(waiting.len());
    let mut result = Ok(());
    for hosted in waiting {
        hosted.flush_begins();
        if !std::ptr::eq(Arc::as_ptr(&hosted.dir()), dir) {
            // It was moved meanwhile, and another thread's disk has it now.
            hosted.request_flush();
            continue;
        }
        if dir.is_offline() {
            result = Err(StorageError::Offline);
            continue;
        }
        let flush = with_descriptors(broker, || hosted.lock().log_mut().prepare_flush_of_records());
        match flush {
            Ok(Some(flush)) => {
                flushes.push(flush);
                prepared.push(hosted);
            }
            Ok(None) => {}
            Err(error) => result = Err(error),
        }
    }
    let began = broker.clock.now();
    let result = result.and_then(|()| with_descriptors(broker, || storage::run_together(broker.fs.as_ref(), &flushes)));
    let mut wakes = Wakes::none();
    let now = broker.clock.now();
    if !flushes.is_empty() {
        let records = flushes.iter().map(Flush::records).sum();
        broker
            .flushes
            .measures
            .flushed(now.since(began), flushes.len(), records);
    }
    let mut wanted = Vec::new();
    for (hosted, flush) in prepared.into_iter().zip(flushes) {
        let mut locked = hosted.lock();
        wakes.merge(locked.finish_flush(flush, result, now));
        let room = locked.log_mut().wants_room();
        wanted.extend(room.map(|room| {
            let hosted = Arc::clone(hosted);
            Arc::new(Wanted { hosted, room })
        }));
        drop(locked);
        dir.recovery_points_moved.store(true, Ordering::Release);
    }
    if let Err(error) = result {
        dir.take_offline(&error);
        wakes.merge(everyone_in(broker, dir));
    }
    wakes.fire();
    if !wanted.is_empty() {
        broker.flushes.want(dir, wanted);
    }
}

/// Does what needs files opened; where no more can be, others give theirs back first. That nothing can be opened says nothing of
/// the disk, and nothing was synced yet.
fn with_descriptors<T>(broker: &Broker, work: impl Fn() -> Result<T, StorageError>) -> Result<T, StorageError> {
    loop {
        match work() {
            Err(StorageError::TooManyOpenFiles) => {
                warn!("a flush waits for descriptors: the limit on open files is too low");
                open_files::give_back(broker);
                std::thread::sleep(FOR_DESCRIPTORS);
            }
            done => return done,
        }
    }
}

/// Nobody will flush in this directory again: who waits for its partitions is told.
fn everyone_in(broker: &Broker, dir: &LogDir) -> Wakes {
    let mut wakes = Wakes::none();
    for hosted in broker.partitions.all() {
        if std::ptr::eq(Arc::as_ptr(&hosted.dir()), dir) {
            wakes.merge(hosted.lock().wake_everyone());
        }
    }
    wakes
}
