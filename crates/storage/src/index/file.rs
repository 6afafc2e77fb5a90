//! An index's file, opened when it is first needed: short indexes are in memory, and thousands of segments that are
//! appended to hold one descriptor each, not three.

use crate::home::Home;
use base::fs::{File, Open};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file by its name in the partition's directory, open or not.
#[derive(Debug)]
pub(crate) struct IndexFile {
    home: Arc<Home>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    name: String,
    file: Option<Arc<dyn File>>,
}

impl IndexFile {
    pub(crate) fn new(home: Arc<Home>, name: String) -> Arc<Self> {
        let state = Mutex::new(State { name, file: None });
        Arc::new(Self { home, state })
    }

    /// The file, opened if it is not, and created if it is absent.
    pub(crate) fn open(&self) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        if let Some(file) = &state.file {
            return Ok(Arc::clone(file));
        }
        let file = self.home.open(&state.name, Open::Create)?;
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Gives the descriptor back.
    pub(crate) fn close(&self) {
        self.state().file = None;
    }

    /// The file has a new name.
    pub(crate) fn moved_to(&self, name: &str) {
        name.clone_into(&mut self.state().name);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
