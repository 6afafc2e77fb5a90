//! Searching the topics that a group's regular expressions match, away from the coordinator's lock.

use crate::Broker;
use crate::coordinators::hosting::ask::shard_of;
use group_coordinator::GroupCoordinator;
use group_coordinator::consumer::search::Search;
use group_coordinator::op::topics_found::{search_failed, topics_found};
use std::sync::Arc;
use tracing::{debug, error};

/// Begins a search; what it finds is written when it is done.
pub(crate) fn begin(broker: &Arc<Broker>, search: Search) {
    let Ok(shard) = shard_of::<GroupCoordinator>(broker, search.group()) else {
        return;
    };
    tokio::spawn(async move {
        let group = Arc::clone(search.group());
        let found = network::thread::beside(move || search.run()).await;
        let taken = shard.change(|shard, serving, due| match &found {
            Ok(found) => {
                let moment = shard.moment();
                let outcome = topics_found(&mut serving.coordinator, serving.runtime.latest(), moment, found);
                shard.write(serving, outcome, due);
            }
            Err(error) => {
                error!(%group, %error, "topics could not be searched");
                search_failed(&mut serving.coordinator, &group);
            }
        });
        if let Err(error) = taken {
            debug!(%group, %error, "nobody wants to know the topics of a group any more");
        }
    });
}
