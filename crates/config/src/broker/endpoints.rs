//! Which listener is whose, and what of it is advertised.

use crate::error::ConfigError;
use crate::listener::{
    Endpoint, ListenerName, ProtocolMap, SecurityProtocol, listener_name, parse_endpoint, parse_protocol_map,
};
use crate::settings::{Originals, Settings};
use std::net::IpAddr;

/// A node's listeners, sorted by who uses them.
pub(super) struct Endpoints {
    pub(super) listeners: Vec<Endpoint>,
    pub(super) advertised_listeners: Vec<Endpoint>,
    pub(super) controller_listeners: Vec<Endpoint>,
    pub(super) advertised_controller_listeners: Vec<Endpoint>,
    pub(super) controller_listener_names: Vec<ListenerName>,
    pub(super) inter_broker_listener: ListenerName,
}

pub(super) fn resolve(settings: &Settings, originals: &Originals) -> Result<Endpoints, ConfigError> {
    let controllers: Vec<String> = settings.read("controller.listener.names");
    let controllers: Vec<ListenerName> = controllers.iter().map(|name| ListenerName::new(name)).collect();
    let addresses: Vec<String> = settings.read("listeners");
    let protocols = protocol_map(settings, originals, &controllers, &addresses)?;
    let all = parse_all("listeners", &addresses, &protocols)?;
    check_distinct_names("listeners", &all)?;
    check_distinct_ports(&all)?;
    let advertised = match settings.read::<Option<Vec<String>>>("advertised.listeners") {
        Some(addresses) => {
            let advertised = parse_all("advertised.listeners", &addresses, &protocols)?;
            check_distinct_names("advertised.listeners", &advertised)?;
            advertised
        }
        None => all.clone(),
    };
    check_controllers_mapped(settings, &controllers, &protocols)?;
    let is_controller = |endpoint: &Endpoint| controllers.contains(&endpoint.listener);
    let (controller_listeners, listeners): (Vec<_>, Vec<_>) = all.into_iter().partition(is_controller);
    let (advertised_controllers, advertised_listeners): (Vec<_>, Vec<_>) =
        advertised.into_iter().partition(is_controller);
    let advertised_controller_listeners = controllers
        .iter()
        .filter_map(|name| {
            let mut candidates = advertised_controllers.iter().chain(&controller_listeners);
            candidates.find(|endpoint| endpoint.listener == *name).cloned()
        })
        .collect();
    Ok(Endpoints {
        inter_broker_listener: inter_broker_listener(settings, originals, &protocols)?,
        listeners,
        advertised_listeners,
        controller_listeners,
        advertised_controller_listeners,
        controller_listener_names: controllers,
    })
}

/// The map as configured; unless it was, controller listeners get PLAINTEXT as long as nothing speaks TLS or SASL.
fn protocol_map(
    settings: &Settings,
    originals: &Originals,
    controllers: &[ListenerName],
    addresses: &[String],
) -> Result<ProtocolMap, ConfigError> {
    let mut map = parse_protocol_map(&settings.read::<String>("listener.security.protocol.map"))?;
    if !originals.contains_key("listener.security.protocol.map") {
        let is_secure = |name: &ListenerName| matches!(name.as_str(), "SSL" | "SASL_SSL" | "SASL_PLAINTEXT");
        let secure = controllers.iter().any(is_secure)
            || addresses
                .iter()
                .filter_map(|address| listener_name(address))
                .any(|name| is_secure(&name));
        if !secure {
            for name in controllers {
                map.entry(name.clone()).or_insert(SecurityProtocol::Plaintext);
            }
        }
    }
    Ok(map)
}

/// A node that is only a broker speaks to controllers over these listeners without having them.
fn check_controllers_mapped(
    settings: &Settings,
    controllers: &[ListenerName],
    protocols: &ProtocolMap,
) -> Result<(), ConfigError> {
    let roles: Vec<String> = settings.read("process.roles");
    let unmapped = controllers.iter().find(|name| !protocols.contains_key(*name));
    match unmapped {
        Some(name) if roles == ["broker"] => Err(ConfigError::Conflict(format!(
            "Controller listener with name {name} defined in controller.listener.names not found in \
             listener.security.protocol.map  (an explicit security mapping for each controller listener is required if \
             listener.security.protocol.map is non-empty, or if there are security protocols other than PLAINTEXT in use)"
        ))),
        _ => Ok(()),
    }
}

fn parse_all(key: &str, addresses: &[String], protocols: &ProtocolMap) -> Result<Vec<Endpoint>, ConfigError> {
    addresses
        .iter()
        .map(|address| parse_endpoint(key, address, protocols))
        .collect()
}

fn check_distinct_names(key: &str, endpoints: &[Endpoint]) -> Result<(), ConfigError> {
    for (at, endpoint) in endpoints.iter().enumerate() {
        let twice = endpoints[..at]
            .iter()
            .any(|other| other.listener == endpoint.listener && !is_pair(other, endpoint));
        if twice {
            let message = format!(
                "Each listener must have a different name unless you have exactly one listener on IPv4 and the other \
                 IPv6 on the same port: {key} has {} twice",
                endpoint.listener
            );
            return Err(ConfigError::Conflict(message));
        }
    }
    Ok(())
}

fn check_distinct_ports(endpoints: &[Endpoint]) -> Result<(), ConfigError> {
    for (at, endpoint) in endpoints.iter().enumerate() {
        let same_port = |other: &&Endpoint| endpoint.port != 0 && other.port == endpoint.port;
        let clash = endpoints[..at]
            .iter()
            .filter(same_port)
            .find(|other| !is_pair(other, endpoint));
        if let Some(other) = clash {
            let message = format!(
                "Each listener must have a different port unless exactly one listener has an IPv4 address and the \
                 other IPv6 address: in listeners, {other} and {endpoint} have the same port"
            );
            return Err(ConfigError::Conflict(message));
        }
    }
    Ok(())
}

/// Whether one is an IPv4 and the other an IPv6 address with the same port.
fn is_pair(left: &Endpoint, right: &Endpoint) -> bool {
    match (left.host.parse::<IpAddr>(), right.host.parse::<IpAddr>()) {
        (Ok(one), Ok(other)) => left.port == right.port && one.is_ipv4() != other.is_ipv4(),
        _ => false,
    }
}

fn inter_broker_listener(
    settings: &Settings,
    originals: &Originals,
    protocols: &ProtocolMap,
) -> Result<ListenerName, ConfigError> {
    let Some(name) = settings.read::<Option<String>>("inter.broker.listener.name") else {
        return Ok(ListenerName::new(
            &settings.read::<String>("security.inter.broker.protocol"),
        ));
    };
    if originals.contains_key("security.inter.broker.protocol") {
        let message = "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.";
        return Err(ConfigError::Conflict(message.to_owned()));
    }
    let name = ListenerName::new(&name);
    if !protocols.contains_key(&name) {
        return Err(ConfigError::Conflict(format!(
            "Listener with name {name} defined in inter.broker.listener.name not found in \
             listener.security.protocol.map."
        )));
    }
    Ok(name)
}
