//! Starting this node's part of the quorum, and stopping it.

use crate::active_controller::ActiveController;
use crate::bootstrap;
use crate::broker_pulse::{BrokerPulses, Notes};
use crate::broker_watch;
use crate::driver::{Command, Desk, Driver, LogEnds};
use crate::error::QuorumError;
use crate::handle::{BrokerProbes, ControllerHandle, Entrance, Quorum};
use crate::heartbeats::Heartbeats;
use crate::leader_pulse::LeaderPulse;
use crate::load::load;
use crate::metadata_log::MetadataLog;
use crate::mutation_figures::MutationFigures;
use crate::options::{QuorumOptions, asker, listener, outgoing, raft_config, static_voters};
use crate::peers::Peers;
use crate::publisher::Publisher;
use crate::registrar::Registrar;
use crate::registration::Registration;
use crate::replica::Replica;
use crate::settings_in_force::SettingsInForce;
use crate::sign_of_life::LastWord;
use crate::snapshotter::Snapshotter;
use base::fs::Fs;
use base::{Clock, NodeId, Rng};
use config::BrokerConfig;
use controller::{ControllerSettings, MutationQuotas, Origin, Periodic, Sessions};
use coordinator_runtime::Runtime;
use metadata::Published;
use raft::history::QuorumHistory;
use raft::{LogShape, Raft};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// How many operations may wait for the driver.
const QUEUE: usize = 4096;

/// This node's part of the quorum, running.
#[derive(Debug)]
pub struct QuorumNode {
    /// The committed metadata; replaced whole whenever it changes.
    pub published: watch::Receiver<Published>,
    /// This node's settings, with what of the committed dynamic configs concerns it.
    pub settings: watch::Receiver<Arc<BrokerConfig>>,
    /// Who is the active controller.
    pub active: watch::Receiver<ActiveController>,
    /// The controller.
    pub controller: ControllerHandle,
    /// Whatever is served on the controller's listener.
    pub service: Arc<Entrance>,
    pub(crate) own: NodeId,
    pub(crate) is_controller: bool,
    pub(crate) log_ends: watch::Receiver<LogEnds>,
    commands: mpsc::Sender<Command>,
    ended: oneshot::Receiver<Result<(), QuorumError>>,
    /// What goes on beside the driver: registering this controller with the active one, looking for brokers.
    beside: Vec<JoinHandle<()>>,
}

impl Drop for QuorumNode {
    fn drop(&mut self) {
        for task in &self.beside {
            task.abort();
        }
    }
}

/// Starts the node's part in the quorum: loads the metadata log, and votes (role `controller`) or observes (role `broker`
/// alone). Blocks for the disk.
///
/// If this node is the only voter, it is the active controller when this returns, and its metadata is committed: that of a
/// new cluster, too. If not, the node finds the others meanwhile, and shows nothing before it knows what is committed.
///
/// # Errors
/// If the files cannot be read or written, or the quorum is not one this program takes part in.
pub fn start(
    options: QuorumOptions,
    fs: Arc<dyn Fs>,
    clock: Arc<dyn Clock>,
    rng: Rng,
    tokio: tokio::runtime::Handle,
) -> Result<QuorumNode, QuorumError> {
    let config = Arc::clone(&options.config);
    let (commands, queue) = mpsc::channel(QUEUE);
    let (mut driver, shown) = prepare(&options, fs, &clock, rng, &tokio, queue)?;
    let registrar = config.roles.controller.then(|| Registrar {
        request: driver.registration.request().clone(),
        published: shown.published.clone(),
        active: shown.active.clone(),
        settings: outgoing(&config),
    });
    driver.settle()?;
    let last_word = driver.last_word.clone();
    let ended = spawn(driver, &tokio)?;
    let mut node = assemble(options, shown, commands, last_word, ended);
    node.beside
        .extend(registrar.map(|registrar| tokio.spawn(registrar.run())));
    look_for_brokers(&mut node, &config, &tokio);
    feel_pulses(&mut node, &config, &clock, &tokio);
    Ok(node)
}

/// Reads what is on disk, and puts the driver together, which does nothing yet.
fn prepare(
    options: &QuorumOptions,
    fs: Arc<dyn Fs>,
    clock: &Arc<dyn Clock>,
    mut rng: Rng,
    tokio: &tokio::runtime::Handle,
    commands: mpsc::Receiver<Command>,
) -> Result<(Driver, Shown), QuorumError> {
    let config = &options.config;
    let metadata_dir = PathBuf::from(&config.metadata_log_dir);
    let mut log = MetadataLog::open(fs, Arc::clone(clock), &metadata_dir, &config.metadata_log)?;
    let loaded = load(&mut log, static_voters(config))?;
    let bootstrap = bootstrap::read(&**log.fs(), &metadata_dir)?;
    let (peers, brought) = Peers::new(asker(options), outgoing(config), tokio.clone());
    let seed = rng.next_u64();
    let mut replica = replicate(options, log, loaded.history, loaded.shape, peers, clock, seed)?;
    replica.bytes_since_snapshot = loaded.bytes_since_snapshot;
    replica.last_timestamp = loaded.last_timestamp;
    let voters = replica.raft.history().voters();
    let is_alone = voters.is_only_voter(&replica.raft.own());
    let settings = ControllerSettings::new(Arc::clone(config), options.cluster_id.clone(), voters.ids().collect());
    let registration = Registration::new(config.node_id, &options.endpoints, &mut rng);
    let (tells, shown) = show(config, &settings, clock);
    let driver = Driver {
        clock: Arc::clone(clock),
        replica,
        desk: Desk {
            sessions: Sessions::activate(settings.session_timeout, &loaded.state, clock.now()),
            mutations: MutationQuotas::new(settings.mutation_window),
            periodic: Periodic::activate(&settings, clock.now()),
            settings,
            rng,
        },
        runtime: Runtime::new(loaded.state, loaded.covered),
        previous_life: (config.roles.broker && is_alone).then_some(config.node_id),
        publisher: tells.publisher,
        snapshotter: Snapshotter::new(&config.metadata_log, loaded.snapshots, clock.now()),
        commands,
        last_word: LastWord::default(),
        brought,
        registration,
        bootstrap,
        active: None,
        log_ends: tells.log_ends,
        announced: tells.announced,
        listener: listener(config),
    };
    Ok((driver, shown))
}

/// Starts the machine on what was read of its log.
fn replicate(
    options: &QuorumOptions,
    log: MetadataLog,
    history: QuorumHistory,
    shape: LogShape,
    peers: Peers,
    clock: &Arc<dyn Clock>,
    seed: u64,
) -> Result<Replica, QuorumError> {
    let now = raft::Now {
        instant: clock.now(),
        wall: clock.wall(),
    };
    let (config, persisted) = (raft_config(options), log.read_quorum_state()?);
    let (rng, mut effects) = (Rng::from_seed(seed), Vec::new());
    let raft = Raft::start(config, persisted, shape, history, rng, now, &mut effects)?;
    Replica::new(raft, log, peers, Arc::clone(clock), effects)
}

/// Has a controller look, when it comes to lead, which brokers have ended.
fn look_for_brokers(node: &mut QuorumNode, config: &BrokerConfig, tokio: &tokio::runtime::Handle) {
    if node.service.quorum.broker_probes == BrokerProbes::On && config.roles.controller {
        let looking = broker_watch::after_elections(Arc::clone(&node.service), config.node_id, node.active.clone());
        node.beside.push(tokio.spawn(looking));
    }
}

/// Has this node notice that others hang or are cut off.
fn feel_pulses(node: &mut QuorumNode, config: &BrokerConfig, clock: &Arc<dyn Clock>, tokio: &tokio::runtime::Handle) {
    let quorum = &config.quorum;
    let (silent, was_silent) = watch::channel(None);
    let leader = LeaderPulse {
        own: config.node_id,
        active: node.active.clone(),
        commands: node.commands.clone(),
        clock: Arc::clone(clock),
        patience: quorum.riverrun_controller_silence_timeout,
        longest: quorum.controller_quorum_fetch_timeout,
        silent,
    };
    let brokers = BrokerPulses {
        entrance: Arc::clone(&node.service),
        own: config.node_id,
        published: node.published.clone(),
        clock: Arc::clone(clock),
        patience: quorum.riverrun_broker_silence_timeout,
        session: quorum.broker_session_timeout,
        notes: Notes::default(),
    };
    if !leader.patience.is_zero() {
        node.beside.push(tokio.spawn(leader.run()));
    }
    let feels_brokers = !brokers.patience.is_zero() && quorum.riverrun_broker_probe_enable;
    if feels_brokers && config.roles.controller {
        node.beside
            .push(tokio.spawn(brokers.run(node.active.clone(), was_silent)));
    }
}

fn spawn(
    driver: Driver,
    tokio: &tokio::runtime::Handle,
) -> Result<oneshot::Receiver<Result<(), QuorumError>>, QuorumError> {
    let (end, ended) = oneshot::channel();
    let run = async move { _ = end.send(driver.run().await) };
    network::thread::drive("metadata-log", tokio, run).map_err(QuorumError::Thread)?;
    Ok(ended)
}

/// What the driver tells the rest of the node by.
struct Tells {
    publisher: Publisher,
    log_ends: watch::Sender<LogEnds>,
    announced: watch::Sender<ActiveController>,
}

/// What the driver shows the rest of the node.
struct Shown {
    published: watch::Receiver<Published>,
    settings: watch::Receiver<Arc<BrokerConfig>>,
    active: watch::Receiver<ActiveController>,
    log_ends: watch::Receiver<LogEnds>,
    mutation_figures: Arc<MutationFigures>,
    heartbeats: Arc<Heartbeats>,
}

fn show(config: &Arc<BrokerConfig>, settings: &ControllerSettings, clock: &Arc<dyn Clock>) -> (Tells, Shown) {
    let (in_force, settings_in_force) = SettingsInForce::new(Arc::clone(config));
    let (publisher, published) = Publisher::new(in_force);
    let (log_ends, ends) = watch::channel(LogEnds::NONE);
    let (announced, active) = watch::channel(ActiveController::UNKNOWN);
    let tells = Tells {
        publisher,
        log_ends,
        announced,
    };
    let shown = Shown {
        published,
        settings: settings_in_force,
        active,
        log_ends: ends,
        mutation_figures: Arc::new(MutationFigures::new(settings.mutation_windows(), Arc::clone(clock))),
        heartbeats: Arc::new(Heartbeats::new(settings.session_timeout, Arc::clone(clock))),
    };
    (tells, shown)
}

fn assemble(
    options: QuorumOptions,
    shown: Shown,
    commands: mpsc::Sender<Command>,
    last_word: LastWord,
    ended: oneshot::Receiver<Result<(), QuorumError>>,
) -> QuorumNode {
    let (own, is_controller) = (options.config.node_id, options.config.roles.controller);
    let broker_probes = match options.config.quorum.riverrun_broker_probe_enable {
        true => BrokerProbes::On,
        false => BrokerProbes::Off,
    };
    let quorum = Arc::new(Quorum {
        cluster_id: options.cluster_id,
        listener: listener(&options.config),
        published: shown.published.clone(),
        settings: shown.settings.clone(),
        log_ends: shown.log_ends.clone(),
        commands: commands.clone(),
        last_word,
        broker_probes,
        mutation_figures: shown.mutation_figures,
        heartbeats: shown.heartbeats,
    });
    QuorumNode {
        published: shown.published,
        settings: shown.settings,
        active: shown.active,
        service: Arc::new(Entrance::new(&quorum, Origin::Direct)),
        controller: ControllerHandle { quorum },
        own,
        is_controller,
        log_ends: shown.log_ends,
        commands,
        ended,
        beside: Vec::new(),
    }
}

impl QuorumNode {
    /// Waits until the node's part in the quorum ends; that is only after [`QuorumNode::stop`], or if the disk failed.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn ended(&mut self) -> Result<(), QuorumError> {
        (&mut self.ended).await.unwrap_or(Err(QuorumError::Panicked))
    }

    /// Answers what is in flight, steps down, and closes the log; nothing, if `ended` has said how it ended.
    ///
    /// # Errors
    /// If the log could not be closed.
    pub async fn stop(mut self) -> Result<(), QuorumError> {
        if self.ended.is_terminated() {
            return Ok(());
        }
        // If the driver is gone already, `ended` tells why.
        _ = self.commands.send(Command::Stop).await;
        self.ended().await
    }
}
