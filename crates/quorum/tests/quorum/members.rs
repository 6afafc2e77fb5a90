//! Several nodes of one quorum, in this process: real sockets, disks in memory that can lose their power, and a network
//! that can be cut between any two of them.

use crate::cut::{Network, PATIENCE, Reached, bind};
use crate::setup::{CLUSTER, registration, start_on, try_call};
use base::fs::Fs;
use base::{NodeId, Rng, Timestamp, Uuid};
use config::{BrokerConfig, Endpoint, Layered};
use metadata::MetadataVersion;
use metadata::Published;
use metadata::bootstrap::bootstrap_records;
use network::Listener;
use network::listener::Serving;
use quorum::format::{FirstVoters, Formatting, KRaftVersionRange, ReplicaKey, Voter, VoterSet, format};
use quorum::{ActiveController, QuorumNode, QuorumOptions};
use sim::Disk;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// One member and what is left of it while it is down.
pub struct Member {
    pub id: i32,
    pub config: Arc<BrokerConfig>,
    pub disk: Disk,
    directory: Uuid,
    port: u16,
    running: Option<(QuorumNode, Serving)>,
}

/// The quorum.
pub struct Members {
    pub all: Vec<Member>,
    network: Arc<Network>,
    rng: Rng,
    /// The setting that names the quorum.
    quorum: String,
    settings: Vec<String>,
    is_dynamic: bool,
}

async fn bind_all(count: i32) -> Vec<(i32, Listener)> {
    let mut listeners = Vec::new();
    for id in 1..=count {
        listeners.push((id, bind(0).await));
    }
    listeners
}

/// Where a controller is reached.
pub fn endpoint(port: u16) -> raft::voters::Endpoint {
    raft::voters::Endpoint {
        listener: "CONTROLLER".to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
    }
}

fn format_disk(disk: &Disk, id: i32, voters: &FirstVoters, rng: &mut Rng) {
    let formatting = Formatting {
        cluster_id: CLUSTER.to_owned(),
        node_id: NodeId(id),
        dirs: vec!["/disk".into()],
        metadata_dir: "/disk".into(),
        bootstrap: bootstrap_records(MetadataVersion::LATEST_PRODUCTION, &[]),
        voters: voters.clone(),
    };
    let fs: Arc<dyn Fs> = Arc::new(disk.clone());
    format(&fs, &formatting, Timestamp(0), rng).unwrap();
}

/// The directory id of a node's first life.
pub fn directory(id: i32) -> Uuid {
    Uuid([id as u8; 16])
}

impl Members {
    /// `voters` controllers with static voters, all of them started.
    pub async fn start(seed: u64, voters: i32, settings: &[&str]) -> Self {
        let listeners = bind_all(voters).await;
        let named = listeners
            .iter()
            .map(|(id, listener)| format!("{id}@127.0.0.1:{}", listener.address().port()));
        let voters = format!("controller.quorum.voters={}", named.collect::<Vec<_>>().join(","));
        Self::with(seed, voters, settings, listeners, None).await
    }

    /// `voters` controllers that keep the voters in the log (KIP-853), all of them started.
    pub async fn start_dynamic(seed: u64, voters: i32, settings: &[&str]) -> Self {
        let listeners = bind_all(voters).await;
        let servers = listeners
            .iter()
            .map(|(_, listener)| format!("127.0.0.1:{}", listener.address().port()));
        let servers = format!(
            "controller.quorum.bootstrap.servers={}",
            servers.collect::<Vec<_>>().join(",")
        );
        let voter = |(id, listener): &(i32, Listener)| Voter {
            key: ReplicaKey {
                id: NodeId(*id),
                directory: Some(directory(*id)),
            },
            endpoints: vec![endpoint(listener.address().port())],
            kraft_versions: KRaftVersionRange::SUPPORTED,
        };
        let voters = VoterSet::new(listeners.iter().map(voter).collect()).unwrap();
        Self::with(seed, servers, settings, listeners, Some(voters)).await
    }

    async fn with(
        seed: u64,
        quorum: String,
        settings: &[&str],
        listeners: Vec<(i32, Listener)>,
        voters: Option<VoterSet>,
    ) -> Self {
        let mut members = Self {
            all: Vec::new(),
            network: Arc::default(),
            rng: Rng::from_seed(seed),
            quorum,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            is_dynamic: voters.is_some(),
        };
        for (id, listener) in listeners {
            let voters = voters.clone().map_or(FirstVoters::Static, FirstVoters::Initial);
            members.add(id, "controller", listener, &voters).await;
        }
        members
    }

    /// One more node, with `roles`, that knows the others only by address, or by the configured voters.
    pub async fn join(&mut self, id: i32, roles: &str) {
        let listener = bind(0).await;
        let voters = if self.is_dynamic {
            FirstVoters::ToBeFound
        } else {
            FirstVoters::Static
        };
        self.add(id, roles, listener, &voters).await;
    }

    /// The node's disk is replaced by an empty one while it is down.
    pub fn replace_disk(&mut self, id: i32) {
        let place = self.place(id);
        assert!(self.all[place].running.is_none(), "node {id} runs");
        self.all[place].disk = Disk::with_dir(Path::new("/disk"));
    }

    async fn add(&mut self, id: i32, roles: &str, listener: Listener, voters: &FirstVoters) {
        let port = listener.address().port();
        let mut layered = Layered::new();
        let listeners = match roles {
            "broker" => "listeners=PLAINTEXT://127.0.0.1:9092".to_owned(),
            _ => format!("listeners=CONTROLLER://127.0.0.1:{port}"),
        };
        let own = [
            format!("node.id={id}"),
            format!("process.roles={roles}"),
            listeners,
            "controller.listener.names=CONTROLLER".to_owned(),
            "metadata.max.idle.interval.ms=0".to_owned(),
            "log.dirs=/disk".to_owned(),
            self.quorum.clone(),
        ];
        for setting in own.iter().chain(&self.settings) {
            layered.add_assignment(setting).unwrap();
        }
        let disk = Disk::with_dir(Path::new("/disk"));
        if self.is_dynamic {
            format_disk(&disk, id, voters, &mut self.rng);
        }
        self.all.push(Member {
            id,
            config: Arc::new(BrokerConfig::from_layers(&layered).unwrap()),
            disk,
            directory: directory(id),
            port,
            running: None,
        });
        self.run(id, Some(listener)).await;
    }

    fn place(&self, id: i32) -> usize {
        self.all.iter().position(|member| member.id == id).unwrap()
    }

    /// The running node.
    pub fn node(&self, id: i32) -> &QuorumNode {
        &self.all[self.place(id)].running.as_ref().unwrap().0
    }

    /// The ids of those that run.
    pub fn running(&self) -> Vec<i32> {
        let running = self.all.iter().filter(|member| member.running.is_some());
        running.map(|member| member.id).collect()
    }

    async fn run(&mut self, id: i32, listener: Option<Listener>) {
        let place = self.place(id);
        let member = &self.all[place];
        let listener = match listener {
            Some(listener) => listener,
            None => bind(member.port).await,
        };
        let endpoints: Vec<Endpoint> = member.config.advertised_controller_listeners.clone();
        let options = QuorumOptions {
            config: Arc::clone(&member.config),
            cluster_id: CLUSTER.to_owned(),
            directory_id: member.directory,
            endpoints,
        };
        let node = start_on(
            Arc::new(member.disk.clone()),
            options,
            Rng::from_seed(self.rng.next_u64()),
        )
        .unwrap();
        let reached = Reached {
            node: id,
            entrance: Arc::clone(&node.service),
            network: Arc::clone(&self.network),
        };
        let serving = listener.serve(Arc::new(reached));
        self.all[place].running = Some((node, serving));
    }

    /// Starts a node again that was stopped or crashed.
    pub async fn restart(&mut self, id: i32) {
        self.run(id, None).await;
    }

    /// Stops a node cleanly.
    pub async fn stop(&mut self, id: i32) {
        let place = self.place(id);
        let (node, serving) = self.all[place].running.take().unwrap();
        node.stop().await.unwrap();
        serving.stop(Duration::ZERO).await;
    }

    /// The power of a node fails: its connections end, and what it did not sync is there in part, or not at all.
    pub async fn crash(&mut self, id: i32) {
        let place = self.place(id);
        let (node, serving) = self.all[place].running.take().unwrap();
        self.all[place].disk.cut_power_after(0);
        // A leader finds out when it writes, and then has no occasion to say farewell.
        _ = try_call(&node.controller, 4, &registration(&node, 250)).await;
        serving.stop(Duration::ZERO).await;
        // It may end with an error: it has no disk any more.
        _ = node.stop().await;
        self.all[place].disk = self.all[place].disk.after_power_cut(&mut self.rng);
    }

    /// Stops everybody.
    pub async fn stop_all(mut self) {
        for id in self.running() {
            self.stop(id).await;
        }
    }

    /// Cuts `id` off from everybody, in both directions.
    pub fn cut_off(&self, id: i32) {
        let mut cuts = self.network.cuts.lock().unwrap();
        for other in self.all.iter().filter(|other| other.id != id) {
            cuts.insert((id, other.id));
            cuts.insert((other.id, id));
        }
    }

    /// Nothing gets through from one to the other; the other way it does.
    pub fn cut(&self, from: i32, to: i32) {
        self.network.cuts.lock().unwrap().insert((from, to));
    }

    /// Everybody reaches everybody again.
    pub fn heal(&self) {
        self.network.cuts.lock().unwrap().clear();
    }

    /// Waits until `id` asked for a vote that the network lost.
    pub async fn asks_in_vain(&self, id: i32) {
        let mut lost = self.network.lost_votes.subscribe();
        timeout(PATIENCE, lost.wait_for(|lost| lost.contains(&id)))
            .await
            .unwrap_or_else(|_| panic!("node {id} asks for no vote"))
            .unwrap();
    }

    /// Waits until `who` all see the same active controller, in an epoch after `after`, and it says so itself.
    pub async fn active_among(&self, who: &[i32], after: i32) -> (i32, i32) {
        let found = timeout(PATIENCE, self.agreed_among(who, after)).await;
        found.unwrap_or_else(|_| panic!("{who:?} did not agree on an active controller: {:?}", self.seen(who)))
    }

    async fn agreed_among(&self, who: &[i32], after: i32) -> (i32, i32) {
        loop {
            let seen = self.seen(who);
            let first = &seen[0];
            if let Some(id) = first.id
                && first.epoch.0 > after
                && seen
                    .iter()
                    .all(|other| (other.id, other.epoch) == (first.id, first.epoch))
                && who.contains(&id.0)
            {
                return (id.0, first.epoch.0);
            }
            self.any_change(who).await;
        }
    }

    /// Gives them a little time to find an active controller, if they can.
    pub async fn settles(&self) {
        let somebody = async {
            loop {
                let running = self.running();
                let is_active = |id: &i32| self.node(*id).active.borrow().id.is_some_and(|active| active.0 == *id);
                if running.iter().any(is_active) {
                    return;
                }
                self.any_change(&running).await;
            }
        };
        _ = timeout(Duration::from_secs(1), somebody).await;
    }

    fn seen(&self, who: &[i32]) -> Vec<ActiveController> {
        who.iter().map(|id| self.node(*id).active.borrow().clone()).collect()
    }

    /// Waits until one of `who` sees another active controller than before.
    async fn any_change(&self, who: &[i32]) {
        let mut waits = tokio::task::JoinSet::new();
        for id in who {
            let mut active = self.node(*id).active.clone();
            let before = active.borrow_and_update().clone();
            waits.spawn(async move { _ = active.wait_for(|now| *now != before).await });
        }
        // What changed between the caller's look and ours is seen in the next round.
        _ = timeout(Duration::from_millis(50), waits.join_next()).await;
    }

    /// Waits until node `id` shows what the others committed below `end`.
    pub async fn catches_up(&self, id: i32, end: i64) {
        let mut published = self.node(id).published.clone();
        let caught_up = async {
            while published.borrow_and_update().end.0 < end {
                // Of an end that moves alone nobody is told.
                _ = timeout(Duration::from_millis(20), published.changed()).await;
            }
        };
        timeout(PATIENCE, caught_up)
            .await
            .unwrap_or_else(|_| panic!("node {id} does not reach {end}"));
    }

    /// Waits until node `id` shows something.
    pub async fn shows(&self, id: i32, wanted: impl FnMut(&Published) -> bool) {
        let mut published = self.node(id).published.clone();
        timeout(PATIENCE, published.wait_for(wanted))
            .await
            .unwrap_or_else(|_| panic!("node {id} does not show it"))
            .unwrap();
    }

    /// Waits until the leader's log names `id` as a voter.
    pub async fn becomes_voter(&self, leader: i32, id: i32) {
        let mut published = self.node(leader).published.clone();
        let named = async {
            loop {
                published.borrow_and_update();
                if crate::voters::voters(self, leader).await.contains(&id) {
                    return;
                }
                // Voters are no part of what is published.
                _ = timeout(Duration::from_millis(20), published.changed()).await;
            }
        };
        timeout(PATIENCE, named)
            .await
            .unwrap_or_else(|_| panic!("node {id} does not become a voter"));
    }

    /// Where the log of node `id` begins, on its disk.
    pub fn log_start(&self, id: i32) -> i64 {
        let segments = self.segments(id);
        segments.first().copied().unwrap_or(0)
    }

    fn segments(&self, id: i32) -> Vec<i64> {
        let disk = &self.all[self.place(id)].disk;
        let entries = disk.list(Path::new("/disk/__cluster_metadata-0")).unwrap();
        let names = entries.iter().filter_map(|entry| entry.name.strip_suffix(".log"));
        let mut bases: Vec<i64> = names.map(|name| name.parse().unwrap()).collect();
        bases.sort_unstable();
        bases
    }

    /// The port of node `id`.
    pub fn port(&self, id: i32) -> u16 {
        self.all[self.place(id)].port
    }

    /// The end of what node `id` knows to be committed.
    pub fn end(&self, id: i32) -> i64 {
        self.node(id).published.borrow().end.0
    }
}
