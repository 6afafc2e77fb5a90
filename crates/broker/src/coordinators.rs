//! The coordinators that this broker hosts: one for each partition that it leads of the internal topics.
//!
//! A request finds the coordinator of its key by hash, runs its operation there under the coordinator's own lock, and
//! waits without it. Order of locks: coordinator, then partition. Nothing on the fetch path takes a coordinator's lock, and
//! on the produce path only what begins a transaction on a partition, to ask for it.

pub(crate) mod groups;
pub(crate) mod hosting;
pub(crate) mod transactions;

pub(crate) use groups::ask;
pub use hosting::Shards;
pub use transactions::markers::MarkerQueue;

/// The topic that holds groups and offsets.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The topic that holds transactional ids.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";
