//! Putting out of sync whoever lags: each leader's duty, every half of `replica.lag.time.max.ms`.

use super::session::PartitionId;
use crate::Broker;
use network::tick;
use std::sync::Arc;
use std::time::Duration;

/// Looks at every partition that is led here until the broker stops.
pub(super) async fn watch(broker: Arc<Broker>) {
    let mut stopping = broker.stopping.clone();
    loop {
        let lag = broker.config.load().replication.replica_lag_time_max;
        tokio::select! {
            () = tick::pause((lag / 2).max(Duration::from_millis(1))) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        shrink(&broker);
    }
}

fn shrink(broker: &Broker) {
    let now = broker.clock.now();
    for topic in broker.partitions.topics() {
        for (index, hosted) in topic.partitions() {
            let (shrinks, wakes) = {
                let mut partition = hosted.lock();
                (partition.shrink_isr(now).is_some(), partition.look_again(now))
            };
            wakes.fire();
            if shrinks {
                broker.measures.replication.isr_shrinks.add(1);
                broker.alterations.ask(PartitionId { topic: topic.id, index }, hosted);
            }
        }
    }
}
