//! Threads that help to sync many files, kept for a moment after they have.
//!
//! A flush of a hundred files that grew comes two hundred times a second, and the room for them as often. To begin and end fifteen
//! threads each time cost a tenth of the machine: their stacks are mapped and unmapped, and every processor is interrupted for that.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a thread without work stays.
const STAYS: Duration = Duration::from_secs(1);
/// How many there are at most: enough for a flush and for what makes room beside it, each of them with fifteen.
const MOST: usize = 30;

/// Something to be done for every number below `count`.
struct Job {
    count: usize,
    next: AtomicUsize,
    work: Box<dyn Fn(usize) -> io::Result<()> + Send + Sync>,
    progress: Mutex<Progress>,
    left: Condvar,
}

struct Progress {
    /// How many threads are at it, whoever wants it done not among them.
    helpers: usize,
    result: io::Result<()>,
}

#[derive(Default)]
struct Crew {
    /// Jobs, each as often as it has use for one more thread.
    wanted: VecDeque<Arc<Job>>,
    threads: usize,
    idle: usize,
}

static CREW: Mutex<Crew> = Mutex::new(Crew {
    wanted: VecDeque::new(),
    threads: 0,
    idle: 0,
});
static WANTED: Condvar = Condvar::new();

/// Does `work` for every number below `count`, so many at a time; the first error counts, and what comes after it may be left out.
/// Where no thread can be had, the caller does all of it. A panic of `work`, on whatever thread, is an error like any other: what it
/// was at is not done, and whoever waits is told.
pub(super) fn each(
    count: usize,
    at_a_time: usize,
    work: impl Fn(usize) -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<()> {
    let helpers = at_a_time.min(count).saturating_sub(1);
    if helpers == 0 {
        return (0..count).try_for_each(|at| caught(&work, at));
    }
    let job = Arc::new(Job {
        count,
        next: AtomicUsize::new(0),
        work: Box::new(work),
        progress: Mutex::new(Progress {
            helpers: 0,
            result: Ok(()),
        }),
        left: Condvar::new(),
    });
    call(&job, helpers);
    let own = job.run();
    // Who has not come yet need not come any more; who came is waited for.
    crew().wanted.retain(|wanted| !Arc::ptr_eq(wanted, &job));
    let mut progress = job.progress();
    while progress.helpers > 0 {
        progress = job.left.wait(progress).unwrap_or_else(PoisonError::into_inner);
    }
    own.and(std::mem::replace(&mut progress.result, Ok(())))
}

/// Asks so many threads to help.
fn call(job: &Arc<Job>, helpers: usize) {
    let mut crew = crew();
    crew.wanted.extend(std::iter::repeat_n(job, helpers).cloned());
    let missing = crew.wanted.len().saturating_sub(crew.idle).min(MOST - crew.threads);
    let woken = helpers.min(crew.idle);
    for _ in 0..missing {
        let begun = std::thread::Builder::new().name("sync".to_owned()).spawn(help);
        if begun.is_err() {
            break;
        }
        crew.threads += 1;
    }
    drop(crew);
    for _ in 0..woken {
        WANTED.notify_one();
    }
}

/// What a thread does until nobody has wanted it for a while.
fn help() {
    let mut crew = crew();
    loop {
        if let Some(job) = crew.wanted.pop_front() {
            // Before the job's owner can look: it takes the lock to see who comes no more.
            job.progress().helpers += 1;
            drop(crew);
            job.help();
            crew = self::crew();
            continue;
        }
        crew.idle += 1;
        let (woken, slept) = WANTED.wait_timeout(crew, STAYS).unwrap_or_else(PoisonError::into_inner);
        crew = woken;
        crew.idle -= 1;
        if slept.timed_out() && crew.wanted.is_empty() {
            crew.threads -= 1;
            return;
        }
    }
}

impl Job {
    fn run(&self) -> io::Result<()> {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            if at >= self.count {
                return Ok(());
            }
            if let Err(error) = caught(&self.work, at) {
                self.next.fetch_max(self.count, Ordering::Relaxed);
                return Err(error);
            }
        }
    }

    fn help(&self) {
        let result = self.run();
        let mut progress = self.progress();
        if progress.result.is_ok() {
            progress.result = result;
        }
        progress.helpers -= 1;
        if progress.helpers == 0 {
            self.left.notify_one();
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work of one number. The thread has other jobs, and of this one the others must hear: it outlives a panic, which its hook has told.
fn caught(work: &dyn Fn(usize) -> io::Result<()>, at: usize) -> io::Result<()> {
    catch_unwind(AssertUnwindSafe(|| work(at)))
        .unwrap_or_else(|_| Err(io::Error::other("a thread that synced a file panicked")))
}

fn crew() -> MutexGuard<'static, Crew> {
    CREW.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_number_is_reached_once_and_the_first_error_counts() {
        for count in [0, 1, 2, 15, 16, 17, 1000] {
            let sum = Arc::new(AtomicU64::new(0));
            let summed = Arc::clone(&sum);
            each(count, 16, move |at| {
                summed.fetch_add(at as u64 + 1, Ordering::Relaxed);
                Ok(())
            })
            .expect("nothing fails");
            let count = count as u64;
            assert_eq!(sum.load(Ordering::Relaxed), count * (count + 1) / 2);
        }
        for fails in [0, 57, 99] {
            let failed = each(100, 16, move |at| match at == fails {
                true => Err(io::ErrorKind::Other.into()),
                false => Ok(()),
            });
            assert!(failed.is_err(), "{fails}");
        }
    }

    #[test]
    fn whoever_waits_sees_all_that_was_done_however_many_ask_at_once() {
        let askers: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(|| {
                    for round in 0..200 {
                        let count = 2 + round % 40;
                        let done: Arc<Vec<AtomicU64>> = Arc::new((0..count).map(|_| AtomicU64::new(0)).collect());
                        let noted = Arc::clone(&done);
                        each(count, 16, move |at| {
                            noted[at].fetch_add(1, Ordering::Relaxed);
                            Ok(())
                        })
                        .expect("nothing fails");
                        assert!(done.iter().all(|times| times.load(Ordering::Relaxed) == 1), "{round}");
                    }
                })
            })
            .collect();
        askers.into_iter().for_each(|asker| asker.join().expect("as told"));
        assert!(crew().threads <= MOST);
    }

    #[test]
    fn a_panic_is_an_error_whoever_panics_and_no_thread_is_lost() {
        for (count, at_a_time) in [(1, 16), (8, 8), (100, 16)] {
            let failed = each(count, at_a_time, |_| panic!("planted"));
            assert_eq!(failed.expect_err("nothing was done").kind(), io::ErrorKind::Other);
        }
        // One helper alone panics, while all others, and who asked, are still at it.
        let (asker, meeting) = (std::thread::current().id(), Arc::new(std::sync::Barrier::new(8)));
        let first = Arc::new(AtomicUsize::new(0));
        let failed = each(8, 8, move |_| {
            meeting.wait();
            let helps = std::thread::current().id() != asker;
            assert!(!helps || first.fetch_add(1, Ordering::Relaxed) > 0, "planted");
            Ok(())
        });
        failed.expect_err("one of eight was not done");
        // Were its threads gone, so many would not come together any more.
        for _ in 0..MOST {
            let meeting = std::sync::Barrier::new(8);
            each(8, 8, move |at| {
                meeting.wait();
                assert_ne!(at, 3, "planted");
                Ok(())
            })
            .expect_err("one of eight was not done");
        }
    }

    #[test]
    fn a_job_with_use_for_many_gets_them_at_once() {
        // Nobody goes on before all eight are there: with fewer threads this would not end.
        let meeting = std::sync::Barrier::new(8);
        each(8, 8, move |_| {
            meeting.wait();
            Ok(())
        })
        .expect("nothing fails");
    }
}
