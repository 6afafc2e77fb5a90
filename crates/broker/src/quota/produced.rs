//! What producers send, request by request.

use super::ClientQuotas;
use base::Instant;
use network::RequestContext;

impl ClientQuotas {
    /// A Produce request with a body of so many bytes was taken. Answers how many milliseconds the producer is told to wait.
    pub fn produced(&self, client: &RequestContext, body: usize, now: impl FnOnce() -> Instant) -> i32 {
        if !self.produce.is_set() {
            return 0;
        }
        let now = now();
        let time = self.produce.charge(client, request_len(client, body), now);
        if time.is_zero() {
            return 0;
        }
        self.produce.hold_back(client, time, now)
    }
}

/// A request's length as its frame gives it: with its header, in which nobody puts tagged fields.
fn request_len(context: &RequestContext, body: usize) -> u64 {
    const KEY_VERSION_ID_AND_LENGTH: usize = 2 + 2 + 4 + 2;
    let is_flexible = context.api_key.api().request_header_version(context.api_version) >= 2;
    let tags = usize::from(is_flexible);
    (KEY_VERSION_ID_AND_LENGTH + context.client_id.len() + tags + body) as u64
}
