//! The broker's life as the controller sees it: registered, caught up, unfenced, kept alive, shut down (KIP-631).

use crate::Broker;
use crate::channel::{self, ControllerError};
use base::Uuid;
use config::Endpoint;
use metadata::{Published, feature};
use protocol::ErrorCode;
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use protocol::messages::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tracing::{info, warn};

/// The versions in which the broker speaks to its controller: those of metadata.version 4.3-IV0.
const REGISTRATION_VERSION: i16 = 4;
const HEARTBEAT_VERSION: i16 = 1;
/// How long to wait before a refused registration or a failed heartbeat is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// How long a controlled shutdown may take before the broker goes all the same.
const CONTROLLED_SHUTDOWN: Duration = Duration::from_secs(10);

/// Why the broker has no place in the cluster.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// The controller did not answer.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// The controller refused for good.
    #[error("the controller refused this broker: {0}: {1}")]
    Refused(ErrorCode, &'static str),
}

/// What the broker says of itself when it registers.
#[derive(Clone, Debug)]
pub struct Registration {
    /// A fresh id for this run of the process.
    pub incarnation: Uuid,
    /// What clients are told to connect to.
    pub endpoints: Vec<Endpoint>,
}

/// Registers, retrying while an earlier incarnation's session lasts; answers the broker epoch.
pub async fn register(broker: &Broker, registration: &Registration) -> Result<i64, LifecycleError> {
    let request = registration_request(broker, registration);
    let mut told = false;
    loop {
        let response = channel::call(broker.controller.as_ref(), REGISTRATION_VERSION, &request).await?;
        match ErrorCode::from(response.error_code) {
            ErrorCode::None => {
                broker.epoch.store(response.broker_epoch, Ordering::Release);
                info!(epoch = response.broker_epoch, "registered with the controller");
                return Ok(response.broker_epoch);
            }
            error @ (ErrorCode::DuplicateBrokerRegistration | ErrorCode::NotController) => {
                if !std::mem::replace(&mut told, true) {
                    warn!(%error, "registration is refused for now and tried again");
                }
                tokio::time::sleep(RETRY).await;
            }
            error => return Err(LifecycleError::Refused(error, error.message())),
        }
    }
}

fn registration_request(broker: &Broker, registration: &Registration) -> BrokerRegistrationRequest {
    let listeners = registration.endpoints.iter().map(|endpoint| Listener {
        name: endpoint.listener.as_str().to_owned(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        security_protocol: endpoint.protocol.id(),
    });
    let features = feature::FEATURES.iter().map(|feature| Feature {
        name: feature.name.to_owned(),
        min_supported_version: feature.min,
        max_supported_version: feature.max,
    });
    let online = broker.log_dirs.dirs.iter().filter(|dir| !dir.is_offline());
    let mut log_dirs: Vec<Uuid> = online.map(|dir| dir.id).collect();
    log_dirs.sort();
    BrokerRegistrationRequest {
        broker_id: broker.node.0,
        cluster_id: broker.cluster_id.to_string(),
        incarnation_id: registration.incarnation,
        listeners: listeners.collect(),
        features: features.collect(),
        rack: broker.config.load().rack.clone(),
        is_migrating_zk_broker: false,
        log_dirs,
        previous_broker_epoch: broker.log_dirs.previous_broker_epoch(),
    }
}

/// Asks to be unfenced until the broker's own image shows that it is.
pub async fn unfence(broker: &Broker) -> Result<(), LifecycleError> {
    let mut image = broker.image.clone();
    let is_unfenced = |published: &Published| {
        let epoch = broker.epoch.load(Ordering::Acquire);
        let own = published.image.brokers.get(broker.node);
        own.is_some_and(|own| own.epoch.0 == epoch && !own.fenced)
    };
    let registered = |published: &Published| published.end.0 > broker.epoch.load(Ordering::Acquire);
    if image.wait_for(registered).await.is_err() {
        return Err(ControllerError::Unavailable.into());
    }
    loop {
        heartbeat(broker, Wish::Serve).await?;
        match tokio::time::timeout(RETRY, image.wait_for(is_unfenced)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(_)) => return Err(ControllerError::Unavailable.into()),
            Err(_) => {}
        }
    }
}

/// What a heartbeat asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Serve,
    ShutDown,
}

async fn heartbeat(broker: &Broker, wish: Wish) -> Result<BrokerHeartbeatResponse, LifecycleError> {
    let offline = broker
        .log_dirs
        .dirs
        .iter()
        .filter(|dir| dir.is_offline() && dir.id != Uuid::ZERO)
        .map(|dir| dir.id);
    let request = BrokerHeartbeatRequest {
        broker_id: broker.node.0,
        broker_epoch: broker.epoch.load(Ordering::Acquire),
        current_metadata_offset: broker.image.borrow().end.0 - 1,
        want_fence: false,
        want_shut_down: wish == Wish::ShutDown,
        offline_log_dirs: offline.collect(),
        cordoned_log_dirs: None,
    };
    let response = channel::call(broker.controller.as_ref(), HEARTBEAT_VERSION, &request).await?;
    match ErrorCode::from(response.error_code) {
        ErrorCode::None => Ok(response),
        error => Err(LifecycleError::Refused(error, error.message())),
    }
}

/// Sends heartbeats until the broker stops, at once when a directory fails; registers anew if the controller has
/// forgotten it.
pub async fn stay_alive(broker: Arc<Broker>, registration: Registration) {
    let mut stopping = broker.stopping.clone();
    let mut failures = broker.log_dirs.failures();
    loop {
        let interval = broker.config.load().quorum.broker_heartbeat_interval;
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            Ok(()) = failures.changed() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        let again = match heartbeat(&broker, Wish::Serve).await {
            Ok(_) => continue,
            Err(LifecycleError::Refused(ErrorCode::StaleBrokerEpoch | ErrorCode::BrokerIdNotRegistered, _)) => {
                register(&broker, &registration).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = again {
            warn!(%error, "a heartbeat failed");
        }
    }
}

/// Asks the controller to move what this broker leads, and waits until it may go.
pub async fn shut_down(broker: &Broker) {
    let asking = async {
        loop {
            match heartbeat(broker, Wish::ShutDown).await {
                Ok(response) if response.should_shut_down => return,
                Ok(_) => tokio::time::sleep(RETRY).await,
                Err(error) => {
                    warn!(%error, "the controller did not hear that this broker shuts down");
                    return;
                }
            }
        }
    };
    if tokio::time::timeout(CONTROLLED_SHUTDOWN, asking).await.is_err() {
        warn!("the controller did not let this broker go in time; it goes all the same");
    }
}
