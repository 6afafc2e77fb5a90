//! How many connections are taken: by the settings at the start, and again whenever a dynamic config changes them.

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

/// Keeps the limits of all listeners, those for clients and those for controllers, what the node's settings say, until
/// the listeners or the node are gone.
pub(super) async fn follow(mut settings: watch::Receiver<Arc<BrokerConfig>>, limits: watch::Sender<ConnectionLimits>) {
    loop {
        let config = Arc::clone(&settings.borrow_and_update());
        let wanted = resolve(&config).await;
        limits.send_if_modified(|limits| {
            let differ = *limits != wanted;
            *limits = wanted;
            differ
        });
        tokio::select! {
            changed = settings.changed() => if changed.is_err() { return },
            () = limits.closed() => return,
        }
    }
}
