//! The log on disk, in Kafka's format: what Riverrun writes Kafka reads, and the other way round.
//!
//! [`Log`] is one replica's log and belongs to whoever holds the partition's lock; [`LogView`] is a cheap picture of it
//! that reads without the lock. Nothing here waits, starts threads or reads a clock.

pub mod append;
pub mod checkpoint;
pub mod config;
pub mod dirs;
pub mod error;
pub mod flush;
pub mod index;
pub mod leader_epoch;
pub mod log;
pub mod origin;
pub mod producer_state;
pub mod view;

pub use append::{AppendInfo, AppendOutcome};
pub use config::LogConfig;
pub use error::{AppendError, OpenError, ReadError, StorageError};
pub use flush::Flush;
pub use log::{Doomed, EpochEnd, LastShutdown, Log, LogOptions};
pub use origin::Origin;
pub use view::{AbortedTransaction, FetchedSlice, LogView, MinOne, ReadRequest, TimestampOffset};
