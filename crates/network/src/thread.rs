//! Work that waits for the disk, off the runtime's threads: the one place that begins threads and blocking tasks.
//!
//! With the feature `simulated`, which the program that is shipped never has, a simulated node does all of it as tasks on its one
//! thread, after the time that a disk takes (ADR 16).

mod alone;
#[cfg(feature = "simulated")]
mod task;

#[cfg(feature = "simulated")]
use crate::simulated;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Does what waits for the disk beside what is asynchronous.
pub fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    #[cfg(feature = "simulated")]
    if simulated::is_here() {
        return tokio::spawn(async move {
            simulated::disk_time().await;
            work()
        });
    }
    tokio::task::spawn_blocking(work)
}

/// Does what waits for the disk where it is called, while others go on elsewhere.
pub fn in_place<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(feature = "simulated")]
    if simulated::is_here() {
        return work();
    }
    tokio::task::block_in_place(work)
}

/// Does what waits for the disk for less than a millisecond where it is called. Others go on only if there is another thread for them, and
/// a task that this thread woke just before may have to wait as long: to be used where [`may_wait_in_place`], by who knows that it is brief.
pub fn briefly<T>(work: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Handle::try_current();
    match runtime.is_ok_and(|runtime| runtime.metrics().num_workers() > 1) {
        true => work(),
        false => in_place(work),
    }
}

/// Whether [`in_place`] lets others go on: on a runtime with several threads, and not in a simulation, whose disks take time of
/// their own.
pub fn may_wait_in_place() -> bool {
    #[cfg(feature = "simulated")]
    if simulated::is_here() {
        return false;
    }
    let runtime = tokio::runtime::Handle::try_current();
    runtime.is_ok_and(|runtime| runtime.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread)
}

/// How many threads can work at the same time.
pub fn parallelism() -> usize {
    #[cfg(feature = "simulated")]
    if simulated::is_here() {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How many threads may do at once what `wanted` could: in a simulation there is one.
pub fn at_once(wanted: usize) -> usize {
    #[cfg(feature = "simulated")]
    if simulated::is_here() {
        return 1;
    }
    wanted
}

/// Runs a future to its end on a thread of its own, within `runtime`. It waits by [`sleep`].
///
/// # Errors
/// If the thread cannot be started.
pub fn drive(
    name: &str,
    runtime: &tokio::runtime::Handle,
    work: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    #[cfg(feature = "simulated")]
    if simulated::is_here() {
        runtime.spawn(work);
        return Ok(());
    }
    let runtime = runtime.clone();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let run = move || {
        let _within = runtime.enter();
        alone::run(work);
    };
    thread.spawn(run).map(drop)
}

/// Waits, on a thread that [`drive`] began, with nothing but that thread's own waiting: a timer of the runtime wakes another thread
/// first, twice for each deadline, and again whenever an earlier one is set.
pub async fn sleep(duration: Duration) {
    if alone::is_here() {
        alone::sleep(duration).await;
    } else {
        tokio::time::sleep(duration).await;
    }
}

static AT_REST: OnceLock<fn()> = OnceLock::new();

/// Has every thread that runs tasks do something whenever it is about to wait for more of them.
pub fn at_rest(what: fn()) {
    // The first to say it is the program's own start.
    _ = AT_REST.set(what);
}

/// A thread that runs tasks is about to wait for more of them.
pub fn rests() {
    if let Some(what) = AT_REST.get() {
        what();
    }
}

/// Whether a turn may wait for something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It waits until there is something, or never will be.
    Wait,
    /// It does what there is.
    Look,
}

/// Whether there will be more turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There may be more to do.
    More,
    /// There was nothing to do.
    Nothing,
    /// There will not be anything any more.
    End,
}

/// A thread that does one thing after the other, each of which waits for the disk.
#[derive(Debug)]
pub struct Worker {
    doing: Doing,
}

#[derive(Debug)]
enum Doing {
    Thread(std::thread::JoinHandle<()>),
    #[cfg(feature = "simulated")]
    Task(task::Task),
}

impl Worker {
    /// Begins a thread that takes turns until one says that it was the last.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn begin(name: String, mut work: impl FnMut(Patience) -> Turn + Send + 'static) -> io::Result<Self> {
        #[cfg(feature = "simulated")]
        if simulated::is_here() {
            let doing = Doing::Task(task::Task::begin(Box::new(work)));
            return Ok(Self { doing });
        }
        let thread = std::thread::Builder::new().name(name);
        let doing = Doing::Thread(thread.spawn(move || while work(Patience::Wait) != Turn::End {})?);
        Ok(Self { doing })
    }

    /// Somebody is about to block until what waits is done: a simulated node does it now.
    pub fn hurry(&self) {
        match &self.doing {
            Doing::Thread(_) => {}
            #[cfg(feature = "simulated")]
            Doing::Task(task) => task.hurry(),
        }
    }

    /// Waits for the last turn.
    ///
    /// # Errors
    /// If a turn panicked.
    pub fn join(self) -> std::thread::Result<()> {
        self.hurry();
        match self.doing {
            Doing::Thread(thread) => thread.join(),
            #[cfg(feature = "simulated")]
            Doing::Task(task) => {
                task.end();
                Ok(())
            }
        }
    }
}
