//! What the leaders here have to know of the brokers that their followers run on.

use crate::Broker;
use metadata::MetadataImage;
use metadata::image::BrokerImage;
use partition::{BrokerStanding, BrokerState};

/// Takes over the registrations of a new image; to be called before the roles that it gives are assumed.
pub(crate) fn update(broker: &Broker, old: &MetadataImage, new: &MetadataImage) {
    if old.brokers != new.brokers {
        let standings = new
            .brokers
            .iter()
            .map(|registered| (registered.id, standing(registered)));
        broker.standings.replace(standings.collect());
    }
}

fn standing(registered: &BrokerImage) -> BrokerStanding {
    BrokerStanding {
        epoch: registered.epoch,
        state: if registered.fenced {
            BrokerState::Fenced
        } else if registered.in_controlled_shutdown {
            BrokerState::ShuttingDown
        } else {
            BrokerState::Active
        },
    }
}
