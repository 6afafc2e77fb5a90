//! A directory that gets another name while something goes on in it.

use super::differs::{But, Differs};
use super::{Bench, append, batch};
use crate::LogConfig;
use base::Rng;
use base::fs::{File, Fs, RealFs};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// The machine's file system, in which what a flush does first and a rename meet: the flush knows the old name already, the
/// rename is done but does not return before the flush has found nothing.
#[derive(Debug)]
struct Meeting {
    flush: Mutex<Option<Flushing>>,
    rename: Mutex<Option<Renaming>>,
    found_nothing: Sender<()>,
}

#[derive(Debug)]
struct Flushing {
    begun: Sender<()>,
    renamed: Receiver<()>,
}

#[derive(Debug)]
struct Renaming {
    renamed: Sender<()>,
    found_nothing: Receiver<()>,
}

impl Meeting {
    /// Something that a flush does.
    fn meet<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let flush = self.flush.lock().expect("no panic").take();
        let Some(Flushing { begun, renamed }) = flush else {
            return act();
        };
        begun.send(()).expect("the rename waits for it");
        renamed.recv().expect("it is renamed");
        let result = act();
        let nothing = matches!(&result, Err(error) if error.kind() == io::ErrorKind::NotFound);
        assert!(nothing, "there is nothing under the old name");
        self.found_nothing.send(()).expect("the rename waits for it");
        result
    }
}

impl Differs for Meeting {
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.meet(|| RealFs.replace(path, bytes))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealFs.rename(from, to)?;
        if let Some(Renaming { renamed, found_nothing }) = self.rename.lock().expect("no panic").take() {
            renamed.send(()).expect("the flush waits for it");
            found_nothing.recv().expect("the flush looks under the old name");
        }
        Ok(())
    }

    fn sync_together(&self, files: &[Arc<dyn File>], dirs: &[PathBuf]) -> io::Result<()> {
        self.meet(|| RealFs.sync_together(files, dirs))
    }
}

#[test]
fn a_flush_during_the_rename_of_a_deleted_partition_has_nothing_to_do() {
    let (begun, begins) = channel();
    let (renames, renamed) = channel();
    let (nothing, found_nothing) = channel();
    let fs = Arc::new(But(Meeting {
        flush: Mutex::new(None),
        rename: Mutex::new(None),
        found_nothing: nothing,
    }));
    let mut bench = Bench::new(LogConfig::default());
    bench.options.fs = Arc::<But<Meeting>>::clone(&fs);
    let mut log = bench.open();
    append(&mut log, batch(1, 100, 1));
    let flush = log.prepare_flush().expect("opened").expect("something to do");
    *fs.0.flush.lock().expect("no panic") = Some(Flushing { begun, renamed });
    *fs.0.rename.lock().expect("no panic") = Some(Renaming {
        renamed: renames,
        found_nothing,
    });
    std::thread::scope(|scope| {
        let flushed = scope.spawn(|| flush.run());
        begins.recv().expect("the flush begins");
        log.rename_for_delete(&mut Rng::from_seed(1)).expect("renamed");
        assert_eq!(flushed.join().expect("no panic"), Ok(()));
    });
}
