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
const REQUEST_TIME: Descriptor = Descriptor::new(
    "kafka.server",
    "quota",
    "request-time",
    "How much of a thread's time the requests of a quota's clients took of late, in percent.",
);
const THROTTLE_TIME: Descriptor = Descriptor::new(
    "kafka.server",
    "quota",
    "throttle-time",
    "Milliseconds that the clients of a quota were told to wait of late, on average.",
);

/// A quota, under the name of its resource.
type Resource = (&'static str, fn(&ClientQuotas) -> &ClientQuota);

const PRODUCE: Resource = ("Produce", |quotas| &quotas.produce);
const FETCH: Resource = ("Fetch", |quotas| &quotas.fetch);
const REQUEST: Resource = ("Request", |quotas| &quotas.request);

/// Shows the figures when the page is read. The labels are those of the rules that come with the JMX exporter.
pub fn show(broker: &Arc<Broker>) {
    let shown = |descriptor, resources: &'static [Resource], pick: fn(f64, Option<f64>) -> Option<f64>| {
        for (resource, quota) in resources {
            let weak = Arc::downgrade(broker);
            broker
                .metrics
                .asked_gauges(descriptor, &[("resource", *resource)], move |show| {
                    let Some(broker) = weak.upgrade() else { return };
                    quota(&broker.quotas)
                        .lock()
                        .show(broker.clock.now(), |owner, rate, wait| {
                            let labels = [("user", &*owner.user), ("clientId", &*owner.client_id)];
                            let named: Vec<_> = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
                            if let Some(value) = pick(rate, wait) {
                                show(&named, value);
                            }
                        });
                });
        }
    };
    shown(&BYTE_RATE, &[PRODUCE, FETCH], |rate, _| Some(rate));
    shown(&REQUEST_TIME, &[REQUEST], |rate, _| Some(rate));
    shown(&THROTTLE_TIME, &[PRODUCE, FETCH, REQUEST], |_, wait| wait);
}
