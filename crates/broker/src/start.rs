//! Starting the broker and stopping it.

use crate::channel::ControllerChannel;
use crate::cleaner::{self, LogCleaner};
use crate::coordinators::Shards;
use crate::coordinators::transactions::markers;
use crate::fetch_session::FetchSessions;
use crate::flusher::{self, FlushQueues, Flushers};
use crate::future_replicas::{self, FutureReplicas};
use crate::lifecycle::{self, LifecycleError, Registration, Wish};
use crate::log_dirs::{LogDirError, LogDirs, Unusable};
use crate::measures::{self, Measures};
use crate::partitions::Partitions;
use crate::peers::Peers;
use crate::producer_ids::ProducerIds;
use crate::quota::ClientQuotas;
use crate::removals::{self, Removals};
use crate::replication::{self, Alterations, Fetchers, Throttles};
use crate::service::BrokerService;
use crate::{Broker, opening, publisher, replica_dirs, scrub};
use crate::{checkpoints, housekeeping};
use arc_swap::ArcSwap;
use base::fs::Fs;
use base::metric::Registry;
use base::{Clock, Rng, Uuid};
use config::{BrokerConfig, ConfigError, Endpoint};
use metadata::{MetadataImage, Published};
use network::Listener;
use network::listener::Serving;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use storage::dirs::CleanShutdown;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

/// How long connections may take to finish what they are in when the broker stops.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a broker is started with.
#[derive(Debug)]
pub struct BrokerOptions {
    /// The settings.
    pub config: BrokerConfig,
    /// The cluster's id, as in `meta.properties`.
    pub cluster_id: String,
    /// Log directories that could not be formatted, read or locked; the others are locked by the caller.
    pub unusable: Vec<Unusable>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Randomness.
    pub rng: Rng,
    /// The way to the controller.
    pub controller: Arc<dyn ControllerChannel>,
    /// The committed metadata, as the quorum shows it.
    pub published: watch::Receiver<Published>,
    /// The process's metrics.
    pub metrics: Arc<Registry>,
}

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A log directory.
    #[error(transparent)]
    LogDir(#[from] LogDirError),
    /// The controller.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    /// A thread.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// The dynamic settings in the metadata.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A broker that serves.
#[derive(Debug)]
pub struct RunningBroker {
    /// The broker.
    pub broker: Arc<Broker>,
    stop: watch::Sender<bool>,
    flushers: Flushers,
    listeners: Vec<Serving>,
    /// Ends once the cleaner's threads have.
    cleaning: JoinHandle<()>,
    wish: watch::Sender<Wish>,
    heartbeats: JoinHandle<()>,
}

/// Opens the log directories, takes its place in the cluster, and serves on `listeners` (bound already, so that clients
/// that connect meanwhile wait in the backlog). `endpoints` is what clients are told to connect to.
pub async fn start(
    options: BrokerOptions,
    listeners: Vec<Listener>,
    endpoints: Vec<Endpoint>,
) -> Result<RunningBroker, StartError> {
    let (stop, stopping) = watch::channel(false);
    let mut from_quorum = options.published.clone();
    let (applied, image) = watch::channel(Published::nothing());
    let (removals, due) = Removals::new(Arc::clone(&options.clock));
    let broker = Arc::new(assemble(options, image, stopping, removals.clone())?);
    measures::show(&broker);
    let incarnation = Uuid::random(&mut broker.rng.lock().expect("no code panics while it draws a number"));
    let registration = Registration { incarnation, endpoints };
    lifecycle::register_first(&broker, &registration).await?;
    // From here on the session is kept, however long the logs take to open.
    let (wish, wished) = watch::channel(Wish::StayFenced);
    let heartbeats = tokio::spawn(lifecycle::stay_alive(Arc::clone(&broker), registration, wished));
    lifecycle::catch_up(&broker).await?;
    let first = from_quorum.borrow_and_update().clone();
    take_first_image(&broker, first, &applied, &removals);
    let flushers = flusher::start(&broker).map_err(StartError::Thread)?;
    tokio::spawn(removals::remove_when_due(Arc::clone(&broker), due));
    tokio::spawn(markers::dispatch(Arc::clone(&broker)));
    tokio::spawn(publisher::follow(
        Arc::clone(&broker),
        from_quorum,
        applied,
        removals.clone(),
    ));
    replication::start(&broker);
    network::thread::in_place(|| future_replicas::resume(&broker));
    wish.send_replace(Wish::Serve);
    lifecycle::unfenced(&broker).await?;
    housekeeping::start(&broker, &removals);
    let cleaning = tokio::spawn(cleaner::run(Arc::clone(&broker), removals));
    tokio::spawn(replica_dirs::report(Arc::clone(&broker)));
    for dir in &broker.log_dirs.dirs {
        tokio::spawn(scrub::scrub(Arc::clone(&broker), Arc::clone(dir)));
    }
    let service = Arc::new(BrokerService {
        broker: Arc::clone(&broker),
    });
    let listeners = listeners
        .into_iter()
        .map(|listener| listener.serve(Arc::clone(&service)))
        .collect();
    Ok(RunningBroker {
        broker,
        stop,
        flushers,
        listeners,
        cleaning,
        wish,
        heartbeats,
    })
}

fn assemble(
    options: BrokerOptions,
    image: watch::Receiver<Published>,
    stopping: watch::Receiver<bool>,
    removals: Removals,
) -> Result<Broker, StartError> {
    let BrokerOptions {
        config,
        cluster_id,
        unusable,
        clock,
        fs,
        mut rng,
        controller,
        published,
        metrics,
    } = options;
    let paths: Vec<PathBuf> = config.log_dirs.iter().map(PathBuf::from).collect();
    let log_dirs = LogDirs::open(
        fs.as_ref(),
        &paths,
        &unusable,
        config.node_id,
        &cluster_id,
        opening::threads_per_dir(&config),
    )?;
    let (config, refused) = config.with_usable_dynamic(published.borrow().image.configs.dynamic(config.node_id));
    for reason in refused {
        warn!(reason, "a dynamic broker config cannot be applied");
    }
    log_dirs.cordon(&config.cordoned_log_dirs);
    let throttles = Throttles::default();
    throttles.configure(&config);
    let quotas = ClientQuotas::new(&config.requests);
    let slots = usize::try_from(config.requests.max_incremental_fetch_session_cache_slots).unwrap_or(0);
    let standings = Arc::new(partition::Brokers::new(config.replication.replica_lag_time_max));
    let future_replicas = FutureReplicas::new(&config, removals.clone());
    Ok(Broker {
        node: config.node_id,
        cluster_id: Arc::from(cluster_id),
        config: ArcSwap::from_pointee(config),
        clock,
        fs,
        fetch_sessions: FetchSessions::new(slots, Rng::from_seed(rng.next_u64())),
        rng: Mutex::new(rng),
        image,
        committed: published,
        controller,
        partitions: Partitions::default(),
        standings,
        groups: Shards::default(),
        transactions: Shards::default(),
        markers: Arc::default(),
        peers: Peers::default(),
        fetchers: Fetchers::new(removals),
        future_replicas,
        alterations: Alterations::default(),
        throttles,
        quotas,
        cleaner: LogCleaner::new(&metrics),
        flushes: FlushQueues::new(&log_dirs.dirs, &metrics),
        group_picture: Arc::default(),
        log_dirs,
        producer_ids: ProducerIds::default(),
        epoch: AtomicI64::new(-1),
        measures: Measures::new(&metrics),
        metrics,
        stopping,
    })
}

/// Opens what the metadata places here, recovering what needs it, and puts the rest aside.
fn take_first_image(broker: &Arc<Broker>, first: Published, applied: &watch::Sender<Published>, removals: &Removals) {
    network::thread::in_place(|| {
        publisher::put_strays_aside(broker, &first.image);
        publisher::apply(broker, &MetadataImage::default(), &first, removals);
        publisher::remove_deleted(broker, removals);
        flusher::flush_at_start(broker);
    });
    applied.send_replace(first);
    publisher::report(broker);
}

impl RunningBroker {
    /// Waits until the broker has no directory left to serve from, or has lost the one with the metadata log; answers
    /// which. It cannot go on then, as Kafka's does not.
    pub async fn lost(&self) -> PathBuf {
        let dirs = &self.broker.log_dirs;
        let metadata = PathBuf::from(&self.broker.config.load().metadata_log_dir);
        let mut failures = dirs.failures();
        let with_metadata = dirs.dirs.iter().find(|dir| dir.path == metadata);
        let is_lost = |failed: &usize| *failed == dirs.dirs.len() || with_metadata.is_some_and(|dir| dir.is_offline());
        // The sender is part of the broker, which is held here.
        _ = failures.wait_for(is_lost).await;
        metadata
    }

    /// Waits until a directory has failed and the controller could not be told so in time; answers which. The broker had
    /// better stop then: it is taken for the leader of what it cannot serve.
    pub async fn untold(&self) -> PathBuf {
        lifecycle::untold(&self.broker).await
    }

    /// Hands over what it leads, answers what is in flight, and closes the logs so that the next start trusts them.
    pub async fn stop(self) {
        if self.broker.config.load().quorum.controlled_shutdown_enable {
            self.wish.send_replace(Wish::ShutDown);
            lifecycle::let_go(self.heartbeats).await;
        }
        self.stop.send_replace(true);
        // Nothing may be appended once the logs are closed.
        self.broker.fetchers.ended().await;
        self.broker.future_replicas.stopped().await;
        for listener in self.listeners {
            listener.stop(PATIENCE).await;
        }
        if self.cleaning.await.is_err() {
            error!("the log cleaner failed");
        }
        let broker = self.broker;
        let flushers = self.flushers;
        let closed = network::thread::beside(move || {
            flushers.stop(&broker);
            close(&broker);
        });
        if closed.await.is_err() {
            error!("closing the logs failed; the next start checks them");
        }
    }
}

/// Closes every log, writes the checkpoints, and leaves the clean-shutdown marker where all of it worked.
fn close(broker: &Broker) {
    for hosted in broker.partitions.all() {
        if hosted.dir().is_offline() {
            continue;
        }
        let closed = hosted.lock().log_mut().close(broker.clock.now());
        if let Err(error) = closed {
            hosted.dir().take_offline(&error);
        }
    }
    checkpoints::write_recovery_points(broker);
    checkpoints::write_high_watermarks(broker);
    checkpoints::write_log_starts(broker);
    let marker = CleanShutdown {
        broker_epoch: Some(broker.epoch.load(Ordering::Acquire)),
    };
    for dir in broker.log_dirs.dirs.iter().filter(|dir| !dir.is_offline()) {
        if dir.has_unchecked.load(Ordering::Acquire) {
            warn!(dir = %dir.path.display(), "not all logs could be opened; the next start checks them");
            continue;
        }
        if let Err(error) = marker.write(broker.fs.as_ref(), &dir.path) {
            error!(dir = %dir.path.display(), %error, "the clean-shutdown marker cannot be written");
        }
    }
    info!("logs closed");
}
