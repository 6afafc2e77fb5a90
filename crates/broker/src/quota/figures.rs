//! What is shown of client quotas: how fast their owners are, and how long they were told to wait on average.

use super::{ClientQuota, ClientQuotas};
use crate::Broker;
use base::metric::Descriptor;
use std::sync::Arc;

const BYTE_RATE: Descriptor = Descriptor::new(
    "kafka.server",
    "quota",
    "byte-rate",
    "Bytes a second that the clients of a quota sent or fetched of late.",
);
const THROTTLE_TIME: Descriptor = Descriptor::new(
    "kafka.server",
    "quota",
    "throttle-time",
    "Milliseconds that the clients of a quota were told to wait of late, on average.",
);

impl ClientQuotas {
    fn resources(&self) -> [(&'static str, &ClientQuota); 2] {
        [("Produce", &self.produce), ("Fetch", &self.fetch)]
    }
}

/// Shows the figures when the page is read. The labels are those of the rules that come with the JMX exporter.
pub fn show(broker: &Arc<Broker>) {
    let shown = |descriptor: &Descriptor, pick: fn(f64, Option<f64>) -> Option<f64>| {
        let weak = Arc::downgrade(broker);
        broker.metrics.asked_gauges(descriptor, move |show| {
            let Some(broker) = weak.upgrade() else { return };
            let now = broker.clock.now();
            for (resource, quota) in broker.quotas.resources() {
                quota.lock().show(now, |owner, rate, wait| {
                    let labels = [
                        ("resource", resource),
                        ("user", &*owner.user),
                        ("clientId", &*owner.client_id),
                    ];
                    let named: Vec<_> = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
                    if let Some(value) = pick(rate, wait) {
                        show(&named, value);
                    }
                });
            }
        });
    };
    shown(&BYTE_RATE, |rate, _| Some(rate));
    shown(&THROTTLE_TIME, |_, wait| wait);
}
