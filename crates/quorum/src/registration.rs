//! This controller's own registration (KIP-919): where it is and what it supports, as a record of the log.

use base::{NodeId, Rng, Uuid};
use config::listener::Endpoint;
use controller::op::controller_registration::controller_registration;
use controller::{ControllerState, Outcome};
use metadata::feature::FEATURES;
use protocol::messages::controller_registration_request::{ControllerRegistrationRequest, Feature, Listener};

/// What this controller registers with; the incarnation is new with every start.
#[derive(Debug)]
pub(crate) struct Registration {
    request: ControllerRegistrationRequest,
}

impl Registration {
    pub(crate) fn new(node_id: NodeId, endpoints: &[Endpoint], rng: &mut Rng) -> Self {
        let listener = |endpoint: &Endpoint| Listener {
            name: endpoint.listener.as_str().to_owned(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            security_protocol: endpoint.protocol.id(),
        };
        let feature = |feature: &metadata::feature::Feature| Feature {
            name: feature.name.to_owned(),
            min_supported_version: feature.min,
            max_supported_version: feature.max,
        };
        Self {
            request: ControllerRegistrationRequest {
                controller_id: node_id.0,
                incarnation_id: Uuid::random(rng),
                zk_migration_ready: false,
                listeners: endpoints.iter().map(listener).collect(),
                features: FEATURES.iter().map(feature).collect(),
            },
        }
    }

    /// What is sent to another active controller.
    pub(crate) fn request(&self) -> &ControllerRegistrationRequest {
        &self.request
    }

    /// The registration, unless it stands in the state already or the metadata.version has no record for it (so that an
    /// upgrade makes it due).
    pub(crate) fn due(&self, state: &ControllerState) -> Option<Outcome<()>> {
        let known = state.image().controllers.get(NodeId(self.request.controller_id));
        let is_registered = known.is_some_and(|known| known.incarnation_id == self.request.incarnation_id);
        if is_registered || !state.metadata_version().supports_controller_registration() {
            return None;
        }
        let outcome = controller_registration(state, &self.request);
        Some(outcome.map(|response| {
            if response.error_code != 0 {
                tracing::error!(code = response.error_code, "this controller cannot register itself");
            }
        }))
    }
}
