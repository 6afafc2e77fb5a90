//! What is counted of connections, and what the counts are limited to (KIP-308, KIP-402, KIP-612).
//!
//! Connections are counted together that come to the same side of a node: those of clients and brokers, or those of controllers. One
//! that is too many for its listener or its side, or that comes too fast, waits to be accepted, and whoever comes to the same listener
//! behind it; one that is too many, or too fast, from its address is closed. The brokers' own listener, where clients have another,
//! never waits for those.

mod arrivals;
mod places;
mod shown;

use crate::client_software::{ClientSoftware, SoftwareCounts};
use arrivals::Arrivals;
use base::Windows;
use places::Places;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::debug;

pub(crate) use places::Place;
pub use shown::show;

/// How many connections listeners take, and how fast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// For all listeners that are counted together, and for each that has none of its own: `max.connections` and
    /// `max.connection.creation.rate`.
    pub all: ListenerLimits,
    /// What `listener.name.NAME.` puts before these two, by the listener's name.
    pub listeners: FxHashMap<String, ListenerLimits>,
    /// `max.connections.per.ip`.
    pub per_ip: usize,
    /// `max.connections.per.ip.overrides`; an IPv4 address as such, never as one of IPv6.
    pub overrides: FxHashMap<IpAddr, usize>,
    /// How fast they may come from one address: the quotas `connection_creation_rate`.
    pub ip_rates: IpRates,
}

/// How many connections listeners, or one of them, takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerLimits {
    /// How many at a time.
    pub connections: usize,
    /// How many in a second; none for any number.
    pub rate: Option<u32>,
}

/// How many connections may come from one address in a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpRates {
    /// From each address that has none of its own; none for any number.
    pub default: Option<u32>,
    /// The quotas of single addresses, an IPv4 address as such.
    pub overrides: FxHashMap<IpAddr, u32>,
}

impl ConnectionLimits {
    fn listener(&self, name: &str) -> ListenerLimits {
        self.listeners.get(name).copied().unwrap_or(self.all)
    }

    fn of_ip(&self, ip: IpAddr) -> usize {
        self.overrides.get(&ip).copied().unwrap_or(self.per_ip)
    }
}

impl IpRates {
    fn of(&self, ip: IpAddr) -> Option<f64> {
        self.overrides.get(&ip).copied().or(self.default).map(f64::from)
    }
}

/// Whether a listener's connections wait for those of the others that are counted with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// They do: all of them share `max.connections` and `max.connection.creation.rate`.
    WithOthers,
    /// They have the limits of their listener alone, as those of the brokers among themselves: clients cannot hold up those. They
    /// leave the others fewer all the same.
    Apart,
}

/// The counts of one side of a node.
#[derive(Clone, Debug)]
pub struct ConnectionCounts {
    places: Arc<places::Shared>,
    arrivals: Arc<arrivals::Shared>,
    /// In the order in which they were asked for.
    listeners: Arc<Mutex<Vec<ListenerCounts>>>,
}

impl ConnectionCounts {
    /// None has come. Rates are measured over these samples.
    pub fn new(windows: Windows) -> Self {
        Self {
            places: Arc::default(),
            arrivals: Arc::new(arrivals::Shared::new(windows)),
            listeners: Arc::default(),
        }
    }

    /// The counts of the node's other side. How fast connections come is one figure for both.
    #[must_use]
    pub fn other_side(&self) -> Self {
        Self {
            places: Arc::default(),
            arrivals: Arc::clone(&self.arrivals),
            listeners: Arc::default(),
        }
    }

    /// Those of one more listener.
    pub fn listener(&self, name: &str, share: Share) -> ListenerCounts {
        let counts = ListenerCounts {
            name: Arc::from(name),
            places: Places::new(Arc::clone(&self.places), share),
            arrivals: Arrivals::new(Arc::clone(&self.arrivals), share),
            blocked: Arc::new(Blocked {
                since: Instant::now(),
                nanos: AtomicU64::new(0),
            }),
            software: Arc::default(),
        };
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.push(counts.clone());
        counts
    }
}

/// The counts of one listener, and of all that are counted with it.
#[derive(Clone, Debug)]
pub struct ListenerCounts {
    name: Arc<str>,
    places: Places,
    arrivals: Arrivals,
    blocked: Arc<Blocked>,
    software: Arc<SoftwareCounts>,
}

/// For how long nobody was accepted, because whose turn it was had to wait.
#[derive(Debug)]
struct Blocked {
    since: Instant,
    nanos: AtomicU64,
}

impl Blocked {
    fn note(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The share of all time.
    fn share(&self) -> f64 {
        let blocked = Duration::from_nanos(self.nanos.load(Ordering::Relaxed));
        blocked.as_secs_f64() / self.since.elapsed().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its address has as many as this, which it may have.
    TooMany(usize),
    /// Its address comes too fast. It is closed only after this time, so that its client does not come again at once.
    TooFast(Duration),
}

impl ListenerCounts {
    /// The listener's name, such as `PLAINTEXT` or `CONTROLLER`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What a new connection's client is called.
    pub(crate) fn client_software(&self) -> ClientSoftware {
        ClientSoftware::unknown(&self.software)
    }

    /// How many connections the listener has.
    pub(crate) fn connections(&self) -> watch::Receiver<usize> {
        self.places.connections()
    }

    /// A place for a connection that has come from there, once it is its turn.
    pub(crate) async fn admit(
        &self,
        ip: IpAddr,
        limits: &mut watch::Receiver<ConnectionLimits>,
    ) -> Result<Place, Refused> {
        let ip = ip.to_canonical();
        let wait = {
            let limits = limits.borrow();
            self.arrivals.come(limits.all.rate, limits.listener(&self.name).rate)
        };
        let free = match wait {
            None => self.places.take(&self.name, limits),
            Some(_) => None,
        };
        let place = match free {
            Some(place) => place,
            None => self.wait(wait, limits).await,
        };
        let limits = limits.borrow();
        if let Some(time) = self.arrivals.come_from(ip, &limits.ip_rates) {
            return Err(Refused::TooFast(time));
        }
        place.from(ip, limits.of_ip(ip)).map_err(Refused::TooMany)
    }

    /// A place for a connection that came too fast, by that time, or that is one too many.
    async fn wait(&self, too_fast: Option<Duration>, limits: &mut watch::Receiver<ConnectionLimits>) -> Place {
        debug!(listener = %self.name, ?too_fast, "a connection waits to be accepted");
        let came = Instant::now();
        if let Some(time) = too_fast {
            // A rate that is raised meanwhile holds for the next, as in Kafka.
            tokio::time::sleep(time).await;
        }
        let place = self.places.wait(&self.name, limits).await;
        self.blocked.note(came.elapsed());
        place
    }
}
