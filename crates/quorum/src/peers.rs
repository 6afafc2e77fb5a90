//! Requests to other replicas: a connection to each address, made when it is needed, and a task for each request.
//!
//! The machine says what to send and when to try again, and never asks one place two things at once, so nothing queues
//! here. What a request brought comes out of a channel that the driver reads.

use crate::ask::{Asker, failure};
use client::{Address, Channel, Settings};
use raft::{Answer, Destination, Request, RequestId, SendFailure};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Outcomes that may wait for the driver.
const OUTCOMES: usize = 64;
/// Addresses to which connections are kept: a quorum has fewer voters, and addresses may change.
const MAX_ADDRESSES: usize = 64;

/// What a request brought.
pub(crate) type Outcome = (RequestId, Result<Answer, SendFailure>);

/// What there is between this node and an address.
#[derive(Debug, Default)]
struct Link {
    /// The connection, if there is one.
    channel: Option<Channel>,
    /// What was last said to be wrong. The machine tries again many times a second; the log hears of it once.
    trouble: Option<SendFailure>,
}

type Slot = Arc<tokio::sync::Mutex<Link>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Peers {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    tokio: tokio::runtime::Handle,
    outcomes: mpsc::Sender<Outcome>,
}

#[derive(Debug)]
struct Shared {
    asker: Asker,
    settings: Settings,
    slots: Mutex<BTreeMap<Address, Slot>>,
}

impl Peers {
    /// No connections yet; outcomes come out of the receiver.
    pub(crate) fn new(
        asker: Asker,
        settings: Settings,
        tokio: tokio::runtime::Handle,
    ) -> (Self, mpsc::Receiver<Outcome>) {
        let (outcomes, receiver) = mpsc::channel(OUTCOMES);
        let shared = Arc::new(Shared {
            asker,
            settings,
            slots: Mutex::default(),
        });
        let peers = Self {
            shared,
            tasks: JoinSet::new(),
            tokio,
            outcomes,
        };
        (peers, receiver)
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, id: RequestId, to: Destination, request: Request) {
        while self.tasks.try_join_next().is_some() {}
        let (shared, outcomes) = (Arc::clone(&self.shared), self.outcomes.clone());
        let exchange = async move {
            let outcome = shared.exchange(to, request).await;
            // The driver may have ended.
            _ = outcomes.send((id, outcome)).await;
        };
        self.tasks.spawn_on(exchange, &self.tokio);
    }
}

impl Link {
    /// Says what is wrong now, or no longer, if that is news.
    fn note(&mut self, address: &Address, trouble: Option<SendFailure>) {
        let before = std::mem::replace(&mut self.trouble, trouble);
        match trouble {
            Some(_) if before == trouble => {}
            Some(SendFailure::Refused(code)) => {
                tracing::warn!(%address, ?code, "another controller refuses this node's requests; it goes on asking");
            }
            Some(SendFailure::Disconnected | SendFailure::UnsupportedVersion) => {
                tracing::warn!(%address, "another controller does not answer; this node goes on trying");
            }
            None if before.is_some() => tracing::info!(%address, "another controller answers again"),
            None => {}
        }
    }
}

impl Shared {
    async fn exchange(&self, to: Destination, request: Request) -> Result<Answer, SendFailure> {
        let address = Address {
            host: to.host,
            port: to.port,
        };
        let slot = self.slot(&address);
        let channel = self.channel(&slot, &address).await?;
        let outcome = self.asker.ask(&channel, request).await;
        // Who cannot say what was asked, as an older release, is asked otherwise.
        if !matches!(outcome, Err(SendFailure::UnsupportedVersion)) {
            slot.lock().await.note(&address, outcome.as_ref().err().copied());
        }
        outcome
    }

    /// The open connection to `address`, or a new one.
    async fn channel(&self, slot: &Slot, address: &Address) -> Result<Channel, SendFailure> {
        let mut link = slot.lock().await;
        if let Some(channel) = link.channel.as_ref().filter(|channel| channel.is_open()) {
            return Ok(channel.clone());
        }
        match Channel::connect(address, &self.settings).await {
            Ok(channel) => {
                link.channel = Some(channel.clone());
                Ok(channel)
            }
            Err(error) => {
                tracing::debug!(%error, "another controller cannot be reached");
                let why = failure(&error);
                link.note(address, Some(why));
                Err(why)
            }
        }
    }

    fn slot(&self, address: &Address) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_ADDRESSES && !slots.contains_key(address) {
            slots.clear();
        }
        Arc::clone(slots.entry(address.clone()).or_default())
    }
}
