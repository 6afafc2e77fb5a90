//! Asking the coordinator of a group.

use crate::Broker;
use crate::coordinators::hosting::ask as hosting;
use crate::coordinators::hosting::author::Author;
use group_coordinator::{Answer, GroupCoordinator, GroupState, Moment, Outcome, Token};
use protocol::ErrorCode;
use std::collections::BTreeMap;

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as what was written needs to be committed: `offsets.commit.timeout.ms`.
    ForCommit,
    /// Until others have come too.
    ForOthers,
}

/// The partition of `__consumer_offsets` that a group belongs to; none while there is no such topic.
pub(crate) fn partition_of(broker: &Broker, group: &str) -> Option<i32> {
    hosting::partition_of::<GroupCoordinator>(broker, group)
}

/// Has the group's coordinator run an operation, and waits for its answer; an answer that is not there in time is
/// COORDINATOR_NOT_AVAILABLE, and NOT_COORDINATOR if the coordinator is gone meanwhile.
pub(crate) async fn ask(
    broker: &Broker,
    group: &str,
    patience: Patience,
    operation: impl FnOnce(&mut GroupCoordinator, &GroupState, Moment, Token) -> Outcome,
) -> Result<Answer, ErrorCode> {
    ask_as(broker, group, patience, Author::Coordinator, operation).await
}

/// The same for records that `author` writes.
pub(crate) async fn ask_as(
    broker: &Broker,
    group: &str,
    patience: Patience,
    author: Author,
    operation: impl FnOnce(&mut GroupCoordinator, &GroupState, Moment, Token) -> Outcome,
) -> Result<Answer, ErrorCode> {
    let limit = match patience {
        Patience::ForCommit => Some(broker.config.load().groups.offsets_commit_timeout),
        Patience::ForOthers => None,
    };
    match hosting::ask_as(broker, group, limit, author, operation).await? {
        Answer::Refused(error) => Err(error),
        answer => Ok(answer),
    }
}

/// Looks at a group's committed state.
pub(crate) fn look<R>(
    broker: &Broker,
    group: &str,
    look: impl FnOnce(&GroupCoordinator, &GroupState) -> R,
) -> Result<R, ErrorCode> {
    hosting::shard_of::<GroupCoordinator>(broker, group)?.look(look)
}

/// Looks at every coordinator here; one that is loading is an error, one that has gone is left out.
pub(crate) fn look_at_all<R>(
    broker: &Broker,
    look: impl Fn(&GroupCoordinator, &GroupState) -> R,
) -> Result<Vec<R>, ErrorCode> {
    hosting::look_at_all(broker, look)
}

/// Groups by the partition they belong to; none for those that have none.
pub(crate) fn by_partition(broker: &Broker, groups: Vec<String>) -> BTreeMap<Option<i32>, Vec<String>> {
    let mut sorted: BTreeMap<Option<i32>, Vec<String>> = BTreeMap::new();
    for group in groups {
        sorted.entry(partition_of(broker, &group)).or_default().push(group);
    }
    sorted
}
