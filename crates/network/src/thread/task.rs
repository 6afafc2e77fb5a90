//! A worker of a simulated node: a task that takes a turn whenever its disk has had the time for one.

use super::{Patience, Turn};
use crate::simulated;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

type Work = Box<dyn FnMut(Patience) -> Turn + Send>;

/// See the module.
pub(super) struct Task {
    work: Arc<Mutex<Work>>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Task {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Task").finish_non_exhaustive()
    }
}

fn turn(work: &Mutex<Work>) -> Turn {
    let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
    work(Patience::Look)
}

impl Task {
    pub(super) fn begin(work: Work) -> Self {
        let work = Arc::new(Mutex::new(work));
        let mine = Arc::clone(&work);
        let task = tokio::spawn(async move {
            while turn(&mine) != Turn::End {
                simulated::disk_time().await;
            }
        });
        Self { work, task }
    }

    /// Does what waits, at once.
    pub(super) fn hurry(&self) {
        while turn(&self.work) == Turn::More {}
    }

    /// There will be no more turns.
    pub(super) fn end(self) {
        self.task.abort();
    }
}
