//! How many connections are taken: by the settings at the start, and again whenever a dynamic config changes them.

use config::BrokerConfig;
use metadata::Published;
use metadata::image::ClientQuotasImage;
use network::{ConnectionLimits, IpRates, ListenerLimits};
use std::sync::Arc;
use tokio::net::lookup_host;
use tokio::sync::watch;
use tracing::warn;

/// Stands for no limit, as in Kafka.
const ANY_RATE: u32 = i32::MAX.unsigned_abs();
/// The quota of addresses.
const RATE: &str = "connection_creation_rate";

/// The limits that the settings give. Hosts in `max.connections.per.ip.overrides` count with all their addresses; one that
/// cannot be looked up is warned about.
pub(super) async fn resolve(config: &BrokerConfig) -> ConnectionLimits {
    let natural = |value: i32| usize::try_from(value).unwrap_or(0);
    let of = |connections: i32, rate: i32| ListenerLimits {
        connections: natural(connections),
        rate: u32::try_from(rate).ok().filter(|rate| *rate < ANY_RATE),
    };
    let (sockets, of_single) = (&config.sockets, &config.listener_limits);
    let single = of_single.iter().map(|(listener, limits)| {
        let limits = of(limits.max_connections, limits.max_connection_creation_rate);
        (listener.as_str().to_owned(), limits)
    });
    let mut limits = ConnectionLimits {
        all: of(sockets.max_connections, sockets.max_connection_creation_rate),
        listeners: single.collect(),
        per_ip: natural(sockets.max_connections_per_ip),
        ..ConnectionLimits::default()
    };
    for (host, limit) in &config.max_connections_per_ip_overrides {
        match lookup_host((host.as_str(), 0)).await {
            Ok(found) => limits
                .overrides
                .extend(found.map(|address| (address.ip().to_canonical(), natural(*limit)))),
            Err(error) => warn!(host, %error, "max.connections.per.ip.overrides names a host that cannot be found"),
        }
    }
    limits
}

/// Adds what the quotas of addresses say (KIP-612). A host, which only Kafka's controllers take for an address, counts with all of its
/// addresses.
async fn add_quotas(quotas: &ClientQuotasImage, rates: &mut IpRates) {
    for (entity, quotas) in quotas.iter() {
        let (Some(ip), Some(rate)) = (entity.get("ip"), quotas.get(RATE)) else {
            continue;
        };
        let rate = *rate as u32;
        match ip {
            None => rates.default = Some(rate).filter(|rate| *rate < ANY_RATE),
            Some(host) => match lookup_host((host.as_str(), 0)).await {
                Ok(found) => rates
                    .overrides
                    .extend(found.map(|address| (address.ip().to_canonical(), rate))),
                Err(error) => warn!(host, %error, "a quota is for a host that cannot be found"),
            },
        }
    }
}

/// Keeps the limits of all listeners, those for clients and those for controllers, what the node's settings and the cluster's
/// quotas say, until the listeners or the node are gone.
pub(super) async fn follow(
    mut settings: watch::Receiver<Arc<BrokerConfig>>,
    mut published: watch::Receiver<Published>,
    limits: watch::Sender<ConnectionLimits>,
) {
    let mut known = None;
    loop {
        let config = Arc::clone(&settings.borrow_and_update());
        let quotas = published.borrow_and_update().image.client_quotas.clone();
        let is_known =
            |(of, by): &(Arc<BrokerConfig>, ClientQuotasImage)| Arc::ptr_eq(of, &config) && by.is_same(&quotas);
        if !known.as_ref().is_some_and(is_known) {
            let mut wanted = resolve(&config).await;
            add_quotas(&quotas, &mut wanted.ip_rates).await;
            limits.send_if_modified(|limits| {
                let differ = *limits != wanted;
                *limits = wanted;
                differ
            });
            known = Some((config, quotas));
        }
        tokio::select! {
            changed = settings.changed() => if changed.is_err() { return },
            changed = published.changed() => if changed.is_err() { return },
            () = limits.closed() => return,
        }
    }
}
