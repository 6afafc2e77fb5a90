//! The broker's life as the controller sees it: registered, caught up, unfenced, kept alive, shut down (KIP-631).

use crate::Broker;
use crate::applied::applied_end;
use crate::channel::{self, ControllerError, Told};
use crate::log_dirs::LogDir;
use base::{BrokerEpoch, Offset, Uuid};
use config::Endpoint;
use metadata::{Published, feature};
use network::tick;
use protocol::ErrorCode;
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use protocol::messages::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};

/// The versions in which the broker speaks to its controller, whatever its metadata.version.
const REGISTRATION_VERSION: i16 = 4;
const HEARTBEAT_VERSION: i16 = 1;
/// The one that tells of cordoned directories; where the metadata.version knows of them, every controller does.
const HEARTBEAT_WITH_CORDONS: i16 = 2;
/// How long to wait before a refused registration or a failed heartbeat is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// How long a controlled shutdown may take before the broker goes all the same.
const CONTROLLED_SHUTDOWN: Duration = Duration::from_secs(300);
/// How long a controlled shutdown waits for a controller that does not answer.
const UNHEARD: Duration = Duration::from_secs(10);

/// Why the broker has no place in the cluster.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// The controller did not answer.
    #[error(transparent)]
    Controller(#[from] ControllerError),
    /// The controller was not reached in time, or refused all that time.
    #[error("this broker could not register with the controller quorum within {} ms", .0.as_millis())]
    NotInTime(Duration),
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

/// Registers for the first time, for as long as `initial.broker.registration.timeout.ms` says: there may be no active
/// controller yet, or an earlier incarnation's session may last.
///
/// # Errors
/// If there is no place for this broker, or the time is over.
pub async fn register_first(broker: &Broker, registration: &Registration) -> Result<i64, LifecycleError> {
    let patience = broker.config.load().quorum.initial_broker_registration_timeout;
    let registering = register(broker, registration);
    tokio::time::timeout(patience, registering)
        .await
        .unwrap_or(Err(LifecycleError::NotInTime(patience)))
}

/// Registers, retrying until it is answered for good; answers the broker epoch.
async fn register(broker: &Broker, registration: &Registration) -> Result<i64, LifecycleError> {
    let request = registration_request(broker, registration);
    let mut told = false;
    loop {
        let refused = match channel::call(broker.controller.as_ref(), REGISTRATION_VERSION, &request).await {
            Ok(response) => match ErrorCode::from(response.error_code) {
                ErrorCode::None => {
                    broker.epoch.store(response.broker_epoch, Ordering::Release);
                    info!(epoch = response.broker_epoch, "registered with the controller");
                    return Ok(response.broker_epoch);
                }
                error @ (ErrorCode::DuplicateBrokerRegistration | ErrorCode::NotController) => error.to_string(),
                error => return Err(LifecycleError::Refused(error, error.message())),
            },
            Err(error @ ControllerError::Unavailable) => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        if !std::mem::replace(&mut told, true) {
            warn!(
                reason = refused,
                "this broker cannot register for now, and goes on trying"
            );
        }
        tokio::time::sleep(RETRY).await;
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

/// Waits until the node's metadata holds this broker's registration: what is known from then on is what the cluster knew
/// when the broker came, or later.
///
/// # Errors
/// If the metadata ends before.
pub async fn catch_up(broker: &Broker) -> Result<(), LifecycleError> {
    let mut committed = broker.committed.clone();
    match committed.wait_for(|published| is_caught_up(broker, published)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(ControllerError::Unavailable.into()),
    }
}

/// Waits until the broker's own image shows that it is unfenced, which its heartbeats ask for.
///
/// # Errors
/// If the images end before.
pub async fn unfenced(broker: &Broker) -> Result<(), LifecycleError> {
    let mut image = broker.image.clone();
    let is_unfenced = |published: &Published| {
        let epoch = broker.epoch.load(Ordering::Acquire);
        let own = published.image.brokers.get(broker.node);
        own.is_some_and(|own| own.epoch.0 == epoch && !own.fenced)
    };
    match image.wait_for(is_unfenced).await {
        Ok(_) => Ok(()),
        Err(_) => Err(ControllerError::Unavailable.into()),
    }
}

/// What the broker asks for with its heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nothing yet: its logs are being opened.
    StayFenced,
    /// To serve.
    Serve,
    /// That what it leads is moved, so that it may go.
    ShutDown,
}

async fn heartbeat(broker: &Broker, wish: Wish) -> Result<BrokerHeartbeatResponse, LifecycleError> {
    let failed: Vec<_> = broker.log_dirs.dirs.iter().filter(|dir| dir.is_to_be_told()).collect();
    let cordoned = cordoned(broker);
    let version = cordoned.as_ref().map_or(HEARTBEAT_VERSION, |_| HEARTBEAT_WITH_CORDONS);
    let request = BrokerHeartbeatRequest {
        broker_id: broker.node.0,
        broker_epoch: broker.epoch.load(Ordering::Acquire),
        current_metadata_offset: applied_end(broker).0 - 1,
        want_fence: wish == Wish::StayFenced,
        want_shut_down: wish == Wish::ShutDown,
        offline_log_dirs: failed.iter().map(|dir| dir.id).collect(),
        cordoned_log_dirs: cordoned,
    };
    let response = channel::call(broker.controller.as_ref(), version, &request).await?;
    match ErrorCode::from(response.error_code) {
        ErrorCode::None => {
            failed.iter().for_each(|dir| dir.note_told());
            Ok(response)
        }
        error => Err(LifecycleError::Refused(error, error.message())),
    }
}

/// The directories that take no new partitions; none until the broker has caught up with its own registration, for only
/// then it knows whether the cluster's metadata can say so (KIP-1066).
fn cordoned(broker: &Broker) -> Option<Vec<Uuid>> {
    let committed = broker.committed.borrow();
    let is_known = is_caught_up(broker, &committed)
        && committed
            .image
            .features
            .metadata_version_or_minimum()
            .supports_cordoned_log_dirs();
    let dirs = broker.log_dirs.dirs.iter().filter(|dir| dir.id != Uuid::ZERO);
    is_known.then(|| {
        dirs.filter(|dir| broker.log_dirs.is_cordoned(dir))
            .map(|dir| dir.id)
            .collect()
    })
}

fn is_caught_up(broker: &Broker, published: &Published) -> bool {
    published.end.0 > broker.epoch.load(Ordering::Acquire)
}

/// Waits until a directory has been offline for `log.dir.failure.timeout.ms` without the controller having heard of it; answers
/// which. What it holds has leaders still, as far as the cluster knows, that serve nobody (KIP-858).
pub async fn untold(broker: &Broker) -> PathBuf {
    let mut failures = broker.log_dirs.failures();
    let mut due: Vec<(Instant, Arc<LogDir>)> = Vec::new();
    loop {
        failures.mark_unchanged();
        for dir in broker.log_dirs.dirs.iter().filter(|dir| dir.is_to_be_told()) {
            if !due.iter().any(|(_, known)| Arc::ptr_eq(known, dir)) {
                let patience = broker.config.load().quorum.log_dir_failure_timeout;
                due.push((Instant::now() + patience, Arc::clone(dir)));
            }
        }
        let untold = due.iter().filter(|(_, dir)| !dir.is_told());
        let first = untold.min_by_key(|(at, _)| *at).cloned();
        let over = async {
            match &first {
                Some((at, _)) => tokio::time::sleep_until(*at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The sender is part of the broker.
            _ = failures.changed() => {}
            () = over => if let Some((_, dir)) = first.filter(|(_, dir)| !dir.is_told()) {
                return dir.path.clone();
            }
        }
    }
}

/// Waits until the broker's own image shows that it was at work and is fenced: whoever did that took it for gone.
async fn fenced(broker: &Broker) {
    let mut image = broker.image.clone();
    let is = |fenced: bool| {
        move |published: &Published| {
            let own = published.image.brokers.get(broker.node);
            own.is_some_and(|own| own.fenced == fenced)
        }
    };
    if image.wait_for(is(false)).await.is_err() || image.wait_for(is(true)).await.is_err() {
        // The images have ended, and so will the heartbeats.
        std::future::pending::<()>().await;
    }
}

/// Sends heartbeats until the broker stops or was let go, at once when a directory fails or is cordoned, the wish changes or
/// the broker finds itself fenced; registers anew if the controller has forgotten it.
pub async fn stay_alive(broker: Arc<Broker>, registration: Registration, mut wish: watch::Receiver<Wish>) {
    let mut stopping = broker.stopping.clone();
    let mut failures = broker.log_dirs.failures();
    let mut cordons = broker.log_dirs.cordons();
    let mut heard = Instant::now();
    let mut cause = Cause::News;
    loop {
        let wished = *wish.borrow_and_update();
        let beat = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            beat = beat(&broker, &registration, wished, cause) => beat,
        };
        if beat != Beat::Failed {
            heard = Instant::now();
        }
        let is_at_work = beat == Beat::Well && wished == Wish::Serve;
        let pause = match beat {
            Beat::LetGo => return,
            Beat::Failed if wished == Wish::ShutDown && heard.elapsed() > UNHEARD => {
                warn!("no controller hears that this broker shuts down; it goes all the same");
                return;
            }
            Beat::Failed | Beat::Soon => RETRY,
            Beat::Well => broker.config.load().quorum.broker_heartbeat_interval,
        };
        cause = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            changed = wish.changed() => match changed {
                Ok(()) => Cause::News,
                Err(_) => return,
            },
            Ok(()) = failures.changed() => Cause::News,
            Ok(()) = cordons.changed() => Cause::News,
            () = fenced(&broker), if is_at_work => Cause::News,
            () = tick::pause(pause) => if is_at_work { Cause::Time } else { Cause::News },
        };
    }
}

/// Why a heartbeat is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// There may be something to say, or to hear.
    News,
    /// Only so that the session does not run out.
    Time,
}

/// How a heartbeat went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beat {
    /// The next one is due at the interval.
    Well,
    /// What it asked for is not so yet.
    Soon,
    /// Nobody answered it, or it was refused.
    Failed,
    /// The controller lets this broker go.
    LetGo,
}

async fn beat(broker: &Broker, registration: &Registration, wish: Wish, cause: Cause) -> Beat {
    if cause == Cause::Time && tell_alive(broker) {
        return Beat::Well;
    }
    let again = match heartbeat(broker, wish).await {
        Ok(response) => {
            return match wish {
                Wish::ShutDown if response.should_shut_down => Beat::LetGo,
                Wish::Serve if !response.is_fenced => Beat::Well,
                Wish::StayFenced => Beat::Well,
                Wish::ShutDown | Wish::Serve => Beat::Soon,
            };
        }
        Err(LifecycleError::Refused(ErrorCode::StaleBrokerEpoch | ErrorCode::BrokerIdNotRegistered, _)) => {
            register(broker, registration).await.map(drop)
        }
        Err(error) => Err(error),
    };
    match again {
        Ok(()) => Beat::Soon,
        Err(error) => {
            warn!(%error, "a heartbeat failed");
            Beat::Failed
        }
    }
}

/// The heartbeat of a broker at work whose controller is in the same process: a word left there, for which nobody is woken. Answers
/// whether it was left: not where the controller is elsewhere, or where a real heartbeat would say or hear more.
fn tell_alive(broker: &Broker) -> bool {
    let epoch = broker.epoch.load(Ordering::Acquire);
    let is_at_work = {
        let committed = broker.committed.borrow();
        let own = committed.image.brokers.get(broker.node);
        own.is_some_and(|own| own.epoch.0 == epoch && !own.fenced)
    };
    let has_more_to_say = broker.log_dirs.dirs.iter().any(|dir| dir.is_to_be_told());
    let offset = Offset(applied_end(broker).0 - 1);
    is_at_work
        && !has_more_to_say
        && broker
            .controller
            .tell_alive(BrokerEpoch(epoch), offset, broker.clock.now())
            == Told::Here
}

/// Waits until the heartbeats, told to ask for it, were told that this broker may go: what it led is led elsewhere.
pub async fn let_go(mut heartbeats: JoinHandle<()>) {
    if tokio::time::timeout(CONTROLLED_SHUTDOWN, &mut heartbeats)
        .await
        .is_err()
    {
        warn!("the controller did not let this broker go in time; it goes all the same");
        heartbeats.abort();
    }
}
