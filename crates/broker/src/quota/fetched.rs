//! What consumers fetch. A fetch that is too much is answered with nothing, and then has used nothing.

use super::{ClientQuotas, hold_back};
use base::Instant;
use network::RequestContext;

impl ClientQuotas {
    /// How many bytes a fetch may be answered with without being too much by itself, whatever was fetched before; none
    /// without a quota.
    pub fn most_fetched(&self, client: &RequestContext) -> Option<u64> {
        if !self.fetch.is_set() {
            return None;
        }
        self.fetch.most_at_once(client)
    }

    /// A consumer's fetch could be answered with as many bytes as `size` says. Answers how many milliseconds the consumer
    /// is told to wait with an empty answer instead; none if it is not.
    pub fn fetched(
        &self,
        client: &RequestContext,
        size: impl FnOnce() -> u64,
        now: impl FnOnce() -> Instant,
    ) -> Option<i32> {
        if !self.fetch.is_set() && !self.request.is_set() {
            return None;
        }
        let (size, now) = (size() as f64, now());
        let bytes = self.fetch.charge(client, size, now);
        let work = self.worked(client, now);
        let told = hold_back(client, [(&self.fetch, bytes), (&self.request, work)], now);
        if told == 0 {
            return None;
        }
        self.fetch.take_back(client, size, now);
        Some(told)
    }
}
