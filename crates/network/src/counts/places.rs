//! How many connections are open: at listeners that are counted together, at each of them, and from each address.

use super::{ConnectionLimits, Share};
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// What listeners share that are counted together.
#[derive(Debug, Default)]
pub(super) struct Shared {
    by_ip: Mutex<FxHashMap<IpAddr, usize>>,
    total: watch::Sender<usize>,
}

impl Shared {
    fn by_ip(&self) -> MutexGuard<'_, FxHashMap<IpAddr, usize>> {
        self.by_ip
            .lock()
            .expect("no code panics while it holds the connection counts")
    }
}

/// The connections of one listener, and of all that are counted with it.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: Arc<Shared>,
    own: Arc<watch::Sender<usize>>,
    share: Share,
}

impl Places {
    pub(super) fn new(all: Arc<Shared>, share: Share) -> Self {
        Self {
            all,
            own: Arc::default(),
            share,
        }
    }

    pub(super) fn connections(&self) -> watch::Receiver<usize> {
        self.own.subscribe()
    }

    /// As [`Places::take`], as soon as there is one; limits that change meanwhile hold at once.
    pub(super) async fn wait(&self, listener: &str, limits: &mut watch::Receiver<ConnectionLimits>) -> Place {
        let (mut own, mut all) = (self.own.subscribe(), self.all.total.subscribe());
        loop {
            // What changes from here on is seen below.
            if let Some(place) = self.take(listener, limits) {
                return place;
            }
            tokio::select! {
                Ok(()) = own.changed() => {}
                Ok(()) = all.changed() => {}
                Ok(()) = limits.changed() => {}
                else => std::future::pending().await,
            }
        }
    }

    /// A place for one more, if there is one now.
    pub(super) fn take(&self, listener: &str, limits: &mut watch::Receiver<ConnectionLimits>) -> Option<Place> {
        let limits = limits.borrow_and_update();
        // Of two listeners only one can have the last place.
        let counts = self.all.by_ip();
        let is_free = *self.own.borrow() < limits.listener(listener).connections
            && (self.share == Share::Apart || *self.all.total.borrow() < limits.all.connections);
        if !is_free {
            return None;
        }
        self.own.send_modify(|count| *count += 1);
        self.all.total.send_modify(|count| *count += 1);
        drop(counts);
        Some(Place {
            all: Arc::clone(&self.all),
            own: Arc::clone(&self.own),
            ip: None,
        })
    }
}

/// A connection's place in the counts, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    all: Arc<Shared>,
    own: Arc<watch::Sender<usize>>,
    /// Whose connection it is, once that is known to have one free.
    ip: Option<IpAddr>,
}

impl Place {
    /// The same for a connection from there, unless that has `most` of them, which is then the error.
    pub(super) fn from(mut self, ip: IpAddr, most: usize) -> Result<Self, usize> {
        let mut by_ip = self.all.by_ip();
        let count = by_ip.get(&ip).copied().unwrap_or(0);
        if count >= most {
            drop(by_ip);
            return Err(most);
        }
        by_ip.insert(ip, count + 1);
        drop(by_ip);
        self.ip = Some(ip);
        Ok(self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_ip = self.all.by_ip();
        if let Some(ip) = self.ip
            && let Some(count) = by_ip.get_mut(&ip)
        {
            *count -= 1;
            if *count == 0 {
                by_ip.remove(&ip);
            }
        }
        self.all.total.send_modify(|count| *count -= 1);
        self.own.send_modify(|count| *count -= 1);
    }
}
