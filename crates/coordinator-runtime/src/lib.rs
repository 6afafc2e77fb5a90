//! Turns a [`Shard`] into a replicated shard: its operations run on the newest state, its log makes that state durable,
//! and no answer leaves before the records it rests on are committed.
//!
//! Nothing here knows what is replicated, where the log lies or who waits: the host (one task, one thread) runs an
//! operation on [`Runtime::latest`], hands its [`Outcome`]'s records to [`Runtime::write`] and to its log, and calls
//! [`Runtime::commit`] when the log's high watermark moves. The controller is the first tenant; the group, transaction
//! and share coordinators are the next.

mod lost;
mod moment;
mod partition_for;
mod runtime;
mod shard;
mod timers;
mod token;

pub use lost::Lost;
pub use moment::Moment;
pub use partition_for::partition_for;
pub use runtime::{Runtime, Settled};
pub use shard::{Atomicity, Outcome, Shard};
pub use timers::Timers;
pub use token::Token;
