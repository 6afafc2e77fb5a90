//! Records that come in and go out, and requests that failed, over all topics.

use base::metric::{Counter, Descriptor, Registry};
use std::sync::Arc;

const fn topics(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "BrokerTopicMetrics", name, help)
}

/// Kafka's `BrokerTopicMetrics`, over all topics.
#[derive(Debug)]
pub struct Traffic {
    /// Bytes that clients appended.
    pub bytes_in: Arc<Counter>,
    /// Records that clients appended.
    pub messages_in: Arc<Counter>,
    /// Bytes of records answered to consumers.
    pub bytes_out: Arc<Counter>,
    /// Partitions in Produce requests.
    pub produces: Arc<Counter>,
    /// Those that were refused.
    pub failed_produces: Arc<Counter>,
    /// Partitions read for Fetch requests.
    pub fetches: Arc<Counter>,
    /// Those that were refused.
    pub failed_fetches: Arc<Counter>,
}

impl Traffic {
    pub(super) fn new(registry: &Registry) -> Self {
        let counter = |name, help| registry.counter(&topics(name, help), &[]);
        Self {
            bytes_in: counter("BytesInPerSec", "Bytes that clients appended."),
            messages_in: counter("MessagesInPerSec", "Records that clients appended."),
            bytes_out: counter("BytesOutPerSec", "Bytes of records answered to consumers."),
            produces: counter("TotalProduceRequestsPerSec", "Partitions in Produce requests."),
            failed_produces: counter(
                "FailedProduceRequestsPerSec",
                "Partitions in Produce requests that were refused.",
            ),
            fetches: counter("TotalFetchRequestsPerSec", "Partitions read for Fetch requests."),
            failed_fetches: counter(
                "FailedFetchRequestsPerSec",
                "Partitions in Fetch requests that were refused.",
            ),
        }
    }
}
