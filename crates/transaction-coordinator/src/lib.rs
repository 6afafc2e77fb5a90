//! Transactions: what one partition of `__transaction_state` holds, and who may end what when.
//!
//! Two states make a coordinator. [`TransactionState`] is the shard's: folded from the log, versioned by
//! `coordinator_runtime`, it knows of every transactional id its producer, its status and its partitions.
//! [`TransactionCoordinator`] is what lives only as long as a leadership: which ids have a record on its way, whose markers
//! are being written, what is due when. The functions in [`op`] read the first, change the second and answer an
//! [`Outcome`]: records, and what is to happen once they are committed or lost ([`Completion`]). Answers come out of
//! [`TransactionCoordinator::take_replies`], markers to write out of [`TransactionCoordinator::take_markers`].
//!
//! While a record of an id is on its way, or its markers are, whoever else asks for that id is told
//! CONCURRENT_TRANSACTIONS, as Kafka does: so an operation never decides on what may yet be undone.

pub mod completion;
mod consequences;
pub mod coordinator;
pub mod list_filter;
pub mod load;
pub mod markers;
pub mod op;
mod pending;
pub mod record;
pub mod settings;
pub mod state;
pub mod status;
pub mod timers;
pub mod transaction;
mod transition;
pub mod version;

pub use completion::{Answer, Completion, Outcome, Reply};
pub use coordinator::TransactionCoordinator;
pub use list_filter::ListFilter;
pub use markers::{MarkerResult, MarkerRun, MarkersDue, TransactionEnd};
pub use record::TransactionRecord;
pub use settings::TransactionSettings;
pub use state::TransactionState;
pub use status::TransactionStatus;
pub use transaction::{Producer, Transaction};
pub use version::TransactionVersion;
