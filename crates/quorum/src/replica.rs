//! The machine together with its log: executes effects, and says what is committed.

use crate::error::QuorumError;
use crate::metadata_log::MetadataLog;
use base::{Clock, LeaderEpoch, Offset, Timestamp};
use raft::log_shape::LogPosition;
use raft::{Effect, FetchAnswer, FetchRefusal, Now, QuorumState, Raft, ReplicaKey};
use std::sync::Arc;

/// What became of the effects.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The new high watermark, if it moved.
    pub(crate) high_watermark: Option<Offset>,
    /// Whether this replica ceased to lead.
    pub(crate) deposed: bool,
}

/// One replica of the metadata log.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) raft: Raft,
    pub(crate) log: MetadataLog,
    pub(crate) high_watermark: Offset,
    /// Bytes appended since the newest snapshot.
    pub(crate) bytes_since_snapshot: u64,
    /// When the last record of the log was appended.
    pub(crate) last_timestamp: Timestamp,
    clock: Arc<dyn Clock>,
    effects: Vec<Effect>,
}

impl Replica {
    /// A machine whose first effects are still to be executed.
    pub(crate) fn new(raft: Raft, log: MetadataLog, clock: Arc<dyn Clock>, effects: Vec<Effect>) -> Self {
        Self {
            raft,
            log,
            high_watermark: Offset::NONE,
            bytes_since_snapshot: 0,
            last_timestamp: Timestamp::NONE,
            clock,
            effects,
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            instant: self.clock.now(),
            wall: self.clock.wall(),
        }
    }

    /// Tells the machine that a deadline may have passed.
    pub(crate) fn on_timeout(&mut self) {
        let now = self.now();
        self.raft.on_timeout(now, &mut self.effects);
    }

    /// Makes the voters records of the log, if this replica leads.
    pub(crate) fn upgrade_kraft_version(&mut self, level: i16) {
        let now = self.now();
        self.raft.upgrade_kraft_version(now, level);
    }

    /// Another replica pulls.
    ///
    /// # Errors
    /// Why it gets nothing.
    pub(crate) fn on_fetch(
        &mut self,
        replica: Option<ReplicaKey>,
        epoch: LeaderEpoch,
        position: LogPosition,
    ) -> Result<FetchAnswer, FetchRefusal> {
        let now = self.now();
        self.raft.on_fetch(now, replica, epoch, position, &mut self.effects)
    }

    /// Steps down.
    pub(crate) fn resign(&mut self) {
        let now = self.now();
        self.raft.resign(now, &mut self.effects);
    }

    /// Writes what was taken since the last time, and executes everything else that the machine wants done.
    ///
    /// # Errors
    /// If the disk failed. What is on it is then unknown, so the replica must not be used any more.
    pub(crate) fn settle(&mut self) -> Result<Progress, QuorumError> {
        let mut progress = Progress::default();
        self.raft.seal(&mut self.effects);
        while !self.effects.is_empty() {
            let effects = std::mem::take(&mut self.effects);
            self.execute(effects, &mut progress)?;
        }
        Ok(progress)
    }

    fn execute(&mut self, effects: Vec<Effect>, progress: &mut Progress) -> Result<(), QuorumError> {
        let mut unsaved: Option<QuorumState> = None;
        for effect in effects {
            if let Effect::Persist(state) = effect {
                unsaved = Some(state);
                continue;
            }
            self.save(&mut unsaved)?;
            match effect {
                Effect::Persist(_) => {}
                Effect::Append(sealed) => {
                    self.bytes_since_snapshot += sealed.batch.size() as u64;
                    self.last_timestamp = sealed.batch.header().max_timestamp;
                    self.log.append(&sealed)?;
                }
                Effect::Flush => {
                    self.log.flush()?;
                    let now = self.now();
                    self.raft.on_flushed(now, &mut self.effects);
                }
                Effect::Leading { epoch, start } => {
                    tracing::info!(%epoch, %start, "this node leads the metadata quorum");
                }
                Effect::Deposed => progress.deposed = true,
                Effect::HighWatermark(offset) => {
                    self.high_watermark = offset;
                    progress.high_watermark = Some(offset);
                }
                other => {
                    let wanted = format!("a quorum of several voters is not hosted yet: {other:?}");
                    return Err(std::io::Error::other(wanted).into());
                }
            }
        }
        self.save(&mut unsaved)
    }

    fn save(&self, unsaved: &mut Option<QuorumState>) -> Result<(), QuorumError> {
        let Some(state) = unsaved.take() else {
            return Ok(());
        };
        let history = self.raft.history();
        self.log
            .write_quorum_state(&state, history.kraft_version(), history.voters())
    }
}
