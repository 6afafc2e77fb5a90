//! Where the nodes listen, and how each is told of the controllers.

use anyhow::Result;
use base::{Rng, Uuid};

use crate::port::Port;

use super::plan::NodePlan;

/// Where a node listens, for as long as its cluster lives.
pub(super) struct Place {
    pub(super) id: i32,
    pub(super) directory: Uuid,
    host: String,
    later: bool,
    client: Option<Port>,
    controller: Option<Port>,
}

impl Place {
    pub(super) fn reserve(node: &NodePlan) -> Result<Place> {
        let port = |wanted: bool| wanted.then(Port::reserve).transpose();
        Ok(Place {
            id: node.id,
            directory: Uuid::random_directory(&mut Rng::from_os()),
            host: node.host.clone(),
            later: node.later,
            client: port(node.roles.broker())?,
            controller: port(node.roles.controller())?,
        })
    }

    pub(super) fn is_controller(&self) -> bool {
        self.controller.is_some()
    }

    pub(super) fn listeners(&self) -> String {
        let client = self
            .client
            .as_ref()
            .map(|_| format!("PLAINTEXT://{}", self.client_address()));
        let controller = self
            .controller
            .as_ref()
            .map(|_| format!("CONTROLLER://{}", self.controller_address()));
        client.into_iter().chain(controller).collect::<Vec<_>>().join(",")
    }

    fn address(&self, port: Option<&Port>) -> String {
        port.map_or_else(String::new, |port| format!("{}:{}", self.host, port.number()))
    }

    pub(super) fn client_address(&self) -> String {
        self.address(self.client.as_ref())
    }

    pub(super) fn controller_address(&self) -> String {
        self.address(self.controller.as_ref())
    }
}

/// The quorum, in each of the ways in which a node is told of it.
#[derive(Clone, Debug)]
pub(super) struct VotersText {
    /// `controller.quorum.bootstrap.servers`.
    pub(super) bootstrap: String,
    /// `controller.quorum.voters`.
    pub(super) fixed: String,
    /// `--initial-controllers`.
    pub(super) initial: String,
}

impl VotersText {
    pub(super) fn of<'a>(places: impl Iterator<Item = &'a Place>) -> VotersText {
        let controllers: Vec<&Place> = places.filter(|place| place.is_controller()).collect();
        let join = |text: fn(&Place) -> String| texts(controllers.iter().copied(), text);
        let first = controllers.iter().copied().filter(|place| !place.later);
        VotersText {
            bootstrap: join(Place::controller_address),
            fixed: join(|place| format!("{}@{}", place.id, place.controller_address())),
            initial: texts(first, |place| {
                format!("{}@{}:{}", place.id, place.controller_address(), place.directory)
            }),
        }
    }
}

fn texts<'a>(places: impl Iterator<Item = &'a Place>, text: fn(&Place) -> String) -> String {
    places.map(text).collect::<Vec<_>>().join(",")
}
