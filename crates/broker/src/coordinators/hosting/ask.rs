//! Asking the coordinator of a key.

use super::author::Author;
use super::shard::Shard;
use super::tenant::{Place, Tenant};
use crate::Broker;
use coordinator_runtime::{Moment, Outcome, Token, partition_for};
use protocol::ErrorCode;
use std::sync::Arc;
use std::time::Duration;

/// The partition of the tenant's topic that a key belongs to; none while there is no such topic.
pub(crate) fn partition_of<T: Tenant>(broker: &Broker, key: &str) -> Option<i32> {
    let published = broker.image.borrow();
    let topic = published.image.topics.get(T::TOPIC)?;
    let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
    Some(partition_for(key, count))
}

/// The coordinator of a key.
pub(crate) fn shard_of<T: Tenant>(broker: &Broker, key: &str) -> Result<Arc<Shard<T>>, ErrorCode> {
    let partition = partition_of::<T>(broker, key).ok_or(ErrorCode::NotCoordinator)?;
    T::shards(broker).get(partition).ok_or(ErrorCode::NotCoordinator)
}

/// Has the key's coordinator run an operation, and waits for its answer: NOT_COORDINATOR if the coordinator is gone
/// meanwhile, and COORDINATOR_NOT_AVAILABLE if there is a limit and the answer is not there in time.
pub(crate) async fn ask<T: Tenant>(
    broker: &Broker,
    key: &str,
    limit: Option<Duration>,
    operation: impl FnOnce(&mut T, &T::State, Moment, Token) -> Outcome<T::Record, T::Completion>,
) -> Result<T::Answer, ErrorCode> {
    ask_as(broker, key, limit, Author::Coordinator, operation).await
}

/// The same for records that `author` writes.
pub(crate) async fn ask_as<T: Tenant>(
    broker: &Broker,
    key: &str,
    limit: Option<Duration>,
    author: Author,
    operation: impl FnOnce(&mut T, &T::State, Moment, Token) -> Outcome<T::Record, T::Completion>,
) -> Result<T::Answer, ErrorCode> {
    let shard = shard_of::<T>(broker, key)?;
    let mut answer = shard.operate(author, operation)?;
    drop(shard);
    let answer = match (answer.try_recv(), limit) {
        (Ok(answer), _) => Ok(answer),
        (Err(_), None) => answer.await,
        (Err(_), Some(limit)) => tokio::time::timeout(limit, answer)
            .await
            .map_err(|_| ErrorCode::CoordinatorNotAvailable)?,
    };
    answer.map_err(|_| ErrorCode::NotCoordinator)
}

/// Looks at every coordinator here; one that is loading is an error, one that has gone is left out.
pub(crate) fn look_at_all<T: Tenant, R>(
    broker: &Broker,
    look: impl Fn(&T, &T::State) -> R,
) -> Result<Vec<R>, ErrorCode> {
    let mut all = Vec::new();
    for shard in T::shards(broker).all() {
        match shard.look(&look) {
            Ok(seen) => all.push(seen),
            Err(ErrorCode::NotCoordinator) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// The coordinator of one partition, if it is still the one that is meant.
pub(crate) fn shard_at<T: Tenant>(broker: &Broker, place: Place) -> Option<Arc<Shard<T>>> {
    T::shards(broker)
        .get(place.partition)
        .filter(|shard| shard.epoch == place.epoch)
}
