//! The broker's way to the active controller, wherever that is now: in this process, or over the network.
//!
//! As in Kafka, a request that reached nobody, or nobody who is in office, is sent again to whoever is next, and so is one
//! whose connection was lost before the answer came, or whose controller was followed by another: a change may then be asked for twice, and the second asking hears
//! TOPIC_ALREADY_EXISTS or its like.

use base::{BrokerEpoch, Instant, NodeId, Offset};
use broker::channel::{Answer, ControllerChannel, ControllerError, OnBehalfOf, Told};
use broker::controller_connection::{ControllerConnections, Unanswered};
use bytes::Bytes;
use client::Address;
use config::BrokerConfig;
use protocol::ApiKey;
use quorum::{ActiveController, Caller, ControllerHandle, RequestError, SignOfLife};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::debug;

/// How long a request may look for its controller, as in Kafka.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause before a request is sent again to the same controller.
const BACKOFF: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(super) struct ControllerRoute {
    own: NodeId,
    local: ControllerHandle,
    active: watch::Receiver<ActiveController>,
    remote: ControllerConnections,
    heartbeat_patience: Duration,
}

/// What came of one attempt.
enum Attempt {
    Answered(Bytes),
    Again,
    Failed(ControllerError),
}

impl ControllerRoute {
    /// The way from the broker of this node.
    pub(super) fn new(
        config: &BrokerConfig,
        local: ControllerHandle,
        active: watch::Receiver<ActiveController>,
    ) -> Self {
        Self {
            own: config.node_id,
            local,
            active,
            remote: ControllerConnections::new(config.node_id, config.quorum.controller_socket_timeout),
            // As Kafka: two attempts fit into a session.
            heartbeat_patience: config.quorum.broker_session_timeout / 2,
        }
    }

    fn patience(&self, api_key: ApiKey) -> Duration {
        match api_key {
            ApiKey::BrokerHeartbeat | ApiKey::BrokerRegistration => self.heartbeat_patience,
            _ => PATIENCE,
        }
    }

    async fn persist(
        &self,
        from: OnBehalfOf,
        api_key: ApiKey,
        version: i16,
        body: Bytes,
    ) -> Result<Bytes, ControllerError> {
        let mut active = self.active.clone();
        loop {
            let known = active.borrow_and_update().clone();
            let attempt = if known.id == Some(self.own) {
                self.ask_here(&from, api_key, version, body.clone()).await
            } else if let Some(address) = &known.address {
                tokio::select! {
                    attempt = self.ask_there(address, &from, api_key, version, body.clone()) => attempt,
                    // One that is frozen or cut off says nothing for as long as a connection may be silent.
                    () = another(self.active.clone(), &known) => Attempt::Again,
                }
            } else {
                // Nobody is known: the next thing to happen is that somebody is.
                if active.changed().await.is_err() {
                    return Err(ControllerError::Unavailable);
                }
                continue;
            };
            match attempt {
                Attempt::Answered(answer) => return Ok(answer),
                Attempt::Failed(error) => return Err(error),
                Attempt::Again => {}
            }
            tokio::select! {
                changed = active.changed() => changed.map_err(|_| ControllerError::Unavailable)?,
                () = sleep(BACKOFF) => {}
            }
        }
    }

    async fn ask_there(
        &self,
        address: &Address,
        from: &OnBehalfOf,
        api_key: ApiKey,
        version: i16,
        body: Bytes,
    ) -> Attempt {
        match self.remote.request(address, from, api_key, version, body).await {
            Ok(answer) => Attempt::Answered(answer),
            Err(again @ (Unanswered::NotController(_) | Unanswered::Lost(_))) => {
                debug!(?api_key, reason = %again, "a request looks for the active controller");
                Attempt::Again
            }
            Err(Unanswered::Refused(reason)) => Attempt::Failed(ControllerError::Refused(reason)),
        }
    }

    async fn ask_here(&self, from: &OnBehalfOf, api_key: ApiKey, version: i16, body: Bytes) -> Attempt {
        let caller = Caller {
            principal: from.principal.clone(),
            client_id: from.client_id.clone(),
            address: from.address,
        };
        match self.local.request(caller, api_key, version, body).await {
            Ok(answer) => Attempt::Answered(answer),
            Err(RequestError::NotController) => Attempt::Again,
            Err(RequestError::Stopped) => Attempt::Failed(ControllerError::Unavailable),
            Err(refused @ (RequestError::NotServed { .. } | RequestError::Refused(_))) => {
                Attempt::Failed(ControllerError::Refused(refused.to_string()))
            }
        }
    }
}

/// Waits until somebody else is in office than is known to be. The same node in another epoch has the request: if it was
/// started anew, the connection says so.
async fn another(mut active: watch::Receiver<ActiveController>, known: &ActiveController) {
    let other = |now: &ActiveController| now.id.is_some() && now.id != known.id;
    if active.wait_for(other).await.is_err() {
        // This node stops: whoever waits is told so elsewhere.
        std::future::pending::<()>().await;
    }
}

impl ControllerChannel for ControllerRoute {
    fn request(&self, from: OnBehalfOf, api_key: ApiKey, api_version: i16, body: Bytes) -> Answer<'_> {
        let patience = self.patience(api_key);
        Box::pin(async move {
            let persisting = self.persist(from, api_key, api_version, body);
            timeout(patience, persisting)
                .await
                .unwrap_or(Err(ControllerError::Unavailable))
        })
    }

    fn tell_alive(&self, epoch: BrokerEpoch, metadata_offset: Offset, now: Instant) -> Told {
        if self.active.borrow().id != Some(self.own) || self.local.is_stopped() {
            return Told::Nobody;
        }
        self.local.leave_word(SignOfLife {
            broker: self.own,
            epoch,
            metadata_offset,
            at: now,
        });
        Told::Here
    }
}
