//! What is shown of connections, under the names of Kafka's MBeans (`docs/metrics.md`).

use super::{ConnectionCounts, ListenerCounts};
use base::metric::{Descriptor, Registry, Show};
use std::sync::{Arc, PoisonError};

const fn sockets(name: &'static str, help: &'static str) -> Descriptor {
    Descriptor::new("kafka.server", "socket-server-metrics", name, help)
}

const OPEN: Descriptor = sockets("connection-count", "Connections that are open.");
const OF_SOFTWARE: Descriptor = sockets("connections", "Connections that are open, by their clients' libraries.");
const RATE: Descriptor = sockets(
    "connection-accept-rate",
    "Connections a second of late; of an address only if it has a quota.",
);
const RATE_OF_ALL: Descriptor = sockets(
    "broker-connection-accept-rate",
    "Connections a second of late that share max.connection.creation.rate.",
);
const WAITED: Descriptor = sockets(
    "connection-accept-throttle-time",
    "Milliseconds that connections had to wait of late to be accepted, on average of those that had to.",
);
const REFUSED: Descriptor = sockets(
    "ip-connection-accept-throttle-time",
    "Milliseconds after which connections were closed of late whose address came too fast, on average.",
);

/// Without the unit, which the JMX exporter puts at the end of the name in its own way.
const BLOCKED: Descriptor = Descriptor::new(
    "kafka.network",
    "Acceptor",
    "AcceptorBlocked_percent",
    "The share of time, 1 for all, in which a listener accepted nobody because of limits of connections.",
);

/// A figure of a listener, if there is one.
type Figure = fn(&ListenerCounts) -> Option<f64>;

const FIGURES: [(Descriptor, Figure); 4] = [
    (BLOCKED, |listener| Some(listener.blocked.share())),
    (OPEN, |listener| Some(*listener.connections().borrow() as f64)),
    (WAITED, |listener| listener.arrivals.figures().waited),
    (REFUSED, |listener| listener.arrivals.figures().refused),
];

/// Shows the counts of a node's two sides.
pub fn show(metrics: &Registry, sides: [ConnectionCounts; 2]) {
    let sides = Arc::new(sides);
    for (descriptor, figure) in FIGURES {
        let sides = Arc::clone(&sides);
        metrics.asked_gauges(&descriptor, &[], move |show| {
            each_listener(&sides, |name, listener| {
                if let Some(value) = figure(listener) {
                    show(&[("listener", name)], value);
                }
            });
        });
    }
    let of_software = Arc::clone(&sides);
    metrics.asked_gauges(&OF_SOFTWARE, &[], move |show| {
        each_listener(&of_software, |listener, counts| {
            counts.software.each(|name, version, count| {
                let labels = [
                    ("clientSoftwareName", name),
                    ("clientSoftwareVersion", version),
                    ("listener", listener),
                ];
                show(&labels, count as f64);
            });
        });
    });
    let arrivals = Arc::clone(&sides[0].arrivals);
    metrics.asked_gauge(&RATE_OF_ALL, &[], move || arrivals.rate());
    metrics.asked_gauges(&RATE, &[], move |show| show_rates(&sides, show));
}

fn show_rates(sides: &[ConnectionCounts; 2], show: &mut Show<'_>) {
    each_listener(sides, |name, listener| {
        show(&[("listener", name)], listener.arrivals.figures().rate);
    });
    // They are the same for both.
    sides[0]
        .arrivals
        .each_ip(|ip, rate| show(&[("ip", &ip.to_string())], rate));
}

fn each_listener(sides: &[ConnectionCounts; 2], mut with: impl FnMut(&str, &ListenerCounts)) {
    for counts in sides {
        let listeners = counts.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            with(listener.name(), &listener);
        }
    }
}
