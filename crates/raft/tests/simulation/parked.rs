//! Fetches, answered from a leader's log, at once or when there is something to tell.

use crate::node::{Node, now};
use base::{Offset, Rng};
use bytes::Bytes;
use protocol::ErrorCode;
use raft::message::{FetchRequest, FetchSnapshotRequest, Fetched, SnapshotChunk};
use raft::{Answer, FetchAnswer, FetchRefusal, RequestId};

/// How long a fetch waits for news.
const LONGEST_WAIT: u64 = 500;
/// A piece of a snapshot.
const CHUNK: usize = 300;

/// A fetch that waits.
#[derive(Clone, Debug)]
pub struct Parked {
    pub from: usize,
    pub life: u64,
    pub id: RequestId,
    pub request: FetchRequest,
    pub until: u64,
}

impl Parked {
    pub fn new(from: usize, life: u64, id: RequestId, request: FetchRequest, millis: u64) -> Self {
        Self {
            from,
            life,
            id,
            request,
            until: millis + LONGEST_WAIT,
        }
    }
}

/// Answers a fetch; `None` if there is nothing to tell yet.
pub fn look(node: &mut Node, parked: &Parked, millis: u64, rng: &mut Rng) -> Option<Answer> {
    let request = &parked.request;
    let (replica, epoch, position) = (Some(request.replica), request.epoch, request.position);
    let found = node.tell(|raft, out| raft.on_fetch(now(millis), replica, epoch, position, out))?;
    let leadership = node.raft.as_ref()?.leadership();
    let answer = |error, fetched| Answer::Fetch {
        error,
        leadership: leadership.clone(),
        fetched,
    };
    let nothing = Fetched::Records {
        bytes: Bytes::new(),
        high_watermark: None,
    };
    match found {
        Err(refusal) => Some(answer(code(refusal), nothing)),
        Ok(FetchAnswer::Diverging(position)) => Some(answer(ErrorCode::None, Fetched::Diverging(position))),
        Ok(FetchAnswer::Snapshot(id)) => Some(answer(ErrorCode::None, Fetched::Snapshot(id))),
        Ok(FetchAnswer::Records { high_watermark }) => {
            let high_watermark = (high_watermark >= Offset::ZERO).then_some(high_watermark);
            let bytes = read(node, position.offset, rng);
            let has_news = !bytes.is_empty() || high_watermark > request.high_watermark;
            let fetched = Fetched::Records { bytes, high_watermark };
            (has_news || millis >= parked.until).then(|| answer(ErrorCode::None, fetched))
        }
    }
}

/// Some batches from `from` on, the last perhaps cut.
fn read(node: &Node, from: Offset, rng: &mut Rng) -> Bytes {
    let log = &node.disk.cached;
    let first = log.batches.partition_point(|batch| batch.base < from);
    let mut bytes = Vec::new();
    for batch in log
        .batches
        .iter()
        .skip(first)
        .take(1 + usize::try_from(rng.below(6)).unwrap())
    {
        bytes.extend_from_slice(&batch.bytes);
    }
    if rng.below(8) == 0
        && let Some(next) = log.batches.get(first + crate::disk::whole_batches(&bytes))
    {
        bytes.extend_from_slice(&next.bytes[..next.bytes.len() / 2]);
    }
    bytes.into()
}

/// Answers a fetch of a piece of a snapshot.
pub fn piece(node: &mut Node, request: &FetchSnapshotRequest, millis: u64) -> Option<Answer> {
    let (replica, epoch) = (Some(request.replica), request.epoch);
    let checked = node.tell(|raft, out| raft.on_fetch_snapshot(now(millis), replica, epoch, out))?;
    let leadership = node.raft.as_ref()?.leadership();
    let (error, chunk) = match (checked, node.disk.snapshots.get(&request.id)) {
        (Err(refusal), _) => (code(refusal), None),
        (Ok(()), None) => (ErrorCode::SnapshotNotFound, None),
        (Ok(()), Some(bytes)) => {
            let from = usize::try_from(request.position).unwrap().min(bytes.len());
            let chunk = SnapshotChunk {
                id: request.id,
                size: bytes.len() as u64,
                position: request.position,
                bytes: bytes.slice(from..(from + CHUNK).min(bytes.len())),
            };
            (ErrorCode::None, Some(chunk))
        }
    };
    Some(Answer::FetchSnapshot {
        error,
        leadership,
        chunk,
    })
}

fn code(refusal: FetchRefusal) -> ErrorCode {
    match refusal {
        FetchRefusal::NotLeader { .. } => ErrorCode::NotLeaderOrFollower,
        FetchRefusal::FencedEpoch { .. } => ErrorCode::FencedLeaderEpoch,
        FetchRefusal::UnknownEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
        FetchRefusal::Invalid => ErrorCode::InvalidRequest,
    }
}
