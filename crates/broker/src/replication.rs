//! Data between brokers: followers fetch from leaders, leaders know how far each has come and ask the controller to
//! change who is in sync.
//!
//! The rules are those of `partition`; here they get connections, tasks and time. A follower's side: [`fetchers`] assigns
//! partitions to [`lane`]s, a `fetcher` for each fetches (its `session`, what it `followed`, its `request`s), takes the
//! `answer`s and makes them `durable` before it asks on. A leader's side is in `api/fetch`; [`alter_partition`] and `isr`
//! keep the in-sync replicas.

mod alter_partition;
mod answer;
mod connection;
mod durable;
mod fetcher;
mod fetchers;
mod followed;
mod following;
mod isr;
mod lane;
mod out_of_range;
mod outcome;
mod request;
pub(crate) mod selector;
mod session;
mod throttle;

pub use alter_partition::Alterations;
pub(crate) use connection::{FetchFailed, connect};
pub use fetchers::{Fetchers, Task, assign, leaders_changed, rearrange};
pub use lane::Follow;
pub use session::PartitionId;
pub use throttle::{Throttled, Throttles, names};

use crate::Broker;
use std::sync::Arc;

/// Begins to watch who is in sync, and to tell the controller.
pub fn start(broker: &Arc<Broker>) {
    tokio::spawn(alter_partition::run(Arc::clone(broker)));
    tokio::spawn(isr::watch(Arc::clone(broker)));
}
