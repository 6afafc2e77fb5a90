//! Client quotas (KIP-13, KIP-55, KIP-124, KIP-219): how many bytes a second clients may send and fetch, and how much of a
//! thread's time their requests may take.
//!
//! A client beyond its quota is answered at once and told to wait, and its connection is held back for as long. A rate is
//! measured over `quota.window.num` samples of `quota.window.size.seconds`. Quotas are those of the newest image; where nobody has
//! one, a request costs a look at a flag.

mod fetched;
mod figures;
pub mod handled;
mod produced;
mod uses;

pub use figures::show;

use base::{Instant, Windows};
use config::broker::RequestSettings;
use metadata::image::ClientQuotasImage;
use network::RequestContext;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uses::Uses;

/// The quotas that a broker holds its clients to.
#[derive(Debug)]
pub struct ClientQuotas {
    /// Of bytes that are produced.
    pub produce: ClientQuota,
    /// Of bytes that are fetched.
    pub fetch: ClientQuota,
    /// Of a thread's time, in percent.
    pub request: ClientQuota,
}

impl ClientQuotas {
    /// Before the first image nobody has any.
    pub fn new(settings: &RequestSettings) -> Self {
        let windows = settings.quota_windows();
        Self {
            produce: ClientQuota::new("producer_byte_rate", windows),
            fetch: ClientQuota::new("consumer_byte_rate", windows),
            request: ClientQuota::new("request_percentage", windows),
        }
    }

    /// Takes over the quotas of an image.
    pub fn follow(&self, old: &ClientQuotasImage, new: &ClientQuotasImage) {
        if !old.is_same(new) {
            self.produce.replace(new);
            self.fetch.replace(new);
            self.request.replace(new);
        }
    }
}

/// Holds a client's connection back for as long as the quota says that makes it wait for longest. Answers what it is told, in
/// milliseconds; 0 if it need not wait.
fn hold_back(client: &RequestContext, waits: [(&ClientQuota, Duration); 2], now: Instant) -> i32 {
    let [bytes, work] = waits;
    let (quota, time) = if bytes.1 > work.1 { bytes } else { work };
    if time.is_zero() {
        return 0;
    }
    quota.hold_back(client, time, now)
}

/// The quotas of one kind.
#[derive(Debug)]
pub struct ClientQuota {
    /// As AlterClientQuotas calls it.
    key: &'static str,
    windows: Windows,
    /// Whether anybody has one.
    is_set: AtomicBool,
    uses: Mutex<Uses>,
}

impl ClientQuota {
    fn new(key: &'static str, windows: Windows) -> Self {
        Self {
            key,
            windows,
            is_set: AtomicBool::new(false),
            uses: Mutex::new(Uses::new(key, windows)),
        }
    }

    fn replace(&self, quotas: &ClientQuotasImage) {
        let is_set = quotas.has(self.key);
        self.lock().replace(is_set.then_some(quotas));
        self.is_set.store(is_set, Ordering::Release);
    }

    /// Whether anybody has such a quota. Everything else is only worth its while then.
    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    /// Counts what a client uses; answers how long it is to wait for its rate to be within its quota.
    fn charge(&self, client: &RequestContext, amount: f64, now: Instant) -> Duration {
        if !self.is_set() {
            return Duration::ZERO;
        }
        self.lock().charge(client, amount, now)
    }

    /// Forgets what was counted, but was not used.
    fn take_back(&self, client: &RequestContext, amount: f64, now: Instant) {
        self.lock().take_back(client, amount, now);
    }

    /// More than this at once is too much for the client even if it has used nothing of late.
    fn most_at_once(&self, client: &RequestContext) -> Option<u64> {
        let limit = self.lock().limit(client)?;
        Some((limit * self.windows.whole().as_secs_f64()) as u64)
    }

    /// Holds the client's connection back. Answers what it is told, in milliseconds.
    fn hold_back(&self, client: &RequestContext, time: Duration, now: Instant) -> i32 {
        client.connection.throttle.hold(time);
        self.lock().waits(client, time, now);
        i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        // What a panic could leave behind is a count that is a little off.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
