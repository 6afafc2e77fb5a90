//! Waiting for partitions, bounded by a deadline and by the broker's own end.

use crate::Broker;
use network::Alarm;
use partition::Signal;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The signal was raised.
    Raised,
    /// The deadline passed, or the broker stops: what is there is answered.
    TimeUp,
}

/// The deadline `millis` from now; negative counts as 0.
pub(crate) fn deadline(millis: i32) -> Instant {
    Instant::now() + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Waits for the signal or the deadline, whichever is first.
pub(crate) async fn wait_on(signal: &Arc<Signal>, deadline: Instant) -> Woken {
    tokio::select! {
        biased;
        () = poll_fn(|context| signal.poll_raised(context)) => Woken::Raised,
        () = tokio::time::sleep_until(deadline) => Woken::TimeUp,
    }
}

/// Waits for the signal, the deadline or the broker's end, whichever is first.
pub(crate) async fn wait(broker: &Broker, signal: &Arc<Signal>, deadline: Instant) -> Woken {
    let mut stopping = broker.stopping.clone();
    tokio::select! {
        biased;
        () = poll_fn(|context| signal.poll_raised(context)) => Woken::Raised,
        () = tokio::time::sleep_until(deadline) => Woken::TimeUp,
        _ = stopping.wait_for(|stop| *stop) => Woken::TimeUp,
    }
}

/// The same for a request that many others follow on its connection.
pub(crate) async fn wait_again(broker: &Broker, alarm: &Alarm, signal: &Arc<Signal>, deadline: Instant) -> Woken {
    let stopped = || {
        let mut stopping = broker.stopping.clone();
        async move {
            _ = stopping.wait_for(|stop| *stop).await;
        }
    };
    tokio::select! {
        biased;
        () = poll_fn(|context| signal.poll_raised(context)) => Woken::Raised,
        () = alarm.until(deadline, stopped) => Woken::TimeUp,
    }
}
