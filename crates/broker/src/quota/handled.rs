//! How much of a thread's time the handling of requests takes, in percent (KIP-124).
//!
//! Only where somebody has such a quota is the clock looked at before and after each step of a request. Every answer tells how
//! long to wait; those of Produce and Fetch know it by themselves, in all others it is put where it belongs.

use super::ClientQuotas;
use crate::{Broker, api};
use base::{Clock, Instant};
use bytes::Bytes;
use network::{Reply, RequestContext};
use protocol::ApiKey;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

thread_local! {
    /// What this thread is handling.
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
}

/// A request in one of its steps.
#[derive(Clone, Copy)]
struct Running {
    /// What the steps before took.
    before: Duration,
    since: Instant,
}

/// A request whose time is taken.
struct Timed<'a, F> {
    clock: &'a dyn Clock,
    work: Pin<Box<F>>,
    spent: Duration,
}

impl<F: Future> Future for Timed<'_, F> {
    type Output = (F::Output, Duration);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let since = self.clock.now();
        let before = self.spent;
        RUNNING.set(Some(Running { before, since }));
        let polled = self.work.as_mut().poll(context);
        RUNNING.set(None);
        let step = self.clock.now().since(since);
        self.spent += step;
        polled.map(|output| (output, self.spent))
    }
}

/// Has a request handled, and its client charged with the time that it takes, if anybody has a quota of it.
pub async fn dispatch(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    if !broker.quotas.request.is_set() {
        return api::dispatch(broker, context, body).await;
    }
    let timed = Timed {
        clock: broker.clock.as_ref(),
        work: Box::pin(api::dispatch(broker, context, body)),
        spent: Duration::ZERO,
    };
    let (reply, spent) = Box::pin(timed).await;
    match (context.api_key, reply) {
        // They have charged their clients already, or nobody is charged.
        (ApiKey::Produce | ApiKey::Fetch | ApiKey::WriteTxnMarkers, reply) => reply,
        (_, reply @ (Reply::Nothing | Reply::Close(_) | Reply::Later(_))) => reply,
        (_, Reply::Answer(mut answer)) => {
            let now = broker.clock.now();
            let time = broker.quotas.charge_work(context, spent, now);
            if !time.is_zero() {
                let millis = broker.quotas.request.hold_back(context, time, now);
                if let Some(at) = place_of_throttle_time(context) {
                    answer.raise_i32(at, millis);
                }
            }
            Reply::Answer(answer)
        }
    }
}

impl ClientQuotas {
    /// What the handling of a request has taken until now makes its client wait.
    pub(super) fn worked(&self, client: &RequestContext, now: Instant) -> Duration {
        match RUNNING.get() {
            Some(Running { before, since }) if self.request.is_set() => {
                self.charge_work(client, before + now.since(since), now)
            }
            _ => Duration::ZERO,
        }
    }

    /// No longer than a sample, as in Kafka.
    fn charge_work(&self, client: &RequestContext, spent: Duration, now: Instant) -> Duration {
        let percent = spent.as_secs_f64() * 100.0;
        self.request
            .charge(client, percent, now)
            .min(self.request.windows.each())
    }
}

/// Where an answer, from its length on, says how long to wait. The few that do not, or not at a place that is always the same,
/// are those of older versions, of ApiVersions and of DescribeQuorum.
fn place_of_throttle_time(context: &RequestContext) -> Option<usize> {
    let (since, before) = match context.api_key {
        ApiKey::Metadata | ApiKey::OffsetCommit | ApiKey::OffsetFetch => (3, 0),
        ApiKey::ListOffsets | ApiKey::JoinGroup | ApiKey::OffsetForLeaderEpoch | ApiKey::CreateTopics => (2, 0),
        ApiKey::FindCoordinator
        | ApiKey::Heartbeat
        | ApiKey::LeaveGroup
        | ApiKey::SyncGroup
        | ApiKey::DescribeGroups
        | ApiKey::ListGroups
        | ApiKey::DeleteTopics => (1, 0),
        ApiKey::OffsetDelete => (0, size_of::<i16>()),
        ApiKey::ApiVersions | ApiKey::DescribeQuorum | ApiKey::Produce | ApiKey::WriteTxnMarkers => return None,
        _ => (0, 0),
    };
    let header = 4 + 4 + usize::from(context.api_key.api().response_header_version(context.api_version) >= 1);
    (context.api_version >= since).then_some(header + before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::uses::tests::client;
    use std::path::Path;

    /// The versions from which on the schema says that an answer begins with the time, or has it after an error code.
    fn by_schema(name: &str) -> Option<(i16, usize)> {
        let snake = name.char_indices().fold(String::new(), |mut snake, (at, c)| {
            if at > 0 && c.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
            snake
        });
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/schema/messages");
        let schema = std::fs::read_to_string(folder.join(snake).with_extension("txt")).unwrap();
        let response = schema.lines().skip_while(|line| !line.starts_with("response"));
        let mut before = 0;
        for line in response.skip(1) {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["ThrottleTimeMs", "int32", since, ..] => {
                    return Some((since.trim_end_matches('+').parse().unwrap(), before));
                }
                ["ErrorCode", "int16", ..] => before += size_of::<i16>(),
                _ => return None,
            }
        }
        None
    }

    #[test]
    fn every_answer_tells_where_its_schema_has_it() {
        for range in api::APIS {
            let name = range.api_key.name();
            for version in range.min..=range.max {
                let mut context = client("c");
                (context.api_key, context.api_version) = (range.api_key, version);
                let header = if range.api_key.api().response_header_version(version) >= 1 {
                    9
                } else {
                    8
                };
                let wanted = by_schema(name).filter(|(since, _)| version >= *since);
                let wanted = wanted.map(|(_, before)| header + before);
                assert_eq!(place_of_throttle_time(&context), wanted, "{name} {version}");
            }
        }
    }
}
