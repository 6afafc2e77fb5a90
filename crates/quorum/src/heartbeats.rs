//! When brokers were heard of last, for whoever watches the active controller (KIP-1131).

use base::{Clock, Instant, NodeId};
use metadata::MetadataImage;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When this node, as the active controller, took a heartbeat of each broker last.
#[derive(Debug)]
pub(crate) struct Heartbeats {
    clock: Arc<dyn Clock>,
    /// `broker.session.timeout.ms`: who was not heard of for so long is fenced, and no more is told.
    longest: Duration,
    last: Mutex<BTreeMap<NodeId, Instant>>,
}

impl Heartbeats {
    pub(crate) fn new(longest: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            longest,
            last: Mutex::default(),
        }
    }

    /// A registered broker was heard of.
    pub(crate) fn note(&self, broker: NodeId, now: Instant) {
        self.lock().insert(broker, now);
    }

    /// How long ago each registered broker was heard of; not at all is as long as is told.
    pub(crate) fn ago(&self, image: &MetadataImage) -> Vec<(NodeId, Duration)> {
        let now = self.clock.now();
        let mut last = self.lock();
        last.retain(|broker, _| image.brokers.get(*broker).is_some());
        let ago = |broker: NodeId| last.get(&broker).map_or(self.longest, |last| now.since(*last));
        let brokers = image.brokers.iter().map(|broker| broker.id);
        brokers.map(|broker| (broker, ago(broker).min(self.longest))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Instant>> {
        // Whatever panicked, times are good.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Timestamp;
    use protocol::metadata_records::MetadataRecord;
    use protocol::metadata_records::register_broker_record::RegisterBrokerRecord;

    /// A clock that stands at ten seconds.
    #[derive(Debug)]
    struct Ten;

    impl Clock for Ten {
        fn now(&self) -> Instant {
            at(10)
        }

        fn wall(&self) -> Timestamp {
            Timestamp(0)
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_zero(Duration::from_secs(seconds))
    }

    #[test]
    fn who_is_silent_is_so_until_its_session_ends() {
        let mut image = MetadataImage::default();
        for broker_id in [1, 2, 3] {
            let record = RegisterBrokerRecord {
                broker_id,
                ..Default::default()
            };
            image.apply(&MetadataRecord::RegisterBroker(record)).expect("a broker");
        }
        let heartbeats = Heartbeats::new(Duration::from_secs(9), Arc::new(Ten));
        for (broker, seconds) in [(1, 0), (2, 3), (2, 7), (4, 10)] {
            heartbeats.note(NodeId(broker), at(seconds));
        }
        let ago: Vec<(i32, u64)> = heartbeats
            .ago(&image)
            .into_iter()
            .map(|(broker, ago)| (broker.0, ago.as_secs()))
            .collect();
        assert_eq!(ago, [(1, 9), (2, 3), (3, 9)], "the fourth is not registered");
        assert_eq!(heartbeats.lock().len(), 2, "and forgotten");
    }
}
