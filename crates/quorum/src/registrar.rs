//! Registers this controller with the active one, while that is another node (KIP-919): a voter that is not registered
//! keeps the cluster from every feature upgrade.

use crate::active_controller::ActiveController;
use base::NodeId;
use client::{Address, Channel, ClientError, Settings};
use metadata::Published;
use protocol::messages::controller_registration_request::ControllerRegistrationRequest;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// How long the registration may take to come back as committed metadata, before it is sent again.
const PATIENCE: Duration = Duration::from_secs(10);

/// What this controller registers with, whom, and what tells whether it has to.
#[derive(Debug)]
pub(crate) struct Registrar {
    pub(crate) request: ControllerRegistrationRequest,
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) active: watch::Receiver<ActiveController>,
    pub(crate) settings: Settings,
}

impl Registrar {
    /// Runs until the node's part in the quorum ends.
    pub(crate) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(address) = self.due() else {
                pause = FIRST_PAUSE;
                if !self.news().await {
                    return;
                }
                continue;
            };
            match self.register(&address).await {
                Ok(()) => {
                    let request = &self.request;
                    let shown = self.published.wait_for(|published| is_registered(published, request));
                    // Either way the loop looks again.
                    _ = timeout(PATIENCE, shown).await;
                }
                Err(error) => {
                    tracing::debug!(%error, controller = %address, "this controller could not be registered; trying again");
                    tokio::select! {
                        () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                        changed = self.active.changed() => if changed.is_err() { return },
                    }
                }
            }
        }
    }

    /// The active controller's address, if this node has to register and somebody else is the active controller.
    fn due(&mut self) -> Option<Address> {
        let published = self.published.borrow_and_update();
        let version = published.image.features.metadata_version?;
        if !version.supports_controller_registration() || is_registered(&published, &self.request) {
            return None;
        }
        drop(published);
        let active = self.active.borrow_and_update();
        if active.id == Some(NodeId(self.request.controller_id)) {
            return None;
        }
        active.address.clone()
    }

    /// Waits until something changes; `false` if nothing will any more.
    async fn news(&mut self) -> bool {
        tokio::select! {
            changed = self.published.changed() => changed.is_ok(),
            changed = self.active.changed() => changed.is_ok(),
        }
    }

    async fn register(&self, address: &Address) -> Result<(), ClientError> {
        let channel = Channel::connect(address, &self.settings).await?;
        let response = channel.send(&self.request).await?;
        ClientError::check(response.error_code, response.error_message)
    }
}

fn is_registered(published: &Published, request: &ControllerRegistrationRequest) -> bool {
    let known = published.image.controllers.get(NodeId(request.controller_id));
    known.is_some_and(|known| known.incarnation_id == request.incarnation_id)
}
