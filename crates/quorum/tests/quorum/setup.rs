//! A node's configuration and directory, and the requests of a broker.

use base::clock::SystemClock;
use base::fs::{Fs, RealFs};
use base::{Rng, Uuid};
use config::{BrokerConfig, Layered};
use metadata::MetadataImage;
use network::Principal;
use protocol::messages::broker_heartbeat_request::BrokerHeartbeatRequest;
use protocol::messages::broker_heartbeat_response::BrokerHeartbeatResponse;
use protocol::messages::broker_registration_request::{BrokerRegistrationRequest, Feature, Listener};
use protocol::messages::broker_registration_response::BrokerRegistrationResponse;
use protocol::{Message, Request};
use quorum::{Caller, ControllerHandle, QuorumError, QuorumNode, QuorumOptions, RequestError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAABQ";
/// The directory of the voter in Kafka's log.
pub const DIRECTORY: &str = "KrI1wJP_SNq1lnpK0lPjpA";

/// A combined node with its data in `dir`, and `settings` on top.
pub fn config(dir: &Path, settings: &[&str]) -> Arc<BrokerConfig> {
    let mut layered = Layered::new();
    for setting in [
        "node.id=1",
        "process.roles=broker,controller",
        "listeners=PLAINTEXT://127.0.0.1:29092,CONTROLLER://127.0.0.1:29093",
        "controller.listener.names=CONTROLLER",
        "metadata.max.idle.interval.ms=0",
        &format!("log.dirs={}", dir.display()),
    ]
    .iter()
    .chain(settings)
    {
        layered.add_assignment(setting).unwrap();
    }
    Arc::new(BrokerConfig::from_layers(&layered).unwrap())
}

/// The voter in the configuration, for a directory without formatted voters.
pub const STATIC: &str = "controller.quorum.voters=1@127.0.0.1:29093";

pub fn options(config: &Arc<BrokerConfig>, directory_id: Uuid) -> QuorumOptions {
    QuorumOptions {
        config: Arc::clone(config),
        cluster_id: CLUSTER.to_owned(),
        directory_id,
        endpoints: config.advertised_controller_listeners.clone(),
    }
}

fn try_start_with(options: QuorumOptions) -> Result<QuorumNode, QuorumError> {
    // Every process draws other ids.
    static STARTS: AtomicU64 = AtomicU64::new(0);
    let rng = Rng::from_seed(STARTS.fetch_add(1, Ordering::Relaxed));
    start_on(Arc::new(RealFs), options, rng)
}

pub fn start_on(fs: Arc<dyn Fs>, options: QuorumOptions, rng: Rng) -> Result<QuorumNode, QuorumError> {
    quorum::start(
        options,
        fs,
        Arc::new(SystemClock::new()),
        rng,
        tokio::runtime::Handle::current(),
    )
}

pub fn start(config: &Arc<BrokerConfig>) -> QuorumNode {
    start_with(options(config, DIRECTORY.parse().unwrap()))
}

pub fn start_with(options: QuorumOptions) -> QuorumNode {
    try_start_with(options).unwrap_or_else(|error| panic!("the node starts: {error}"))
}

/// A request as the bytes of `version`, and its response from such bytes.
pub async fn call<R: Request>(node: &QuorumNode, version: i16, request: &R) -> R::Response {
    call_at(&node.controller, version, request).await
}

pub async fn call_at<R: Request>(controller: &ControllerHandle, version: i16, request: &R) -> R::Response {
    try_call(controller, version, request).await.unwrap()
}

pub async fn try_call<R: Request>(
    controller: &ControllerHandle,
    version: i16,
    request: &R,
) -> Result<R::Response, RequestError> {
    let body = request.to_bytes(version).unwrap();
    let answer = controller.request(broker(), R::KEY, version, body).await?;
    Ok(R::Response::from_bytes(&answer, version).unwrap())
}

pub fn broker() -> Caller {
    Caller {
        principal: Principal::anonymous(),
        client_id: Arc::from("test"),
        address: None,
    }
}

/// Registers broker 1 as its `incarnation`th process.
pub async fn register(node: &QuorumNode, incarnation: u8) -> BrokerRegistrationResponse {
    call(node, 4, &registration(node, incarnation)).await
}

pub fn registration(node: &QuorumNode, incarnation: u8) -> BrokerRegistrationRequest {
    let published = node.published.borrow().clone();
    let mut features: Vec<_> = published.image.features.all().keys().cloned().collect();
    features.push("kraft.version".to_owned());
    let feature = |name: String| {
        let known = metadata::feature::find(&name).unwrap();
        Feature {
            name,
            min_supported_version: known.min,
            max_supported_version: known.max,
        }
    };
    BrokerRegistrationRequest {
        broker_id: 1,
        cluster_id: CLUSTER.to_owned(),
        incarnation_id: Uuid([incarnation; 16]),
        listeners: vec![Listener {
            name: "PLAINTEXT".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 29092,
            security_protocol: 0,
        }],
        features: features.into_iter().map(feature).collect(),
        log_dirs: vec![DIRECTORY.parse().unwrap()],
        previous_broker_epoch: -1,
        ..Default::default()
    }
}

/// Says that the broker with `epoch` has applied everything and wants to work.
pub async fn unfence(node: &QuorumNode, epoch: i64) -> BrokerHeartbeatResponse {
    call(node, 1, &heartbeat(node, epoch)).await
}

pub fn heartbeat(node: &QuorumNode, epoch: i64) -> BrokerHeartbeatRequest {
    BrokerHeartbeatRequest {
        broker_id: 1,
        broker_epoch: epoch,
        current_metadata_offset: node.published.borrow().end.0 - 1,
        want_fence: false,
        ..Default::default()
    }
}

/// The image without what changes with every start: the controller's incarnation.
pub fn lasting(image: &MetadataImage) -> MetadataImage {
    MetadataImage {
        controllers: Default::default(),
        ..image.clone()
    }
}
