//! When to write a snapshot, and when to forget old ones and the log they cover.

use crate::error::QuorumError;
use crate::operation::Answer;
use crate::replica::Replica;
use crate::snapshots::{self, Assignment, Content, Retention, SnapshotFile};
use base::{Instant, Timestamp};
use config::broker::MetadataLogSettings;
use controller::ControllerState;
use coordinator_runtime::Runtime;
use raft::SnapshotId;
use raft::snapshot::SnapshotHeader;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often the age of snapshots is looked at.
const CLEAN_INTERVAL: Duration = Duration::from_secs(60);

type Written = Result<SnapshotFile, QuorumError>;

/// Writes snapshots away from the driver's thread, one at a time.
#[derive(Debug)]
pub(crate) struct Snapshotter {
    max_bytes: u64,
    /// None: time is no reason.
    interval: Option<Duration>,
    retention: Retention,
    /// The finished ones, oldest first, without the bootstrap snapshot.
    files: Vec<SnapshotFile>,
    last: Instant,
    next_clean: Instant,
    /// When it was looked last whether a snapshot is due.
    looked: Instant,
    writing: Option<JoinHandle<Written>>,
    written: Option<Written>,
}

impl Snapshotter {
    pub(crate) fn new(settings: &MetadataLogSettings, files: Vec<SnapshotFile>, now: Instant) -> Self {
        let interval = settings.metadata_log_max_snapshot_interval;
        Self {
            max_bytes: u64::try_from(settings.metadata_log_max_record_bytes_between_snapshots).unwrap_or(u64::MAX),
            interval: (!interval.is_zero()).then_some(interval),
            retention: Retention {
                bytes: settings.metadata_max_retention_bytes,
                ms: settings.metadata_max_retention_ms,
            },
            files,
            last: now,
            next_clean: now.plus(CLEAN_INTERVAL),
            looked: now,
            writing: None,
            written: None,
        }
    }

    /// When there may be something to do. What was due and could not be done, as there is nothing new, is due again with what is new: a
    /// moment that has passed would keep the driver busy until then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.writing.is_some() {
            return None;
        }
        let due = self.interval.map(|interval| self.last.plus(interval));
        let due = due.filter(|due| *due > self.looked);
        Some(due.map_or(self.next_clean, |due| due.min(self.next_clean)))
    }

    /// Waits until the snapshot being written is finished; forever if there is none.
    pub(crate) async fn finished(&mut self) {
        let Some(writing) = &mut self.writing else {
            return std::future::pending().await;
        };
        let written = writing.await;
        self.writing = None;
        self.written = Some(written.unwrap_or_else(|gone| Err(std::io::Error::other(gone).into())));
    }

    /// Waits for the snapshot being written, if there is one, and drops the result: at shutdown the file is enough.
    pub(crate) async fn wait(&mut self) {
        if self.writing.is_some() {
            self.finished().await;
        }
    }

    /// Takes a finished snapshot into the list: one written here, or the leader's.
    pub(crate) fn add(&mut self, file: SnapshotFile) {
        self.files.retain(|known| known.id != file.id);
        self.files.push(file);
        // One written here may be finished after a newer one was installed.
        self.files.sort_by_key(|known| known.id);
    }

    /// Does what is due.
    ///
    /// # Errors
    /// If the disk failed.
    pub(crate) fn run(
        &mut self,
        replica: &mut Replica,
        runtime: &Runtime<ControllerState, Answer>,
    ) -> Result<(), QuorumError> {
        if let Some(written) = self.written.take() {
            let file = written?;
            tracing::info!(snapshot = %file.id, bytes = file.size, "wrote a snapshot of the metadata");
            replica.raft.on_snapshot(file.id);
            self.add(file);
            self.clean(replica)?;
        }
        let now = replica.now().instant;
        self.looked = now;
        if now >= self.next_clean {
            self.next_clean = now.plus(CLEAN_INTERVAL);
            self.clean(replica)?;
        }
        if self.writing.is_none() && self.is_due(replica, now) {
            self.begin(replica, runtime, now);
        }
        Ok(())
    }

    fn is_due(&self, replica: &Replica, now: Instant) -> bool {
        let since = replica.bytes_since_snapshot;
        let is_old = self.interval.is_some_and(|interval| now.since(self.last) >= interval);
        since >= self.max_bytes || (is_old && since > 0)
    }

    fn begin(&mut self, replica: &mut Replica, runtime: &Runtime<ControllerState, Answer>, now: Instant) {
        let Some(assignment) = assignment(replica, runtime) else {
            return;
        };
        self.last = now;
        replica.bytes_since_snapshot = 0;
        self.writing = Some(network::thread::beside(move || assignment.write()));
    }

    fn clean(&mut self, replica: &mut Replica) -> Result<(), QuorumError> {
        let now = replica.now().wall;
        let expired = snapshots::expired(&self.files, replica.log.size(), self.retention, now);
        for _ in 0..expired {
            // First the log, then the snapshot: a start in between finds nothing missing.
            let start = self.files[1].id.end;
            replica.clean_before(start)?;
            let oldest = self.files.remove(0);
            snapshots::remove(&replica.log, oldest.id)?;
            tracing::info!(snapshot = %oldest.id, log_start = %replica.log.start(), "removed an old metadata snapshot");
        }
        Ok(())
    }
}

/// The snapshot of everything committed; `None` while that ends within a transaction, or is nothing new.
fn assignment(replica: &Replica, runtime: &Runtime<ControllerState, Answer>) -> Option<Assignment> {
    let state = runtime.committed();
    let end = runtime.committed_end();
    let id = replica.raft.shape().snapshot_id(end)?;
    if state.open_transaction().is_some() || id == SnapshotId::BOOTSTRAP || replica.raft.shape().snapshot() == Some(id)
    {
        return None;
    }
    let history = replica.raft.history();
    Some(Assignment {
        fs: Arc::clone(replica.log.fs()),
        dir: replica.log.dir().to_owned(),
        id,
        header: SnapshotHeader {
            last_contained_timestamp: Timestamp(replica.last_timestamp.0.max(0)),
            kraft_version: history.kraft_version_at(end),
            voters: history.voters_at(end).cloned(),
        },
        content: Content::Image(Box::new(state.published().clone())),
        now: replica.now().wall,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{BrokerConfig, Layered};

    #[test]
    fn what_was_due_and_had_nothing_new_is_no_deadline() {
        let mut layered = Layered::new();
        for setting in [
            "node.id=1",
            "process.roles=controller",
            "listeners=CONTROLLER://127.0.0.1:9093",
            "controller.listener.names=CONTROLLER",
            "controller.quorum.voters=1@127.0.0.1:9093",
            "metadata.log.max.snapshot.interval.ms=2000",
        ] {
            layered.add_assignment(setting).expect("a setting");
        }
        let config = BrokerConfig::from_layers(&layered).expect("a controller's");
        let at = |seconds| Instant::ZERO.plus(Duration::from_secs(seconds));
        let mut snapshotter = Snapshotter::new(&config.metadata_log, Vec::new(), at(10));
        assert_eq!(snapshotter.deadline(), Some(at(12)));
        snapshotter.looked = at(12);
        assert_eq!(snapshotter.deadline(), Some(at(70)), "only old snapshots are looked at");
    }
}
