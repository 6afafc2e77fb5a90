//! What happens, in few words: the trace is made of them, and bytes would only make it long.

use raft::message::Fetched;
use raft::{Answer, Effect};
use std::fmt;

/// An effect.
pub struct Told<'a>(pub &'a Effect);

impl fmt::Display for Told<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Effect::Append(sealed) => write!(out, "append {}..{} of {}", sealed.base, sealed.end(), sealed.epoch),
            Effect::AppendFetched { base, end, .. } => write!(out, "append fetched {base}..{end}"),
            Effect::WriteSnapshot { id, position, bytes } => write!(out, "write {id} {position}+{}", bytes.len()),
            Effect::Answer { ticket, answer } => write!(out, "answer {} {}", ticket.0, Heard(answer)),
            other => write!(out, "{other:?}"),
        }
    }
}

/// An answer.
pub struct Heard<'a>(pub &'a Answer);

impl fmt::Display for Heard<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Answer::Fetch {
                error,
                leadership,
                fetched: Fetched::Records { bytes, high_watermark },
            } => {
                let (leader, epoch) = (leadership.leader, leadership.epoch);
                write!(
                    out,
                    "fetched {error:?} {leader:?} in {epoch}: {} bytes, {high_watermark:?}",
                    bytes.len()
                )
            }
            Answer::FetchSnapshot { error, chunk, .. } => {
                let chunk = chunk
                    .as_ref()
                    .map(|chunk| (chunk.id, chunk.position, chunk.bytes.len()));
                write!(out, "piece {error:?} {chunk:?}")
            }
            other => write!(out, "{other:?}"),
        }
    }
}
