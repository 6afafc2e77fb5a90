//! A network and a disk's pace for nodes that live together on one thread, in the time of a simulation (ADR 16).
//!
//! A [`Network`] belongs to the thread that made it. Its owner runs each node for a tick at a time, between [`Network::enter`]
//! and [`Network::leave`], and moves time on with [`Network::tick`]; what a node sends arrives ticks later, in order, or once a cut is healed.

mod pipe;
mod port;
mod stream;

pub use port::{Listening, connect, listen};
pub use stream::{ReadHalf, Stream, WriteHalf};

use base::Rng;
use pipe::{Ending, Pipe};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

thread_local! {
    static HERE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// How long it takes from one host to another, and from a disk.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The fewest ticks.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl Pace {
    fn draw(self, rng: &mut Rng) -> u64 {
        self.least + rng.below(self.most.saturating_sub(self.least) + 1)
    }
}

/// What the thread's network knows.
#[derive(Debug)]
struct State {
    now: u64,
    rng: Rng,
    /// Whose turn it is.
    current: Option<IpAddr>,
    /// Hosts without power: what they send and what is sent to them is gone.
    dark: BTreeSet<IpAddr>,
    /// How often each host began: a connection does not outlive the life that made it.
    lives: BTreeMap<IpAddr, u64>,
    cuts: BTreeSet<(IpAddr, IpAddr)>,
    slow: BTreeMap<(IpAddr, IpAddr), Pace>,
    wire: Pace,
    disks: BTreeMap<IpAddr, Pace>,
    ports: BTreeMap<SocketAddr, Arc<Mutex<port::Backlog>>>,
    pipes: Vec<Arc<Mutex<Pipe>>>,
    next_port: u16,
}

impl State {
    fn delay(&mut self, from: IpAddr, to: IpAddr) -> u64 {
        let pace = self.slow.get(&(from, to)).copied().unwrap_or(self.wire);
        pace.draw(&mut self.rng)
    }

    fn is_cut(&self, from: IpAddr, to: IpAddr) -> bool {
        self.cuts.contains(&(from, to))
    }

    fn life(&self, host: IpAddr) -> u64 {
        self.lives.get(&host).copied().unwrap_or(0)
    }
}

/// Whether a simulated node's turn is on this thread.
pub fn is_here() -> bool {
    HERE.with_borrow(|here| here.as_ref().is_some_and(|state| state.current.is_some()))
}

/// What only a simulated node can ask for.
fn with<T>(ask: impl FnOnce(&mut State) -> T) -> Option<T> {
    HERE.try_with(|here| here.borrow_mut().as_mut().map(ask)).ok().flatten()
}

/// The time that the current node's disk takes for something.
pub(crate) async fn disk_time() {
    let ticks = with(|state| {
        let host = state.current?;
        let pace = state.disks.get(&host).copied().unwrap_or(Pace { least: 1, most: 3 });
        Some(pace.draw(&mut state.rng))
    });
    tokio::time::sleep(Duration::from_millis(ticks.flatten().unwrap_or(1).max(1))).await;
}

/// The network of this thread; one at a time.
#[derive(Debug)]
pub struct Network {
    /// Keeps it on its thread.
    _here: std::marker::PhantomData<*const ()>,
}

impl Network {
    /// A network whose delays follow from `rng`.
    ///
    /// # Panics
    /// If the thread has one.
    pub fn new(rng: Rng, wire: Pace) -> Self {
        let state = State {
            now: 0,
            rng,
            current: None,
            dark: BTreeSet::new(),
            lives: BTreeMap::new(),
            cuts: BTreeSet::new(),
            slow: BTreeMap::new(),
            wire,
            disks: BTreeMap::new(),
            ports: BTreeMap::new(),
            pipes: Vec::new(),
            next_port: 40_000,
        };
        HERE.with_borrow_mut(|here| {
            assert!(here.is_none(), "a thread has one network");
            *here = Some(state);
        });
        Self {
            _here: std::marker::PhantomData,
        }
    }

    /// What runs from now on is `host`'s.
    pub fn enter(&self, host: IpAddr) {
        _ = with(|state| state.current = Some(host));
    }

    /// What runs from now on is nobody's.
    pub fn leave(&self) {
        _ = with(|state| state.current = None);
    }

    /// Moves time on by one tick: what arrives now can be read.
    pub fn tick(&self) {
        let pipes = with(|state| {
            state.now += 1;
            state.pipes.retain(|pipe| Arc::strong_count(pipe) > 1);
            state.pipes.clone()
        });
        let mut wakers = Vec::new();
        for pipe in pipes.unwrap_or_default() {
            let mut pipe = pipe::lock(&pipe);
            let open = with(|state| {
                (!state.is_cut(pipe.from, pipe.to) && !state.dark.contains(&pipe.to)).then_some(state.now)
            });
            if let Some(Some(now)) = open {
                wakers.extend(pipe.deliver(now));
            }
        }
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    /// What `from` sends does not arrive at `to` any more until it is healed.
    pub fn cut(&self, from: IpAddr, to: IpAddr) {
        _ = with(|state| state.cuts.insert((from, to)));
    }

    /// Nothing is cut and nothing is slow any more.
    pub fn heal(&self) {
        _ = with(|state| {
            state.cuts.clear();
            state.slow.clear();
            state.disks.clear();
        });
    }

    /// What `from` sends takes another time from now on.
    pub fn slow_down(&self, from: IpAddr, to: IpAddr, pace: Pace) {
        _ = with(|state| state.slow.insert((from, to), pace));
    }

    /// A host's disk takes another time from now on.
    pub fn slow_disk(&self, host: IpAddr, pace: Pace) {
        _ = with(|state| state.disks.insert(host, pace));
    }

    /// All connections between two hosts break.
    pub fn reset(&self, one: IpAddr, other: IpAddr) {
        let pipes = with(|state| state.pipes.clone()).unwrap_or_default();
        for pipe in pipes {
            let mut pipe = pipe::lock(&pipe);
            if [(one, other), (other, one)].contains(&(pipe.from, pipe.to)) {
                pipe.break_now(Ending::Reset)
                    .into_iter()
                    .for_each(std::task::Waker::wake);
            }
        }
    }

    /// A host's power is gone: before what it runs is dropped, so that nobody is told.
    pub fn power_off(&self, host: IpAddr) {
        _ = with(|state| state.dark.insert(host));
    }

    /// A host begins a life: what knew the last one finds nobody of that name.
    pub fn power_on(&self, host: IpAddr) {
        _ = with(|state| {
            state.dark.remove(&host);
            *state.lives.entry(host).or_default() += 1;
            state.ports.retain(|address, _| address.ip() != host);
        });
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Its sockets are dropped after it has let go of the thread.
        let state = HERE.with_borrow_mut(Option::take);
        drop(state);
    }
}
