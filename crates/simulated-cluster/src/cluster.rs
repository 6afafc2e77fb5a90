//! The hosts, their time, and what can happen to them.

use crate::clock::HostClock;
use crate::host::{Host, Life, pass, run, runtime};
use crate::node::{DIR, LOG_DIRS, config, format_disk, live};
use base::fs::Fs;
use base::{Clock, Rng};
use broker::Broker;
use network::simulated::{Network, Pace};
use riverrun::command::serve::node::World;
use sim::Disk;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Nodes that are both broker and controller, and one host for their clients.
#[derive(Debug)]
pub struct Cluster {
    ticks: Arc<AtomicU64>,
    hosts: Vec<Host>,
    clients: Runtime,
    settings: Vec<String>,
    rng: Rng,
    /// The last to be dropped: the others' sockets belong to it.
    network: Network,
}

fn address(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, host))
}

/// What each node keeps free of its volume.
const RESERVE: u64 = 1 << 20;
/// What can be used of a volume: so little more that a node asks often whether it still is there.
const ROOMY: u64 = RESERVE + 16 * 1024;

/// The clients' address.
const CLIENTS: u8 = 100;

impl Cluster {
    /// So many hosts with formatted disks, all of them off; `settings` are each node's beside what makes it a node.
    ///
    /// # Panics
    /// If a new disk cannot be formatted.
    pub fn new(nodes: u8, settings: Vec<String>, mut rng: Rng, wire: Pace) -> Self {
        let network = Network::new(Rng::from_seed(rng.next_u64()), wire);
        let ticks = Arc::new(AtomicU64::new(0));
        let hosts = (0..nodes).map(|id| {
            let disk = Disk::with_dir(Path::new(DIR));
            disk.leave_usable(ROOMY);
            let dirs = LOG_DIRS.iter().try_for_each(|dir| disk.create_dir(Path::new(dir)));
            dirs.and_then(|()| disk.sync_dir(Path::new(DIR)))
                .expect("a new disk takes directories");
            let mut rng = Rng::from_seed(rng.next_u64());
            let clock = HostClock::new(&ticks);
            let fs: Arc<dyn Fs> = Arc::new(disk.clone());
            format_disk(&fs, usize::from(id), clock.wall(), &mut rng).expect("a new disk can be formatted");
            Host {
                address: address(id + 1),
                clock,
                disk: disk.after_kill(),
                rng,
                runtime: None,
                told: Arc::default(),
                stop: None,
                frozen: None,
            }
        });
        Self {
            hosts: hosts.collect(),
            ticks,
            clients: runtime(),
            settings: [settings, vec![format!("riverrun.log.dir.reserve.bytes={RESERVE}")]].concat(),
            rng,
            network,
        }
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.hosts.len()
    }

    /// Where clients find the cluster.
    pub fn bootstrap(&self) -> String {
        let addresses = self.hosts.iter().map(|host| format!("{}:9092", host.address));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// The time, in milliseconds from the beginning.
    pub fn now(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Lets a client run on the clients' host.
    pub fn spawn(&self, client: impl Future<Output = ()> + Send + 'static) {
        self.network.enter(address(CLIENTS));
        self.clients.spawn(client);
        self.network.leave();
    }

    /// One millisecond for everybody.
    pub fn tick(&mut self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        self.network.tick();
        for host in &mut self.hosts {
            if let (Some(runtime), None) = (&host.runtime, host.frozen) {
                self.network.enter(host.address);
                run(runtime);
                if host.told().ended.is_some() {
                    // Nothing of a process outlives it.
                    host.runtime = None;
                }
                self.network.leave();
            }
        }
        self.network.enter(address(CLIENTS));
        run(&self.clients);
        self.network.leave();
    }

    /// What a node is at.
    pub fn life(&self, node: usize) -> Life {
        self.hosts[node].life()
    }

    /// Why a node's process ended, if it did so by itself and not well.
    pub fn complaint(&self, node: usize) -> Option<String> {
        match &self.hosts[node].told().ended {
            Some(Err(why)) => Some(why.clone()),
            Some(Ok(())) | None => None,
        }
    }

    /// The broker of a node that serves.
    pub fn broker(&self, node: usize) -> Option<Arc<Broker>> {
        self.hosts[node].told().broker.clone()
    }

    /// A node's process begins.
    ///
    /// # Panics
    /// If the simulation's settings are no node's.
    pub fn start(&mut self, node: usize) {
        let addresses: Vec<IpAddr> = self.hosts.iter().map(|host| host.address).collect();
        let config = config(node, &addresses, &self.settings).expect("settings of a node");
        let host = &mut self.hosts[node];
        host.end();
        self.network.power_on(host.address);
        let world = World {
            fs: Arc::new(host.disk.clone()),
            clock: Arc::new(host.clock.clone()),
            rng: Rng::from_seed(host.rng.next_u64()),
        };
        let (stop, stopping) = watch::channel(false);
        host.stop = Some(stop);
        let runtime = runtime();
        self.network.enter(host.address);
        runtime.spawn(live(config, world, Arc::clone(&host.told), stopping));
        self.network.leave();
        host.runtime = Some(runtime);
    }

    /// A node is asked to stop.
    pub fn stop(&self, node: usize) {
        if let Some(stop) = &self.hosts[node].stop {
            stop.send_replace(true);
        }
    }

    /// A node's process is killed: its connections are closed, and its disk has all that was written.
    pub fn kill(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        self.network.enter(host.address);
        host.end();
        self.network.leave();
        host.disk = host.disk.after_kill();
    }

    /// A node's power is cut: nobody is told, and what was not synced is there only by chance.
    pub fn cut_power(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        self.network.power_off(host.address);
        host.end();
        host.disk = host.disk.after_power_cut(&mut self.rng);
    }

    /// A node's disk answers every change with an error, until the process is gone.
    pub fn fail_disk(&self, node: usize) {
        self.hosts[node].disk.fail();
    }

    /// The same after so many more changes.
    pub fn fail_disk_after(&self, node: usize, changes: u64) {
        self.hosts[node].disk.cut_power_after(changes);
    }

    /// Others use the space of a node's volume, up to what the node keeps free of it.
    pub fn fill_disk(&self, node: usize) {
        self.hosts[node].disk.leave_usable(RESERVE);
    }

    /// A node's process does not run until it is thawed; its host goes on, and takes what is sent to it.
    pub fn freeze(&mut self, node: usize) {
        let now = self.now();
        self.hosts[node].frozen.get_or_insert(now);
    }

    /// A node's process runs again.
    pub fn thaw(&mut self, node: usize) {
        let now = self.now();
        let host = &mut self.hosts[node];
        if let (Some(since), Some(runtime)) = (host.frozen.take(), &host.runtime) {
            self.network.enter(host.address);
            pass(runtime, now - since);
            self.network.leave();
        }
    }

    /// What one node sends to another does not arrive.
    pub fn cut(&self, from: usize, to: usize) {
        self.network.cut(self.hosts[from].address, self.hosts[to].address);
    }

    /// A node and the clients do not hear each other.
    pub fn cut_from_clients(&self, node: usize) {
        let host = self.hosts[node].address;
        self.network.cut(host, address(CLIENTS));
        self.network.cut(address(CLIENTS), host);
    }

    /// What one node sends to another takes so long.
    pub fn slow_down(&self, from: usize, to: usize, pace: Pace) {
        self.network
            .slow_down(self.hosts[from].address, self.hosts[to].address, pace);
    }

    /// A node's disk takes so long.
    pub fn slow_disk(&self, node: usize, pace: Pace) {
        self.network.slow_disk(self.hosts[node].address, pace);
    }

    /// All connections between two nodes break.
    pub fn reset(&self, one: usize, other: usize) {
        self.network.reset(self.hosts[one].address, self.hosts[other].address);
    }

    /// All connections between a node and the clients break.
    pub fn reset_clients(&self, node: usize) {
        self.network.reset(self.hosts[node].address, address(CLIENTS));
    }

    /// A node's date jumps.
    pub fn jump(&self, node: usize, millis: i64) {
        self.hosts[node].clock.jump(millis);
    }

    /// The network and the disks are well again.
    pub fn heal(&self) {
        self.network.heal();
        for host in &self.hosts {
            host.disk.leave_usable(ROOMY);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for host in &mut self.hosts {
            host.end();
        }
    }
}
