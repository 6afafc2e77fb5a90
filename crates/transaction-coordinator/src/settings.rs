//! What the coordinator goes by.

use crate::version::TransactionVersion;
use std::time::Duration;

/// How long a marker that was not taken, or the record that ends a transaction, waits before it is tried again.
pub const RETRY_BACKOFF: Duration = Duration::from_millis(100);

/// The node's settings for transactions, and what the cluster has agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionSettings {
    /// `transaction.max.timeout.ms`
    pub max_timeout_ms: i32,
    /// `transactional.id.expiration.ms`
    pub id_expiration: Duration,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`
    pub abort_timed_out_interval: Duration,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`
    pub remove_expired_interval: Duration,
    /// The cluster's finalized `transaction.version`.
    pub version: TransactionVersion,
}

impl Default for TransactionSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            max_timeout_ms: 900_000,
            id_expiration: Duration::from_secs(7 * 24 * 60 * 60),
            abort_timed_out_interval: Duration::from_secs(10),
            remove_expired_interval: Duration::from_secs(60 * 60),
            version: TransactionVersion::V2,
        }
    }
}
