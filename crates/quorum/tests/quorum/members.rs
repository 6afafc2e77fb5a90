//! Several nodes of one quorum, in this process: real sockets, disks in memory that can lose their power, and a network
//! that can be cut between any two of them.

use crate::disk::Disk;
use crate::setup::{CLUSTER, start_on};
use base::{Rng, Uuid};
use bytes::Bytes;
use config::{BrokerConfig, Endpoint, Layered};
use network::listener::Serving;
use network::{Admission, ConnectionLimits, Listener, ListenerSettings, Reply, RequestContext, Service};
use protocol::ApiKey;
use quorum::{ActiveController, Entrance, QuorumNode, QuorumOptions};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Longer than anything takes that happens at all.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// From whom to whom nothing gets through.
type Cuts = Arc<Mutex<BTreeSet<(i32, i32)>>>;

/// A node's service behind a network that can be cut.
struct Reached {
    node: i32,
    entrance: Arc<Entrance>,
    cuts: Cuts,
}

impl Service for Reached {
    fn admit(&self, api_key: ApiKey, api_version: i16) -> Admission {
        self.entrance.admit(api_key, api_version)
    }

    async fn handle(self: &Arc<Self>, context: &RequestContext, body: Bytes) -> Reply {
        let from = context
            .client_id
            .strip_prefix("raft-client-")
            .and_then(|id| id.parse().ok());
        let is_cut = || from.is_some_and(|from| self.cuts.lock().unwrap().contains(&(from, self.node)));
        if is_cut() {
            return Reply::Close("the network is cut");
        }
        let reply = self.entrance.handle(context, body).await;
        if is_cut() {
            Reply::Close("the network is cut")
        } else {
            reply
        }
    }
}

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
    cuts: Cuts,
    rng: Rng,
    voters: String,
    settings: Vec<String>,
}

async fn bind(port: u16) -> Listener {
    let limits = ConnectionLimits {
        all: usize::MAX,
        per_ip: usize::MAX,
        overrides: Default::default(),
    };
    let settings = ListenerSettings {
        name: Arc::from("CONTROLLER"),
        host: "127.0.0.1".to_owned(),
        port,
        max_request_bytes: 100 << 20,
        max_idle: Duration::from_secs(600),
        connections: watch::channel(limits).1,
        backlog: 50,
        send_buffer: None,
        receive_buffer: None,
    };
    Listener::bind(settings).await.unwrap()
}

/// The directory id of a node's first life.
pub fn directory(id: i32) -> Uuid {
    Uuid([id as u8; 16])
}

impl Members {
    /// `voters` controllers with static voters, all of them started.
    pub async fn start(seed: u64, voters: i32, settings: &[&str]) -> Self {
        let mut listeners = Vec::new();
        for id in 1..=voters {
            listeners.push((id, bind(0).await));
        }
        let named: Vec<String> = listeners
            .iter()
            .map(|(id, listener)| format!("{id}@127.0.0.1:{}", listener.address().port()))
            .collect();
        let mut members = Self {
            all: Vec::new(),
            cuts: Cuts::default(),
            rng: Rng::from_seed(seed),
            voters: format!("controller.quorum.voters={}", named.join(",")),
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
        };
        for (id, listener) in listeners {
            members.add(id, "controller", listener).await;
        }
        members
    }

    /// One more node, with `roles`.
    pub async fn join(&mut self, id: i32, roles: &str) {
        let listener = bind(0).await;
        self.add(id, roles, listener).await;
    }

    async fn add(&mut self, id: i32, roles: &str, listener: Listener) {
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
            self.voters.clone(),
        ];
        for setting in own.iter().chain(&self.settings) {
            layered.add_assignment(setting).unwrap();
        }
        let disk = Disk::with_dir("/disk");
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
            cuts: Arc::clone(&self.cuts),
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
        self.all[place].disk.fail_after(0);
        serving.stop(Duration::ZERO).await;
        // It may end with an error: it has no disk any more.
        _ = node.stop().await;
        self.all[place].disk = self.all[place].disk.after_crash(&mut self.rng);
    }

    /// Stops everybody.
    pub async fn stop_all(mut self) {
        for id in self.running() {
            self.stop(id).await;
        }
    }

    /// Cuts `id` off from everybody, in both directions.
    pub fn cut_off(&self, id: i32) {
        let mut cuts = self.cuts.lock().unwrap();
        for other in self.all.iter().filter(|other| other.id != id) {
            cuts.insert((id, other.id));
            cuts.insert((other.id, id));
        }
    }

    /// Everybody reaches everybody again.
    pub fn heal(&self) {
        self.cuts.lock().unwrap().clear();
    }

    /// Waits until `who` all see the same active controller, in an epoch after `after`, and it says so itself.
    pub async fn active_among(&self, who: &[i32], after: i32) -> (i32, i32) {
        let agreed = async {
            loop {
                let seen: Vec<ActiveController> = who.iter().map(|id| self.node(*id).active.borrow().clone()).collect();
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
        };
        let found = timeout(PATIENCE, agreed).await;
        found.unwrap_or_else(|_| panic!("{who:?} did not agree on an active controller: {:?}", self.seen(who)))
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
        let caught_up = published.wait_for(|published| published.end.0 >= end);
        timeout(PATIENCE, caught_up)
            .await
            .unwrap_or_else(|_| panic!("node {id} does not reach {end}"))
            .unwrap();
    }

    /// The end of what node `id` knows to be committed.
    pub fn end(&self, id: i32) -> i64 {
        self.node(id).published.borrow().end.0
    }
}
