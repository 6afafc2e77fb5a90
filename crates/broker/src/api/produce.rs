//! Produce (key 0): append a batch to each partition.
//!
//! acks 0, 1 or -1; others are INVALID_REQUIRED_ACKS. With acks=0 there is no response, and any error closes the
//! connection so that the producer learns of it. Exactly one batch of magic 2 per partition. A duplicate of an
//! idempotent producer is answered with its first offset. From version 13 topics are ids (KIP-516), from 10 errors
//! about leadership name the leader (KIP-951). zstd is for version 7 on (KIP-110).
//!
//! Transactional batches need a transactional id (TRANSACTIONAL_ID_AUTHORIZATION_FAILED) and one producer for all of them
//! (INVALID_PRODUCER_ID_MAPPING). The first of a transaction on a partition is verified with its coordinator (KIP-890); from
//! version 12 that adds the partition. INVALID_TXN_STATE (TRANSACTION_ABORTABLE from 11): the partition takes no part;
//! CONCURRENT_TRANSACTIONS from 12: the transaction before is being ended; NOT_ENOUGH_REPLICAS: the coordinator could not be
//! asked.
//! Versions 0 to 2 are advertised but refused (KAFKA-18659).

mod append;
mod response;
mod topic;
mod transaction;

use crate::replicated::{self, Pending};
use crate::{Broker, waiting};
use append::Item;
use bytes::Bytes;
use network::api::respond;
use network::{Later, Reply, RequestContext};
use partition::RequiredAcks;
use protocol::ErrorCode;
use protocol::views::produce::ProduceView;
use std::sync::Arc;
use tokio::time::Instant;
use transaction::Checks;
use transaction_coordinator::Producer;

/// Appends, and answers once it is on stable storage and with the replicas, as far as that is asked for. The connection's next
/// batches are appended meanwhile: what a producer has in flight shares a flush, and a round trip to the followers.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    let view = match ProduceView::parse(&body, context.api_version) {
        Ok(view) => view,
        Err(error) => {
            tracing::warn!(version = context.api_version, %error, "a Produce request cannot be decoded");
            return Reply::Close("the request cannot be decoded");
        }
    };
    match transaction::producer(&view) {
        Ok(None) => append_and_answer(broker, context, &body, &view, &Checks::Plain),
        Err(refused) => append_and_answer(broker, context, &body, &view, &Checks::Refused(refused)),
        Ok(Some(producer)) => {
            // Boxed: every request's future would be as large as this part, which few requests need.
            Box::pin(transactional(broker, context, body, producer)).await
        }
    }
}

/// The same for transactional batches, which may have to be asked about first.
async fn transactional(broker: &Arc<Broker>, context: &RequestContext, body: Bytes, producer: Producer) -> Reply {
    let version = context.api_version;
    let view = ProduceView::parse(&body, version).expect("it was parsed before");
    let checks = match RequiredAcks::from_code(view.acks) {
        Some(_) => transaction::check(broker, &view, version, producer).await,
        None => Checks::Plain,
    };
    append_and_answer(broker, context, &body, &view, &checks)
}

fn append_and_answer(
    broker: &Arc<Broker>,
    context: &RequestContext,
    body: &Bytes,
    view: &ProduceView<'_>,
    checks: &Checks,
) -> Reply {
    let acks = RequiredAcks::from_code(view.acks);
    let (items, wakes) = append::all(broker, view, context.api_version, acks, checks);
    wakes.fire();
    measure(broker, &items);
    let throttle_time_ms = broker.quotas.produced(context, body.len(), acks, || broker.clock.now());
    match acks {
        Some(RequiredAcks::None) => return without_answer(&items),
        Some(RequiredAcks::All | RequiredAcks::Leader) if items.iter().any(|item| item.pending.is_some()) => {
            return later(broker, context, items, view.timeout_ms, throttle_time_ms);
        }
        Some(RequiredAcks::All | RequiredAcks::Leader) | None => {}
    }
    respond(context, &response::build(broker, context, items, throttle_time_ms))
}

/// Counts what was appended or refused; a batch that the replicas do not take in time is told to the producer only.
fn measure(broker: &Broker, items: &[Item]) {
    let failed = items.iter().filter(|item| item.error != ErrorCode::None).count();
    broker.measures.traffic.produces.add(items.len() as u64);
    if failed > 0 {
        broker.measures.traffic.failed_produces.add(failed as u64);
    }
}

fn without_answer(items: &[Item]) -> Reply {
    if items.iter().any(|item| item.error != ErrorCode::None) {
        return Reply::Close("a Produce request with acks=0 failed");
    }
    Reply::Nothing
}

/// The answer, once every appended batch may be acknowledged or its time is up.
fn later(
    broker: &Arc<Broker>,
    context: &RequestContext,
    mut items: Vec<Item>,
    timeout_ms: i32,
    throttle_time_ms: i32,
) -> Reply {
    // The time runs from now, not from when older answers of the connection are there.
    let deadline = waiting::deadline(timeout_ms);
    let (broker, context) = (Arc::clone(broker), context.clone());
    Reply::Later(Later::new(async move {
        wait(&broker, &mut items, deadline).await;
        respond(&context, &response::build(&broker, &context, items, throttle_time_ms))
    }))
}

/// Waits until every appended batch may be acknowledged, or for the other replicas until the deadline.
async fn wait(broker: &Broker, items: &mut [Item], deadline: Instant) {
    let waits = |item: &mut Item| item.pending.take();
    let (waiting, appended): (Vec<&mut Item>, Vec<Pending>) =
        items.iter_mut().filter_map(|item| waits(item).map(|pending| (item, pending))).unzip();
    for (item, outcome) in waiting.into_iter().zip(replicated::wait(broker, &appended, deadline).await) {
        if let Err(error) = outcome {
            item.fail(error, None);
        }
    }
}
