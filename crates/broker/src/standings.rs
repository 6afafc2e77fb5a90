//! What the leaders here have to know of the brokers that their followers run on.

use crate::Broker;
use metadata::MetadataImage;
use metadata::image::BrokerImage;
use partition::{BrokerStanding, BrokerState, Wakes};

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

/// Has the leaders here look at their followers again, some of which may not be at work any more; to be called once the roles are
/// assumed.
pub(crate) fn look_again(broker: &Broker) -> Wakes {
    let now = broker.clock.now();
    let mut wakes = Wakes::none();
    for hosted in broker.partitions.all() {
        wakes.merge(hosted.lock().look_again(now));
    }
    wakes
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
