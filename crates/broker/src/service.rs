//! The broker behind a listener.

use crate::quota::handled;
use crate::{Broker, api, flusher};
use base::Instant;
use bytes::Bytes;
use network::{Admission, Later, Reply, RequestContext, Service};
use protocol::ApiKey;
use std::sync::Arc;

/// The broker as the service of a listener.
#[derive(Debug)]
pub struct BrokerService {
    /// The broker.
    pub broker: Arc<Broker>,
}

impl Service for BrokerService {
    fn admit(&self, api_key: ApiKey, api_version: i16) -> Admission {
        let range = api::APIS.iter().find(|range| range.api_key == api_key);
        match range {
            Some(_) if api_key == ApiKey::ApiVersions => Admission::Handle,
            Some(range) if (range.min..=range.max).contains(&api_version) => Admission::Handle,
            _ => Admission::Refuse,
        }
    }

    async fn handle(self: &Arc<Self>, context: &RequestContext, body: Bytes) -> Reply {
        let begun = self.broker.clock.now();
        match handled::dispatch(&self.broker, context, body).await {
            Reply::Later(later) => {
                let (broker, context) = (Arc::clone(&self.broker), context.clone());
                Reply::Later(Later::new(async move {
                    let reply = later.await;
                    answered(&broker, &context, begun);
                    reply
                }))
            }
            reply => {
                answered(&self.broker, context, begun);
                reply
            }
        }
    }

    fn before_waiting(&self) {
        flusher::settle(&self.broker);
    }
}

fn answered(broker: &Broker, context: &RequestContext, begun: Instant) {
    let took = broker.clock.now().since(begun);
    broker.measures.requests.answered(context, took);
}
