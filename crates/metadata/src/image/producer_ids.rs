//! The next block of producer ids.

use base::ProducerId;

/// Where the next block of producer ids begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdsImage {
    /// The first id not handed out; [`ProducerId::NONE`] before the first block.
    pub next_producer_id: ProducerId,
}

impl Default for ProducerIdsImage {
    fn default() -> Self {
        Self {
            next_producer_id: ProducerId::NONE,
        }
    }
}
