//! One node from start to end: ports, metadata quorum, broker.

use super::connection_limits;
use super::controller_route::ControllerRoute;
use super::dir_locks::{self, DirLocks};
use super::identity;
use super::linux_io;
use super::open_files;
use super::settings::{FormatNew, Settings};
use super::signals::Signals;
use anyhow::{Context, Result, anyhow, bail};
use base::clock::SystemClock;
use base::fs::{Fs, RealFs};
use base::metric::Registry;
use base::{Clock, Rng};
use broker::start::{BrokerOptions, RunningBroker};
use config::{BrokerConfig, Endpoint};
use network::listener::Serving;
use network::{ConnectionCounts, ConnectionLimits, Listener, ListenerCounts, ListenerSettings, Share};
use quorum::{QuorumNode, QuorumOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::error;

/// How long a node whose directories failed waits for its part in the quorum to end.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long the controller's connections may take to finish what they are in.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a node lives: the machine, or a simulation.
#[derive(Debug)]
pub struct World {
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Rng,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// Where it has that role.
    pub broker: Option<RunningBroker>,
    controllers: Vec<Serving>,
    quorum: QuorumNode,
    _locks: DirLocks,
}

/// What a node is made of, before it starts.
#[derive(Debug)]
pub struct Parts {
    config: BrokerConfig,
    identity: identity::Identity,
    world: World,
    clients: Vec<Listener>,
    controllers: Vec<Listener>,
    limits: watch::Sender<ConnectionLimits>,
    metrics: Arc<Registry>,
    locks: DirLocks,
}

/// Runs the node until a signal, and stops it cleanly.
pub(super) async fn run(settings: Settings, started: Instant) -> Result<()> {
    let mut signals = Signals::catch()?;
    open_files::raise_limit();
    let world = World {
        fs: Arc::new(RealFs),
        clock: Arc::new(SystemClock::new()),
        rng: Rng::from_os(),
    };
    let parts = prepare(settings.config, settings.format, world).await?;
    let address = parts.clients.iter().chain(&parts.controllers).next();
    let address = address.map(Listener::address).context("there is no listener")?;
    let cluster_id = parts.identity.cluster_id.clone();
    let mut node = tokio::select! {
        started = start(parts) => started?,
        // Nothing was promised to anybody yet: what is on disk is in order whenever the process ends.
        () = signals.first() => return Ok(()),
    };
    let millis = started.elapsed().as_millis();
    println!(
        "riverrun {} is ready: listening on {address}, cluster {cluster_id}, started in {millis} ms",
        env!("CARGO_PKG_VERSION")
    );
    let end = tokio::select! {
        () = signals.first() => End::Asked,
        lost = node.lost() => lost?,
    };
    if !matches!(end, End::Lost(_)) {
        signals.end_at_next();
    }
    node.end(end).await
}

/// Why a node stops.
#[derive(Debug)]
pub enum End {
    /// By a signal.
    Asked,
    /// There is no directory left to work in, or not that of the metadata log.
    Lost(String),
    /// The cluster takes it for the leader of what it cannot serve: a directory failed, and no controller could be told.
    Untold(String),
}

/// Looks into the node's directories, locks them, and opens its ports.
///
/// # Errors
/// If the directories are not this node's, or a port cannot be had.
pub async fn prepare(config: BrokerConfig, format: FormatNew, world: World) -> Result<Parts> {
    let mut identity = identity::establish(&world.fs, &config, format)?;
    let locks = dir_locks::take(&*world.fs, &config, &mut identity)?;
    let (limits, connections) = watch::channel(connection_limits::resolve(&config).await);
    let of_clients = ConnectionCounts::new(config.requests.quota_windows());
    let of_controllers = of_clients.other_side();
    let clients = bind_all(&config, &config.listeners, &of_clients, &connections).await?;
    let controllers = bind_all(&config, &config.controller_listeners, &of_controllers, &connections).await?;
    let metrics = Arc::new(Registry::default());
    network::counts::show(&metrics, [of_clients, of_controllers]);
    linux_io::show(&metrics);
    serve_metrics(&config, &metrics).await?;
    Ok(Parts {
        config,
        identity,
        world,
        clients,
        controllers,
        limits,
        metrics,
        locks,
    })
}

/// Before the logs are looked at: how that goes is among what is measured.
async fn serve_metrics(config: &BrokerConfig, metrics: &Arc<Registry>) -> Result<()> {
    for address in &config.metrics_listeners {
        let metrics = Arc::clone(metrics);
        let bound = network::page::serve(address, Arc::new(move || metrics.text())).await;
        bound.with_context(|| format!("riverrun.metrics.listeners: cannot listen on {address}"))?;
    }
    Ok(())
}

/// Starts the node: it serves when this returns.
///
/// # Errors
/// If a directory cannot be used, or the quorum or the cluster does not take the node.
pub async fn start(parts: Parts) -> Result<Node> {
    let Parts {
        config,
        identity,
        mut world,
        clients,
        controllers,
        limits,
        metrics,
        locks,
    } = parts;
    let endpoints = as_bound(&config.advertised_controller_listeners, &controllers);
    let quorum = start_quorum(&config, &identity, &mut world, endpoints)?;
    quorum.show(&metrics);
    let (settings, published) = (quorum.settings.clone(), quorum.published.clone());
    tokio::spawn(connection_limits::follow(settings, published, limits));
    // Before the broker starts: the other controllers need this one to elect the one that it registers with.
    let controllers = controllers
        .into_iter()
        .map(|listener| listener.serve(Arc::clone(&quorum.service)))
        .collect();
    let mut node = Node {
        broker: None,
        controllers,
        quorum,
        _locks: locks,
    };
    if !config.roles.broker {
        return Ok(node);
    }
    match node.start_broker(config, identity, world, metrics, clients).await {
        Ok(broker) => {
            node.broker = Some(broker);
            Ok(node)
        }
        Err(error) => {
            // The start's own failure is told; the metadata log's would only hide it.
            _ = node.stop().await;
            Err(error)
        }
    }
}

fn start_quorum(
    config: &BrokerConfig,
    identity: &identity::Identity,
    world: &mut World,
    endpoints: Vec<Endpoint>,
) -> Result<QuorumNode> {
    let options = QuorumOptions {
        config: Arc::new(config.clone()),
        cluster_id: identity.cluster_id.clone(),
        directory_id: identity.metadata_directory_id,
        endpoints,
    };
    let (fs, clock) = (Arc::clone(&world.fs), Arc::clone(&world.clock));
    let rng = Rng::from_seed(world.rng.next_u64());
    let tokio = tokio::runtime::Handle::current();
    Ok(network::thread::in_place(|| {
        quorum::start(options, fs, clock, rng, tokio)
    })?)
}

impl Node {
    async fn start_broker(
        &mut self,
        config: BrokerConfig,
        identity: identity::Identity,
        world: World,
        metrics: Arc<Registry>,
        clients: Vec<Listener>,
    ) -> Result<RunningBroker> {
        let endpoints = as_bound(&config.advertised_listeners, &clients);
        let route = ControllerRoute::new(&config, self.quorum.controller.clone(), self.quorum.active.clone());
        let options = BrokerOptions {
            config,
            cluster_id: identity.cluster_id,
            unusable: identity.unusable,
            clock: world.clock,
            fs: world.fs,
            rng: world.rng,
            controller: Arc::new(route),
            published: self.quorum.published.clone(),
            metrics,
        };
        tokio::select! {
            started = broker::start::start(options, clients, endpoints) => Ok(started?),
            lost = self.quorum.ended() => Err(lost.err().map_or_else(|| anyhow!("the quorum ended"), Into::into)),
        }
    }

    /// Waits until the node cannot go on by itself.
    ///
    /// # Errors
    /// If the metadata log is lost: nothing that a client is told could be kept, and the process ends, as Kafka's does.
    pub async fn lost(&mut self) -> Result<End> {
        let broker = self.broker.as_ref();
        let lost = async {
            match broker {
                Some(broker) => broker.lost().await,
                None => std::future::pending().await,
            }
        };
        let untold = async {
            match broker {
                Some(broker) => broker.untold().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            lost = self.quorum.ended() => lost.map(|()| End::Asked).context("the metadata log is lost"),
            dir = lost => Ok(End::Lost(dir.display().to_string())),
            dir = untold => Ok(End::Untold(dir.display().to_string())),
        }
    }

    /// Stops, as well as can be.
    ///
    /// # Errors
    /// What was lost, or if the metadata log could not be closed.
    pub async fn end(self, end: End) -> Result<()> {
        match end {
            End::Asked => self.stop().await,
            End::Lost(dir) => {
                // Its thread is not to outlive the runtime; but no disk is waited for any more.
                _ = timeout(FAREWELL, self.quorum.stop()).await;
                bail!("every log directory, or the one of the metadata log ({dir}), has failed")
            }
            End::Untold(dir) => {
                error!(
                    dir,
                    "no controller hears that the log directory failed: this broker stops"
                );
                self.stop().await?;
                bail!("no controller could be told in time that log directory {dir} failed")
            }
        }
    }

    /// The broker first: what it leads is moved by a controller, which may be this one.
    ///
    /// # Errors
    /// If the metadata log could not be closed.
    pub async fn stop(self) -> Result<()> {
        if let Some(broker) = self.broker {
            broker.stop().await;
        }
        for listener in self.controllers {
            listener.stop(PATIENCE).await;
        }
        self.quorum.stop().await.context("the metadata log could not be closed")
    }
}

async fn bind_all(
    config: &BrokerConfig,
    endpoints: &[Endpoint],
    counts: &ConnectionCounts,
    connections: &watch::Receiver<ConnectionLimits>,
) -> Result<Vec<Listener>> {
    let mut bound = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let is_brokers_own = endpoint.listener == config.inter_broker_listener && endpoints.len() > 1;
        let share = if is_brokers_own {
            Share::Apart
        } else {
            Share::WithOthers
        };
        let counts = counts.listener(endpoint.listener.as_str(), share);
        bound.push(Listener::bind(listener_settings(config, endpoint, counts, connections)).await?);
    }
    Ok(bound)
}

/// The default of both `socket.receive.buffer.bytes` and `socket.send.buffer.bytes`, which stands for the operating system's
/// choice: a size that is set holds the socket to it, however fast the peer is.
const UNSAID_BUFFER: u32 = 102_400;

fn listener_settings(
    config: &BrokerConfig,
    endpoint: &Endpoint,
    counts: ListenerCounts,
    connections: &watch::Receiver<ConnectionLimits>,
) -> ListenerSettings {
    let sockets = &config.sockets;
    let natural = |value: i32| usize::try_from(value).unwrap_or(usize::MAX);
    let buffer = |bytes: i32| {
        u32::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes > 0 && *bytes != UNSAID_BUFFER)
    };
    let idle = u64::try_from(sockets.connections_max_idle_ms).unwrap_or(u64::MAX / 1_000_000);
    ListenerSettings {
        counts,
        host: endpoint.host.clone(),
        port: endpoint.port,
        max_request_bytes: natural(sockets.socket_request_max_bytes),
        max_idle: Duration::from_millis(idle),
        connections: connections.clone(),
        backlog: u32::try_from(sockets.socket_listen_backlog_size).unwrap_or(50),
        send_buffer: buffer(sockets.socket_send_buffer_bytes),
        receive_buffer: buffer(sockets.socket_receive_buffer_bytes),
    }
}

/// The advertised endpoints with the ports that were bound where the configuration left that to the operating system.
fn as_bound(advertised: &[Endpoint], bound: &[Listener]) -> Vec<Endpoint> {
    let resolve = |endpoint: &Endpoint| {
        let listener = bound
            .iter()
            .find(|listener| **listener.name() == *endpoint.listener.as_str());
        let port = listener.map_or(endpoint.port, |listener| listener.address().port());
        Endpoint {
            port: if endpoint.port == 0 { port } else { endpoint.port },
            ..endpoint.clone()
        }
    };
    advertised.iter().map(resolve).collect()
}
