//! Asking the coordinator of a group.

use super::OFFSETS_TOPIC;
use super::shard::Shard;
use crate::Broker;
use coordinator_runtime::partition_for;
use group_coordinator::{Answer, GroupCoordinator, GroupState, Moment, Outcome, Token};
use protocol::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    let published = broker.image.borrow();
    let topic = published.image.topics.get(OFFSETS_TOPIC)?;
    let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
    Some(partition_for(group, count))
}

fn shard_of(broker: &Broker, group: &str) -> Result<Arc<Shard>, ErrorCode> {
    let partition = partition_of(broker, group).ok_or(ErrorCode::NotCoordinator)?;
    broker.groups.get(partition).ok_or(ErrorCode::NotCoordinator)
}

/// Has the group's coordinator run an operation, and waits for its answer; an answer that is not there in time is
/// COORDINATOR_NOT_AVAILABLE, and NOT_COORDINATOR if the coordinator is gone meanwhile.
pub(crate) async fn ask(
    broker: &Broker,
    group: &str,
    patience: Patience,
    operation: impl FnOnce(&mut GroupCoordinator, &GroupState, Moment, Token) -> Outcome,
) -> Result<Answer, ErrorCode> {
    let shard = shard_of(broker, group)?;
    let mut answer = shard.operate(operation)?;
    drop(shard);
    let answer = match (answer.try_recv(), patience) {
        (Ok(answer), _) => Ok(answer),
        (Err(_), Patience::ForOthers) => answer.await,
        (Err(_), Patience::ForCommit) => {
            let limit = broker.config.load().groups.offsets_commit_timeout;
            tokio::time::timeout(limit, answer)
                .await
                .map_err(|_| ErrorCode::CoordinatorNotAvailable)?
        }
    };
    match answer {
        Ok(Answer::Refused(error)) => Err(error),
        Ok(answer) => Ok(answer),
        Err(_) => Err(ErrorCode::NotCoordinator),
    }
}

/// Looks at a group's committed state.
pub(crate) fn look<R>(
    broker: &Broker,
    group: &str,
    look: impl FnOnce(&GroupCoordinator, &GroupState) -> R,
) -> Result<R, ErrorCode> {
    shard_of(broker, group)?.look(look)
}

/// Looks at every coordinator here; one that is loading is an error, one that has gone is left out.
pub(crate) fn look_at_all<R>(
    broker: &Broker,
    look: impl Fn(&GroupCoordinator, &GroupState) -> R,
) -> Result<Vec<R>, ErrorCode> {
    let mut all = Vec::new();
    for shard in broker.groups.all() {
        match shard.look(&look) {
            Ok(seen) => all.push(seen),
            Err(ErrorCode::NotCoordinator) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Groups by the partition they belong to; none for those that have none.
pub(crate) fn by_partition(broker: &Broker, groups: Vec<String>) -> BTreeMap<Option<i32>, Vec<String>> {
    let mut sorted: BTreeMap<Option<i32>, Vec<String>> = BTreeMap::new();
    for group in groups {
        sorted.entry(partition_of(broker, &group)).or_default().push(group);
    }
    sorted
}
