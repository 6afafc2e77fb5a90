//! A shard's task: reads the log, then does what is due by the clock and what the high watermark allows, until the end.

use super::load;
use super::shard::{Serving, Shard};
use super::tenant::Tenant;
use base::Rng;
use protocol::ErrorCode;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{error, info};

/// A shard looks around at least so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);

/// Runs until the shard is gone or the broker stops.
pub(super) async fn tend<T: Tenant>(
    shard: Arc<Shard<T>>,
    settings: T::Settings,
    buffer: u32,
    rng: Rng,
    mut stopping: watch::Receiver<bool>,
) {
    let reader = Arc::clone(&shard);
    let loaded = network::thread::beside(move || take_over(&reader, settings, buffer, rng)).await;
    if loaded.is_err() {
        error!(partition = shard.index, "loading a {} failed", T::NAME);
        shard.resign();
    }
    while !shard.is_gone() {
        let sleep = shard.until_deadline();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => shard.resign(),
            () = poll_fn(|context| shard.moved.poll_raised(context)) => shard.look_at_watermark(),
            () = shard.changed.notified() => {}
            () = tokio::time::sleep(sleep) => shard.do_what_is_due(),
        }
    }
}

pub(super) fn take_over<T: Tenant>(shard: &Shard<T>, settings: T::Settings, buffer: u32, rng: Rng) {
    let started = shard.clock.now();
    match load::load(shard, buffer) {
        Ok(runtime) => {
            let size = T::size(runtime.latest());
            // Whoever has something new for all coordinators either comes before and is seen here, or finds this one serving.
            let serve = |moment| {
                let coordinator = T::take_over(runtime.latest(), settings, rng, moment);
                Serving::new(runtime, coordinator)
            };
            if shard.begin(serve) {
                let took = shard.clock.now().since(started);
                info!(
                    partition = shard.index,
                    size,
                    took_ms = took.as_millis(),
                    "{} loaded",
                    T::NAME
                );
            }
            shard.look_at_watermark();
        }
        Err(error) => {
            error!(partition = shard.index, %error, "the log of a {} cannot be read; there is none", T::NAME);
            shard.resign();
        }
    }
}

impl<T: Tenant> Shard<T> {
    fn until_deadline(&self) -> Duration {
        self.next_deadline()
            .map_or(LONGEST_SLEEP, |next| next.since(self.clock.now()).min(LONGEST_SLEEP))
    }

    fn do_what_is_due(&self) {
        let done = self.change(|shard, serving, due| {
            while let Some(outcome) = serving.coordinator.on_timeout(serving.runtime.latest(), shard.moment()) {
                shard.write(serving, outcome, due);
            }
        });
        debug_assert_ne!(
            done,
            Err(ErrorCode::CoordinatorLoadInProgress),
            "the task has loaded it"
        );
    }

    pub(super) fn look_at_watermark(&self) {
        self.moved.lower();
        let seen = self.change(|shard, serving, _| shard.commit(serving));
        debug_assert_ne!(
            seen,
            Err(ErrorCode::CoordinatorLoadInProgress),
            "the task has loaded it"
        );
    }
}

#[cfg(test)]
mod tests;
