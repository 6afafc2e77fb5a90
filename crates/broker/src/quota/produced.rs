//! What producers send, request by request.

use super::{ClientQuotas, hold_back};
use base::Instant;
use network::RequestContext;
use partition::RequiredAcks;
use std::time::Duration;

impl ClientQuotas {
    /// A Produce request with a body of so many bytes was taken. Answers how many milliseconds the producer is told to wait.
    pub fn produced(
        &self,
        client: &RequestContext,
        body: usize,
        acks: Option<RequiredAcks>,
        now: impl FnOnce() -> Instant,
    ) -> i32 {
        if !self.produce.is_set() && !self.request.is_set() {
            return 0;
        }
        let now = now();
        let bytes = self.produce.charge(client, request_len(client, body), now);
        // As in Kafka, the time is not counted of what is not answered.
        let work = match acks {
            Some(RequiredAcks::None) => Duration::ZERO,
            Some(RequiredAcks::Leader | RequiredAcks::All) | None => self.worked(client, now),
        };
        hold_back(client, [(&self.produce, bytes), (&self.request, work)], now)
    }
}

/// A request's length as its frame gives it: with its header, in which nobody puts tagged fields.
fn request_len(context: &RequestContext, body: usize) -> f64 {
    const KEY_VERSION_ID_AND_LENGTH: usize = 2 + 2 + 4 + 2;
    let is_flexible = context.api_key.api().request_header_version(context.api_version) >= 2;
    let tags = usize::from(is_flexible);
    (KEY_VERSION_ID_AND_LENGTH + context.client_id.len() + tags + body) as f64
}
