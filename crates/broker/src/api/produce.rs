//! Produce (key 0): append a batch to each partition.
//!
//! acks 0, 1 or -1; others are INVALID_REQUIRED_ACKS. With acks=0 there is no response, and any error closes the
//! connection so that the producer learns of it. Exactly one batch of magic 2 per partition. A duplicate of an
//! idempotent producer is answered with its first offset. From version 13 topics are ids (KIP-516), from 10 errors
//! about leadership name the leader (KIP-951). zstd is for version 7 on (KIP-110). Versions 0 to 2 are advertised but refused (KAFKA-18659).

mod append;
mod response;

use crate::waiting::{self, Woken};
use crate::Broker;
use append::{Item, Pending};
use bytes::Bytes;
use network::api::respond;
use network::{Reply, RequestContext};
use partition::{RequiredAcks, Signal};
use protocol::ErrorCode;
use protocol::views::produce::ProduceView;
use std::sync::Arc;

/// Appends, waits for the replicas if asked to, answers.
pub async fn handle(broker: &Arc<Broker>, context: &RequestContext, body: Bytes) -> Reply {
    let view = match ProduceView::parse(&body, context.api_version) {
        Ok(view) => view,
        Err(error) => {
            tracing::warn!(version = context.api_version, %error, "a Produce request cannot be decoded");
            return Reply::Close("the request cannot be decoded");
        }
    };
    let acks = RequiredAcks::from_code(view.acks);
    let timeout_ms = view.timeout_ms;
    let (mut items, wakes) = append::all(broker, &view, context.api_version, acks);
    drop(body);
    wakes.fire();
    match acks {
        Some(RequiredAcks::None) => return without_answer(&items),
        Some(RequiredAcks::All) if items.iter().any(|item| item.pending.is_some()) => {
            wait_for_replicas(broker, &mut items, timeout_ms).await;
        }
        Some(RequiredAcks::All | RequiredAcks::Leader) | None => {}
    }
    respond(context, &response::build(broker, context, items))
}

fn without_answer(items: &[Item]) -> Reply {
    if items.iter().any(|item| item.error != ErrorCode::None) {
        return Reply::Close("a Produce request with acks=0 failed");
    }
    Reply::Nothing
}

/// Parks until the high watermark has passed every appended batch, or the request's timeout.
async fn wait_for_replicas(broker: &Broker, items: &mut [Item], timeout_ms: i32) {
    let signal = Arc::new(Signal::default());
    let deadline = waiting::deadline(timeout_ms);
    loop {
        signal.lower();
        let mut waits = false;
        for item in items.iter_mut() {
            let Some(Pending { hosted, until }) = &item.pending else { continue };
            let mut partition = hosted.lock();
            if partition.high_watermark() >= *until {
                drop(partition);
                item.pending = None;
            } else if partition.leadership().is_err() {
                drop(partition);
                item.fail(ErrorCode::NotLeaderOrFollower, None);
            } else {
                partition.park_produce(&signal, *until);
                waits = true;
            }
        }
        if !waits {
            return;
        }
        if waiting::wait(broker, &signal, deadline).await == Woken::TimeUp {
            break;
        }
    }
    for item in items.iter_mut() {
        if let Some(Pending { hosted, .. }) = item.pending.take() {
            hosted.lock().leave(&signal);
            item.fail(ErrorCode::RequestTimedOut, None);
        }
    }
}
