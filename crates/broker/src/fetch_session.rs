//! Incremental fetch sessions (KIP-227): the broker remembers what a consumer fetches, so that it need not say it again,
//! and answers only what changed, looking only at what may have.

mod cache;
mod session;

pub use cache::{FetchSessions, Opened, Owner, Scope, SessionRequest};
pub use session::{Cached, Due, FetchPartitionKey, Position, Session, Surroundings, Wanted};

/// A request outside any session, or the end of one.
pub const SESSIONLESS: i32 = -1;
/// The epoch that begins a session.
pub const INITIAL: i32 = 0;

/// The epoch after `epoch`: it wraps to 1, since 0 begins a session.
pub fn next_epoch(epoch: i32) -> i32 {
    match epoch {
        i32::MAX => 1,
        other => other.saturating_add(1),
    }
}
