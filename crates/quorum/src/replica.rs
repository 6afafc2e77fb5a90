//! The machine together with its log and its peers: executes effects, and says what became of them.

use crate::error::QuorumError;
use crate::flusher::{Flushed, Flusher};
use crate::incoming_snapshot::{IncomingSnapshot, Installed};
use crate::metadata_log::MetadataLog;
use crate::peers::Peers;
use base::{Clock, LeaderEpoch, Offset, Timestamp};
use bytes::Bytes;
use raft::log_shape::LogPosition;
use raft::{
    Answer, Effect, Fault, FetchAnswer, FetchRefusal, Now, QuorumState, Raft, ReplicaKey, Request, RequestId,
    SealedBatch, SendFailure, SnapshotId, Ticket,
};
use records::ReplicatedBatches;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// What became of the effects.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The new high watermark, if it moved.
    pub(crate) high_watermark: Option<Offset>,
    /// Whether this replica ceased to lead.
    pub(crate) deposed: bool,
    /// The leader's snapshot that took the place of the log.
    pub(crate) installed: Option<Installed>,
}

/// One replica of the metadata log.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) raft: Raft,
    pub(crate) log: MetadataLog,
    pub(crate) peers: Peers,
    flusher: Flusher,
    /// How many of the machine's flushes wait for the one under way to end.
    flushes_due: usize,
    /// How many the one under way is for.
    flushes_under_way: usize,
    pub(crate) high_watermark: Offset,
    /// Bytes appended since the newest snapshot.
    pub(crate) bytes_since_snapshot: u64,
    /// When the last record of the log was appended.
    pub(crate) last_timestamp: Timestamp,
    clock: Arc<dyn Clock>,
    effects: Vec<Effect>,
    incoming: Option<IncomingSnapshot>,
    /// Who waits for the machine's answer.
    asked: BTreeMap<Ticket, oneshot::Sender<Answer>>,
    next_ticket: u64,
    /// What was last said to be wrong with the quorum.
    told: Option<Fault>,
}

impl Replica {
    /// A machine whose first effects are still to be executed.
    ///
    /// # Errors
    /// If the thread that syncs the log cannot be started.
    pub(crate) fn new(
        raft: Raft,
        log: MetadataLog,
        peers: Peers,
        clock: Arc<dyn Clock>,
        effects: Vec<Effect>,
    ) -> Result<Self, QuorumError> {
        Ok(Self {
            raft,
            log,
            peers,
            flusher: Flusher::start()?,
            flushes_due: 0,
            flushes_under_way: 0,
            high_watermark: Offset::NONE,
            bytes_since_snapshot: 0,
            last_timestamp: Timestamp::NONE,
            clock,
            effects,
            incoming: None,
            asked: BTreeMap::new(),
            next_ticket: 0,
            told: None,
        })
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

    /// The leader of `epoch` has not answered this node's questions for `silent`.
    pub(crate) fn on_leader_silent(&mut self, epoch: LeaderEpoch, silent: Duration) {
        let now = self.now();
        self.raft.on_leader_silent(now, epoch, silent, &mut self.effects);
    }

    /// Another replica, or a tool, asks.
    pub(crate) fn on_request(&mut self, request: Request, reply: oneshot::Sender<Answer>) {
        let now = self.now();
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.asked.insert(ticket, reply);
        self.raft.on_request(now, ticket, request, &mut self.effects);
    }

    /// What a request of this replica brought.
    pub(crate) fn on_outcome(&mut self, id: RequestId, outcome: Result<Answer, SendFailure>) {
        let now = self.now();
        match outcome {
            Ok(answer) => self.raft.on_answer(now, id, answer, &mut self.effects),
            Err(why) => self.raft.on_failed(now, id, why, &mut self.effects),
        }
    }

    /// Another replica pulls the log.
    pub(crate) fn on_fetch(
        &mut self,
        replica: Option<ReplicaKey>,
        epoch: LeaderEpoch,
        position: LogPosition,
    ) -> Result<FetchAnswer, FetchRefusal> {
        let now = self.now();
        self.raft.on_fetch(now, replica, epoch, position, &mut self.effects)
    }

    /// Another replica pulls a snapshot.
    pub(crate) fn on_fetch_snapshot(
        &mut self,
        replica: Option<ReplicaKey>,
        epoch: LeaderEpoch,
    ) -> Result<(), FetchRefusal> {
        let now = self.now();
        self.raft.on_fetch_snapshot(now, replica, epoch, &mut self.effects)
    }

    /// Makes the voters records of the log, if this replica leads.
    pub(crate) fn upgrade_kraft_version(&mut self, level: i16) {
        let now = self.now();
        self.raft.upgrade_kraft_version(now, level);
    }

    /// Drops the log before `start`, which a snapshot covers, as far as whole segments allow.
    pub(crate) fn clean_before(&mut self, start: Offset) -> Result<(), QuorumError> {
        self.finish_flushes()?;
        self.log.clean_before(start)?;
        self.raft.on_log_start(self.log.start());
        Ok(())
    }

    /// Puts everything on stable storage and closes the log.
    pub(crate) fn close(&mut self) -> Result<(), QuorumError> {
        self.finish_flushes()?;
        self.log.close()
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
        if let Some(flushed) = self.flusher.ended() {
            self.flushed(flushed)?;
        }
        self.raft.seal(&mut self.effects);
        while !self.effects.is_empty() {
            let effects = std::mem::take(&mut self.effects);
            self.execute(effects, &mut progress)?;
        }
        self.asked.retain(|_, reply| !reply.is_closed());
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
                Effect::Append(sealed) => self.append(&sealed)?,
                Effect::AppendFetched { bytes, base, .. } => self.append_fetched(bytes, base)?,
                Effect::Truncate(end) => self.truncate(end)?,
                Effect::Flush => self.flush()?,
                Effect::BeginSnapshot(id) => self.begin_snapshot(id)?,
                Effect::WriteSnapshot { id, position, bytes } => self.write_snapshot(id, position, &bytes)?,
                Effect::InstallSnapshot(id) => {
                    progress.installed = self.install_snapshot(id)?.or(progress.installed.take())
                }
                Effect::AbandonSnapshot(_) => self.abandon_snapshot()?,
                Effect::Send { id, to, request } => self.peers.send(id, to, request),
                Effect::Answer { ticket, answer } => {
                    if let Some(reply) = self.asked.remove(&ticket) {
                        // Whoever asked may have gone.
                        _ = reply.send(answer);
                    }
                }
                Effect::Leading { epoch, start } => {
                    tracing::info!(%epoch, %start, "this node leads the metadata quorum");
                }
                Effect::Deposed => progress.deposed = true,
                Effect::Following(leadership) => {
                    let leader = leadership.leader.unwrap_or(base::NodeId::NONE);
                    tracing::info!(epoch = %leadership.epoch, %leader, "this node follows the metadata quorum's leader");
                }
                Effect::HighWatermark(offset) => {
                    self.high_watermark = offset;
                    progress.high_watermark = Some(offset);
                }
                Effect::Fault(fault) => self.tell(fault),
            }
        }
        self.save(&mut unsaved)
    }

    /// Says it once: whoever broke a promise tends to go on.
    fn tell(&mut self, fault: Fault) {
        if self.told.replace(fault) != Some(fault) {
            tracing::error!(%fault, "the metadata quorum contradicts itself");
        }
    }

    fn append(&mut self, sealed: &SealedBatch) -> Result<(), QuorumError> {
        self.bytes_since_snapshot += sealed.batch.size() as u64;
        self.last_timestamp = sealed.batch.header().max_timestamp;
        self.log.append(sealed)
    }

    fn append_fetched(&mut self, bytes: Bytes, base: Offset) -> Result<(), QuorumError> {
        self.finish_flushes()?;
        let end = self.log.end();
        assert_eq!(
            base, end,
            "the machine's log and the log on disk end at the same offset"
        );
        let batches = ReplicatedBatches::verify(bytes).map_err(|error| QuorumError::Batch { offset: base, error })?;
        self.bytes_since_snapshot += batches.bytes().len() as u64;
        if let Some(last) = batches.batches().flatten().last() {
            self.last_timestamp = last.header().max_timestamp;
        }
        self.log.append_fetched(&batches)
    }

    fn truncate(&mut self, end: Offset) -> Result<(), QuorumError> {
        self.finish_flushes()?;
        assert!(
            end >= self.high_watermark,
            "the log is committed up to {} and cannot be truncated to {end}",
            self.high_watermark
        );
        tracing::info!(from = %self.log.end(), to = %end, "the leader does not have the end of this metadata log; it is cut off");
        self.log.truncate(end)
    }

    /// A leader of others has its log synced while the others write it, too. Everybody else has nothing to do meanwhile.
    fn flush(&mut self) -> Result<(), QuorumError> {
        let voters = self.raft.history().voters();
        if self.raft.leading().is_some() && !voters.is_only_voter(&self.raft.own()) {
            self.flushes_due += 1;
            return self.begin_flush();
        }
        self.finish_flushes()?;
        self.log.flush()?;
        self.tell_flushed(1);
        Ok(())
    }

    /// Begins what is due, unless a flush is under way.
    fn begin_flush(&mut self) -> Result<(), QuorumError> {
        if self.flusher.is_busy() || self.flushes_due == 0 {
            return Ok(());
        }
        let flushes = std::mem::take(&mut self.flushes_due);
        match self.log.prepare_flush()? {
            Some(flush) => {
                self.flushes_under_way = flushes;
                self.flusher.begin(flush);
            }
            None => self.tell_flushed(flushes),
        }
        Ok(())
    }

    fn flushed(&mut self, (flush, result): Flushed) -> Result<(), QuorumError> {
        self.log.finish_flush(flush, result)?;
        let flushes = std::mem::take(&mut self.flushes_under_way);
        self.tell_flushed(flushes);
        self.begin_flush()
    }

    fn tell_flushed(&mut self, flushes: usize) {
        let now = self.now();
        for _ in 0..flushes {
            self.raft.on_flushed(now, &mut self.effects);
        }
    }

    /// Waits for every flush that was begun or is due: what follows touches the log in other ways.
    fn finish_flushes(&mut self) -> Result<(), QuorumError> {
        while let Some(flushed) = self.flusher.wait() {
            self.flushed(flushed)?;
        }
        Ok(())
    }

    /// What to wait for until a flush has ended.
    pub(crate) fn flush_ended(&self) -> Arc<Notify> {
        self.flusher.wake()
    }

    fn begin_snapshot(&mut self, id: SnapshotId) -> Result<(), QuorumError> {
        self.abandon_snapshot()?;
        tracing::info!(snapshot = %id, "taking the leader's snapshot of the metadata");
        self.incoming = Some(IncomingSnapshot::begin(&self.log, id)?);
        Ok(())
    }

    fn write_snapshot(&mut self, id: SnapshotId, position: u64, bytes: &[u8]) -> Result<(), QuorumError> {
        let incoming = self
            .incoming
            .as_mut()
            .expect("a snapshot is begun before it is written");
        assert_eq!(
            (incoming.id(), incoming.received()),
            (id, position),
            "the pieces of a snapshot come in order"
        );
        Ok(incoming.take(bytes)?)
    }

    fn install_snapshot(&mut self, id: SnapshotId) -> Result<Option<Installed>, QuorumError> {
        let incoming = self
            .incoming
            .take()
            .expect("a snapshot is begun before it is installed");
        assert_eq!(incoming.id(), id, "one snapshot is received at a time");
        let installed = incoming.install(&self.log)?;
        let now = self.now();
        let Some(installed) = installed else {
            self.raft.on_snapshot_rejected(now, id, &mut self.effects);
            return Ok(None);
        };
        self.finish_flushes()?;
        // First the snapshot, then the log: a start in between finds the snapshot ahead and drops the log.
        self.log.restart_at(id.end)?;
        self.bytes_since_snapshot = 0;
        self.last_timestamp = installed.header.last_contained_timestamp;
        tracing::info!(snapshot = %id, bytes = installed.file.size, "the leader's snapshot takes the place of the metadata log");
        self.raft
            .on_snapshot_installed(now, id, &installed.header, &mut self.effects);
        Ok(Some(installed))
    }

    fn abandon_snapshot(&mut self) -> Result<(), QuorumError> {
        match self.incoming.take() {
            Some(incoming) => incoming.abandon(&self.log),
            None => Ok(()),
        }
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
