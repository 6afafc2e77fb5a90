//! The log on disk, in Kafka's format: what Riverrun writes Kafka reads, and the other way round.
//!
//! [`Log`] is one replica's log and belongs to whoever holds the partition's lock; [`LogView`] is a cheap picture of it
//! that reads without the lock. Nothing here waits, starts threads or reads a clock.

pub mod aborted;
mod active;
pub mod append;
pub mod checkpoint;
pub mod cleaner;
pub mod closed;
pub mod config;
pub mod damage;
pub mod deletion;
pub mod dirs;
pub mod epochs;
pub mod error;
pub mod flush;
pub mod fsck;
mod home;
pub mod index;
pub mod leader_epoch;
mod leftovers;
pub mod log;
mod make_room;
pub mod names;
pub mod open;
pub mod origin;
mod producer_batch;
pub mod producer_state;
pub mod producers;
mod promotion;
pub mod read;
mod recall;
mod recalled_epochs;
mod recovery;
mod replay;
pub mod retention;
pub mod roll;
mod room;
mod scan;
mod segment;
pub mod terms;
pub mod time_search;
pub mod truncate;
mod unsynced;
pub mod view;

pub use aborted::AbortedTransaction;
pub use append::{AppendInfo, AppendOutcome};
pub use config::{Durability, LogConfig};
pub use deletion::Doomed;
pub use error::{AppendError, OpenError, ReadError, StorageError};
pub use flush::{Flush, FlushMark, FlushWish, run_together};
pub use leader_epoch::EpochEndOffset;
pub use log::Log;
pub use make_room::{RoomStep, is_spacious};
pub use open::{LastShutdown, LogOptions};
pub use origin::Origin;
pub use producer_state::{FirstSequence, MarkerEpochRule, Verification, VerificationGuard};
pub use read::{FetchedSlice, MinOne, ReadRequest};
pub use room::Room;
pub use terms::AppendTerms;
pub use time_search::TimestampOffset;
pub use view::LogView;

#[cfg(test)]
mod tests;
