//! Fetch without sessions: from the files, by `sendfile`.

use crate::partition::Topics;
use crate::peer::Peer;
use anyhow::Result;
use protocol::frame::{RequestFrame, encode_response};
use protocol::messages::fetch_request::FetchRequest;
use protocol::messages::fetch_response::{FetchResponse, FetchableTopicResponse, PartitionData};
use protocol::{ApiKey, Message, Records};
use std::time::{Duration, Instant};

/// A request, which may have to wait.
pub struct Asked {
    request: FetchRequest,
    version: i16,
    correlation_id: i32,
    until: Instant,
}

impl Asked {
    /// One that came.
    pub fn new(frame: &RequestFrame<'_>, now: Instant) -> Result<Self> {
        let request = FetchRequest::from_bytes(&frame.body, frame.version)?;
        let wait = Duration::from_millis(u64::try_from(request.max_wait_ms)?);
        Ok(Self {
            request,
            version: frame.version,
            correlation_id: frame.correlation_id,
            until: now + wait,
        })
    }

    /// Answers it, if there is something or it has waited long enough; whether it did.
    pub fn answer(&self, topics: &Topics, peer: &mut Peer) -> Result<bool> {
        let mut room = u64::try_from(self.request.max_bytes)?;
        let mut answer = FetchResponse::default();
        for topic in &self.request.topics {
            let known = topics.of(topic.topic_id);
            let mut partitions = Vec::new();
            for asked in &topic.partitions {
                let Some(partition) = known.get(usize::try_from(asked.partition)?) else {
                    continue;
                };
                let most = room.min(u64::try_from(asked.partition_max_bytes)?);
                if most == 0 {
                    break;
                }
                let Some(region) = partition.read(asked.fetch_offset, most) else {
                    continue;
                };
                room = room.saturating_sub(u64::from(region.len));
                partitions.push(PartitionData {
                    partition_index: asked.partition,
                    high_watermark: partition.end,
                    last_stable_offset: partition.end,
                    records: Some(Records::File(region)),
                    ..Default::default()
                });
            }
            answer.responses.push(FetchableTopicResponse {
                topic_id: topic.topic_id,
                partitions,
                ..Default::default()
            });
        }
        let nothing = answer.responses.iter().all(|topic| topic.partitions.is_empty());
        if nothing && Instant::now() < self.until {
            return Ok(false);
        }
        let answer = encode_response(&answer, ApiKey::Fetch, self.version, self.correlation_id)?;
        peer.send(answer)?;
        Ok(true)
    }
}
