//! How far the check of the logs is while the broker starts: the segments that each thread has still before it (KIP-831).

use crate::log_dirs::{LogDir, LogDirs};
use base::metric::{Descriptor, Registry};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SEGMENTS: Descriptor = Descriptor::new(
    "kafka.log",
    "LogManager",
    "remainingSegmentsToRecover",
    "Segments that the thread has still to check of the log that it opens (KIP-831).",
);

/// What one thread is still to check, in each log directory: it takes the next log wherever that lies.
#[derive(Debug)]
pub struct Checking {
    of_dirs: Vec<(PathBuf, Arc<AtomicUsize>)>,
    shown: Option<(Arc<Registry>, String)>,
}

impl Checking {
    /// Of the threads that open the logs of a start: shown until it is dropped, as Kafka shows it.
    pub fn shown(dirs: &LogDirs, metrics: &Arc<Registry>, thread: usize) -> Self {
        let thread = thread.to_string();
        let mut checking = Self::unseen(dirs);
        for (dir, left) in &checking.of_dirs {
            let (dir, left) = (dir.display().to_string(), Arc::clone(left));
            let labels = [("dir", dir.as_str()), ("threadNum", thread.as_str())];
            let read = move || left.load(Ordering::Relaxed) as f64;
            metrics.asked_gauge(&SEGMENTS, &labels, read);
        }
        checking.shown = Some((Arc::clone(metrics), thread));
        checking
    }

    /// Of threads that open what is new: there is nothing to check.
    pub fn unseen(dirs: &LogDirs) -> Self {
        let dirs = dirs.dirs.iter().filter(|dir| !dir.is_offline());
        Self {
            of_dirs: dirs.map(|dir| (dir.path.clone(), Arc::default())).collect(),
            shown: None,
        }
    }

    /// Where it is counted for the logs of a directory.
    pub fn of(&self, dir: &LogDir) -> Arc<AtomicUsize> {
        let mut of_dirs = self.of_dirs.iter();
        of_dirs
            .find(|(path, _)| *path == dir.path)
            .map(|(_, left)| Arc::clone(left))
            .unwrap_or_default()
    }
}

impl Drop for Checking {
    fn drop(&mut self) {
        if let Some((metrics, thread)) = &self.shown {
            for (dir, _) in &self.of_dirs {
                let dir = dir.display().to_string();
                metrics.forget(&SEGMENTS, &[("dir", &dir), ("threadNum", thread)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitions::watched::{Watched, WatchedFs};
    use base::{Timestamp, TopicPartition};
    use records::BatchBuilder;
    use storage::{Log, LogConfig, LogOptions};

    #[test]
    fn what_is_left_is_shown_until_the_start_is_over() {
        let config = LogConfig {
            segment_bytes: 200,
            ..LogConfig::default()
        };
        let watched = Watched::new(config);
        for _ in 0..5 {
            let mut builder = BatchBuilder::new();
            builder.append(Timestamp(1), None, Some(&[b'v'; 100]), &[]);
            watched.append(builder.build());
        }
        let dir = Arc::clone(&watched.hosted.dir());
        let metrics = Arc::new(Registry::default());
        let checking = Checking::shown(&LogDirs::of(vec![Arc::clone(&dir)]), &metrics, 3);
        let name = format!(
            "kafka_log_logmanager_remainingsegmentstorecover{{dir=\"{}\",threadNum=\"3\"}}",
            dir.path.display()
        );
        assert!(metrics.text().contains(&format!("{name} 0\n")), "{}", metrics.text());
        // Not stopped in order: all five are checked, one after the other.
        let fs = Arc::new(WatchedFs::noting(checking.of(&dir)));
        let mut options = LogOptions::new(
            fs.clone(),
            dir.path.join("t-0"),
            TopicPartition::new("t", 0),
            Timestamp(1),
        );
        options.to_check = checking.of(&dir);
        Log::open(options).expect("opened");
        assert_eq!(fs.noted(), [0, 5, 4, 3, 2, 1, 0]);
        drop(checking);
        assert!(!metrics.text().contains(&name), "{}", metrics.text());
    }
}
