//! How many connections are taken: by the settings at the start, and again whenever a dynamic config changes them.

use broker::Broker;
use config::BrokerConfig;
use network::ConnectionLimits;
use std::sync::Arc;
use tokio::net::lookup_host;
use tokio::sync::watch;
use tracing::warn;

/// The limits that the settings give. Hosts in `max.connections.per.ip.overrides` count with all their addresses; one that
/// cannot be looked up is warned about.
pub(super) async fn resolve(config: &BrokerConfig) -> ConnectionLimits {
    let natural = |value: i32| usize::try_from(value).unwrap_or(0);
    let mut limits = ConnectionLimits {
        all: natural(config.sockets.max_connections),
        per_ip: natural(config.sockets.max_connections_per_ip),
        overrides: Default::default(),
    };
    for (host, limit) in &config.max_connections_per_ip_overrides {
        match lookup_host((host.as_str(), 0)).await {
            Ok(found) => limits
                .overrides
                .extend(found.map(|address| (address.ip(), natural(*limit)))),
            Err(error) => warn!(host, %error, "max.connections.per.ip.overrides names a host that cannot be found"),
        }
    }
    limits
}

/// Keeps the listeners' limits those of the broker's settings, until the listeners are gone.
pub(super) async fn follow(broker: Arc<Broker>, limits: watch::Sender<ConnectionLimits>) {
    let mut image = broker.image.clone();
    let mut known = None;
    loop {
        let config = broker.config.load_full();
        if known.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &config)) {
            let wanted = resolve(&config).await;
            limits.send_if_modified(|limits| {
                let differ = *limits != wanted;
                *limits = wanted;
                differ
            });
            known = Some(config);
        }
        tokio::select! {
            changed = image.changed() => if changed.is_err() { return },
            () = limits.closed() => return,
        }
    }
}
