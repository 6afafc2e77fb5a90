//! Taking a snapshot from the leader, piece by piece, in the place of the log (KIP-630).

use super::Raft;
use crate::config::Now;
use crate::effect::Effect;
use crate::fault::Fault;
use crate::message::{Destination, FetchSnapshotRequest, Leadership, SnapshotChunk};
use crate::snapshot::SnapshotHeader;
use crate::snapshot_id::SnapshotId;
use crate::state::{SnapshotFetch, State};
use base::Offset;
use protocol::ErrorCode;

impl Raft {
    /// The leader says which snapshot to take.
    pub(super) fn take_snapshot_id(&mut self, id: SnapshotId, out: &mut Vec<Effect>) -> Result<(), Fault> {
        self.check_committed(id.end)?;
        if id == SnapshotId::BOOTSTRAP || id.end < Offset::ZERO || id.epoch > self.epoch() {
            return Err(Fault::Records {
                epoch: self.epoch(),
                at: self.shape.end(),
            });
        }
        if let State::Follower(state) = &mut self.state {
            state.snapshot = Some(SnapshotFetch { id, position: 0 });
            out.push(Effect::BeginSnapshot(id));
        }
        Ok(())
    }

    /// The leader answered a fetch of a piece of a snapshot.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one answer, which is taken apart only once"
    )]
    pub(super) fn on_snapshot_answer(
        &mut self,
        to: &Destination,
        request: &FetchSnapshotRequest,
        error: ErrorCode,
        leadership: Leadership,
        chunk: Option<SnapshotChunk>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let counts = self.weigh(to, error, leadership, now, out);
        let State::Follower(state) = &mut self.state else {
            return;
        };
        let wanted = SnapshotFetch {
            id: request.id,
            position: request.position,
        };
        if state.epoch != request.epoch || state.snapshot != Some(wanted) {
            return;
        }
        let is_gone = matches!(error, ErrorCode::SnapshotNotFound | ErrorCode::PositionOutOfRange);
        if is_gone {
            // The leader has a newer one by now; a fetch tells which.
            state.snapshot = None;
            out.push(Effect::AbandonSnapshot(request.id));
            self.hold_contact(now);
            return;
        }
        let Some(chunk) = chunk.filter(|_| counts) else {
            return;
        };
        let fits = chunk.id == wanted.id && chunk.position == wanted.position;
        if !fits || (chunk.bytes.is_empty() && chunk.size > chunk.position) {
            self.requests.pause(to.clone(), now.instant);
            return;
        }
        let position = wanted.position + chunk.bytes.len() as u64;
        state.snapshot = Some(SnapshotFetch {
            id: wanted.id,
            position,
        });
        if !chunk.bytes.is_empty() {
            out.push(Effect::WriteSnapshot {
                id: wanted.id,
                position: wanted.position,
                bytes: chunk.bytes,
            });
        }
        if position >= chunk.size {
            self.installing = Some(wanted.id);
            out.push(Effect::InstallSnapshot(wanted.id));
        }
        self.hold_contact(now);
    }

    /// The snapshot that was to be installed is: it is durable, `header` is what it begins with, and the log begins, empty,
    /// at its end.
    pub fn on_snapshot_installed(&mut self, now: Now, id: SnapshotId, header: &SnapshotHeader, out: &mut Vec<Effect>) {
        if self.installing.take() != Some(id) {
            return;
        }
        self.shape.install(id);
        self.history
            .install(id.end, header.kraft_version, header.voters.clone());
        self.durability.restart(id.end);
        self.end_snapshot_fetch();
        if self.high_watermark.is_none_or(|known| known < id.end) {
            self.high_watermark = Some(id.end);
            out.push(Effect::HighWatermark(id.end));
        }
        self.drive(now, out);
    }

    /// The snapshot that was to be installed is damaged, and removed.
    pub fn on_snapshot_rejected(&mut self, now: Now, id: SnapshotId, out: &mut Vec<Effect>) {
        if self.installing.take() != Some(id) {
            return;
        }
        self.end_snapshot_fetch();
        self.drive(now, out);
    }

    fn end_snapshot_fetch(&mut self) {
        if let State::Follower(state) = &mut self.state {
            state.snapshot = None;
        }
    }
}
