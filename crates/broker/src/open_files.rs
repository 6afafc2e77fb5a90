//! Descriptors given back in time: a partition keeps its files open while it is in use, and there may be more partitions
//! than a process may have files.

use crate::Broker;
use tracing::debug;

/// What part of the descriptors the logs' files may hold before idle ones give theirs back: the rest is for connections.
const SHARE: usize = 2;

/// Whether the logs hold more than their share.
pub fn is_above_share(broker: &Broker) -> bool {
    broker.fs.descriptors().is_some_and(|now| now.open > now.most / SHARE)
}

/// Whether the logs hold so few that they will not soon be too many.
pub fn are_few(broker: &Broker) -> bool {
    broker
        .fs
        .descriptors()
        .is_none_or(|now| now.open < now.most / (SHARE * 4))
}

/// Gives descriptors back if the logs hold more than their share.
pub fn stay_below_share(broker: &Broker) {
    if is_above_share(broker) {
        give_back(broker);
    }
}

/// Closes the files of every log that waits for no flush. Those in use are opened again: that costs less than a connection
/// that cannot be accepted.
pub fn give_back(broker: &Broker) {
    let before = broker.fs.descriptors();
    for hosted in broker.partitions.all() {
        if hosted.dir().is_offline() {
            continue;
        }
        let rested = hosted.lock().log_mut().rest();
        if let Err(error) = rested {
            hosted.dir().failed(&error);
        }
    }
    debug!(?before, after = ?broker.fs.descriptors(), "logs gave their descriptors back");
}
